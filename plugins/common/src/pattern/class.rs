//! Classes: `[a-z]`, `\d` and `\p{Greek}`.

use super::{Atom, Parser, Refusal, names, refusal};

/// A class that has no character.
pub const NOTHING: &str = "[a&&b]";

const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;

/// What `\d` and the like stand for, within a class.
pub fn perl(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => "[^0-9]",
        's' => "\\t\\n\\f\\r\\x20",
        'S' => "[^\\t\\n\\f\\r\\x20]",
        'w' => "0-9A-Za-z_",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// The classes that are named between `[:` and `:]`, all of ASCII.
const POSIX: [(&str, &str); 14] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", "\\x00-\\x7F"),
    ("blank", "\\t\\x20"),
    ("cntrl", "\\x00-\\x1F\\x7F"),
    ("digit", "0-9"),
    ("graph", "!-\\x7E"),
    ("lower", "a-z"),
    ("print", "\\x20-\\x7E"),
    ("punct", "!-/:-@\\[-`\\{-\\x7E"),
    ("space", "\\t-\\r\\x20"),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

impl Parser<'_> {
    /// A class in brackets.
    pub(super) fn class(&mut self) -> Result<Atom, Refusal> {
        let at = self.at;
        self.next();
        let mut text = String::from(if self.take("^") { "[^" } else { "[" });
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return refusal(at, "this `[` is not closed"),
                Some(']') if !is_first => break,
                Some(_) => self.class_item(at, &mut text)?,
            }
            is_first = false;
        }
        self.next();
        text.push(']');
        Ok(Atom::new(text, self.flags))
    }

    fn class_item(&mut self, class_at: usize, text: &mut String) -> Result<(), Refusal> {
        if let Some(class) = self.posix_class()? {
            text.push_str(&class);
        } else if let Some(class) = self.unicode_class()? {
            text.push_str(&class);
        } else if let Some(class) = self.perl_class() {
            text.push_str(class);
        } else {
            let at = self.at;
            let first = self.class_character(class_at)?;
            let mut last = first;
            let goes_on =
                self.rest().strip_prefix('-').is_some_and(|behind| !behind.is_empty() && !behind.starts_with(']'));
            if goes_on {
                self.next();
                last = self.class_character(class_at)?;
            }
            if last < first {
                return refusal(at, "this range ends before it begins");
            }
            range(first, last, text);
        }
        Ok(())
    }

    fn class_character(&mut self, class_at: usize) -> Result<u32, Refusal> {
        match self.peek() {
            Some('\\') => self.escaped(),
            Some(character) => {
                self.next();
                Ok(u32::from(character))
            }
            None => refusal(class_at, "this `[` is not closed"),
        }
    }

    /// `[:alpha:]`; what has no end is a bracket.
    fn posix_class(&mut self) -> Result<Option<String>, Refusal> {
        let Some((name, _)) = self.rest().strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else {
            return Ok(None);
        };
        let plain = name.strip_prefix('^').unwrap_or(name);
        let Some((_, class)) = POSIX.iter().find(|(known, _)| *known == plain) else {
            let known: Vec<&str> = POSIX.iter().map(|(name, _)| *name).collect();
            return refusal(self.at, format!("`[:{name}:]` is none of {}", known.join(", ")));
        };
        self.at += name.len() + "[::]".len();
        Ok(Some(if plain == name { (*class).to_owned() } else { format!("[^{class}]") }))
    }

    /// `\pL`, `\p{Greek}`, `\P{^Lu}`.
    pub(super) fn unicode_class(&mut self) -> Result<Option<String>, Refusal> {
        let at = self.at;
        let mut is_negated = self.rest().starts_with("\\P");
        if !is_negated && !self.rest().starts_with("\\p") {
            return Ok(None);
        }
        self.at += "\\p".len();
        let name = match self.take("{") {
            true => self.rest().split_once('}').map(|(name, _)| (name, name.len() + 1)),
            false => self.peek().and_then(|one| self.rest().get(..one.len_utf8())).map(|one| (one, one.len())),
        };
        let Some((mut name, length)) = name else {
            return refusal(at, "after `\\p` follows a name, as in `\\p{Greek}`");
        };
        self.at += length;
        if let Some(behind) = name.strip_prefix('^') {
            (name, is_negated) = (behind, !is_negated);
        }
        match names::class(name) {
            Some(class) if is_negated => Ok(Some(format!("[^{class}]"))),
            Some(class) => Ok(Some(format!("[{class}]"))),
            None => refusal(at, format!("`{name}` is no category and no script of Unicode")),
        }
    }
}

/// Appends a range without what no text has.
fn range(first: u32, last: u32, text: &mut String) {
    let (start, end) = (*SURROGATES.start(), *SURROGATES.end());
    let before = (first, last.min(start - 1));
    let behind = (first.max(end + 1), last);
    let pieces = [before, behind].into_iter().filter(|(first, last)| first <= last);
    let mut is_empty = true;
    for (first, last) in pieces {
        text.push_str(&format!("\\x{{{first:X}}}-\\x{{{last:X}}}"));
        is_empty = false;
    }
    if is_empty {
        text.push_str(NOTHING);
    }
}
