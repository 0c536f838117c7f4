//! Regular expressions as the Collector has them: the syntax and the meaning of Go's `regexp`, which is RE2's.
//!
//! The `regex` crate reads a similar syntax, and gives some patterns another meaning: `\d` knows all of Unicode there, `\<` is a boundary, `[a&&b]`
//! an intersection. So a pattern is read here by Go's rules, refused where Go refuses it, and written anew with what both understand alike: each
//! piece says what it means and depends on no flag around it.
//!
//! - Groups capture nothing where nobody asks what was captured ([`from_go`]); their names are checked.
//! - The bounds of Go hold: 1000 repetitions, nested ones multiplied. Groups nest at most `DEPTH_MAX` deep; in Go it is 1000.
//! - A text is a list of code points; a byte that belongs to none counts as U+FFFD ([`text`]).

mod class;
mod escape;
mod names;
mod repeat;

use std::borrow::Cow;
use std::fmt;

use class::NOTHING;

/// How deep groups may nest.
const DEPTH_MAX: usize = 200;

/// Why a pattern is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Bytes of the pattern before the place.
    at: usize,
    /// The character of the pattern, counted from 1.
    character: usize,
    reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.character, self.reason)
    }
}

/// A refusal of what stands behind so many bytes.
fn refusal<T>(at: usize, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { at, character: 0, reason: reason.into() })
}

/// The same pattern for the `regex` crate.
pub fn from_go(pattern: &str) -> Result<String, Refusal> {
    read(pattern, None).map(|(text, _)| text)
}

/// The same with groups that capture, by number; and their names, empty where a group has none. Several may have one name.
pub fn from_go_with_groups(pattern: &str) -> Result<(String, Vec<String>), Refusal> {
    read(pattern, Some(Vec::new()))
}

fn read(pattern: &str, captured: Option<Vec<String>>) -> Result<(String, Vec<String>), Refusal> {
    let groups = vec![Group::new(0, Flags::default())];
    let mut parser = Parser { pattern, at: 0, flags: Flags::default(), groups, is_repeated: false, captured };
    let text = parser.parse().map_err(|mut refusal| {
        refusal.character = pattern.get(..refusal.at).map_or(0, |before| before.chars().count()) + 1;
        refusal
    })?;
    Ok((text, parser.captured.unwrap_or_default()))
}

/// A text as Go reads it.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push(char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// What `(?i)`, `(?s)`, `(?m)` and `(?U)` say.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    folds_case: bool,
    dot_is_any: bool,
    has_lines: bool,
    /// `*` is `*?` and the other way round.
    is_lazy: bool,
}

/// A piece of a pattern that a repetition can follow.
#[derive(Debug)]
struct Atom {
    text: String,
    folds_case: bool,
    /// A repetition can follow its text as it is.
    is_single: bool,
    /// How many repetitions it takes at the least, nested ones multiplied.
    repetitions: u32,
}

impl Atom {
    fn new(text: impl Into<String>, flags: Flags) -> Atom {
        Atom { text: text.into(), folds_case: flags.folds_case, is_single: true, repetitions: 0 }
    }
}

/// A group while it is read; the pattern itself is one.
#[derive(Debug)]
struct Group {
    /// Where it begins.
    at: usize,
    /// What holds again behind it.
    flags: Flags,
    is_captured: bool,
    alternatives: Vec<String>,
    atoms: Vec<Atom>,
    repetitions: u32,
}

impl Group {
    fn new(at: usize, flags: Flags) -> Group {
        Group { at, flags, is_captured: false, alternatives: Vec::new(), atoms: Vec::new(), repetitions: 0 }
    }

    fn end_alternative(&mut self) {
        let mut text = String::new();
        for alike in self.atoms.chunk_by(|one, other| one.folds_case == other.folds_case) {
            let folds_case = alike.first().is_some_and(|atom| atom.folds_case);
            text.push_str(if folds_case { "(?i:" } else { "" });
            alike.iter().for_each(|atom| text.push_str(&atom.text));
            text.push_str(if folds_case { ")" } else { "" });
        }
        let repetitions = self.atoms.drain(..).map(|atom| atom.repetitions).max().unwrap_or(0);
        self.repetitions = self.repetitions.max(repetitions);
        self.alternatives.push(text);
    }

    fn end(mut self) -> Atom {
        self.end_alternative();
        let opening = if self.is_captured { "(" } else { "(?:" };
        let text = format!("{opening}{})", self.alternatives.join("|"));
        Atom { text, folds_case: false, is_single: true, repetitions: self.repetitions }
    }
}

/// What a `(` begins.
enum Opening {
    /// Nothing: flags for what follows.
    None,
    /// A group that captures nothing.
    Plain,
    /// A group that captures, with its name.
    Captured(String),
}

struct Parser<'p> {
    pattern: &'p str,
    /// Bytes that were read.
    at: usize,
    flags: Flags,
    /// Never empty: the pattern is the first of them.
    groups: Vec<Group>,
    /// A repetition was read just before.
    is_repeated: bool,
    /// Names of the groups so far that capture, if any do.
    captured: Option<Vec<String>>,
}

impl<'p> Parser<'p> {
    fn parse(&mut self) -> Result<String, Refusal> {
        while let Some(character) = self.peek() {
            let was_repeated = std::mem::take(&mut self.is_repeated);
            match character {
                '(' => self.open()?,
                '|' => self.bar(),
                ')' => self.close()?,
                '^' => self.simple(if self.flags.has_lines { "(?m:^)" } else { "\\A" }),
                '$' => self.simple(if self.flags.has_lines { "(?m:$)" } else { "\\z" }),
                '.' => self.simple(if self.flags.dot_is_any { "(?s:.)" } else { "[^\\n]" }),
                '[' => {
                    let class = self.class()?;
                    self.push(class);
                }
                '*' | '+' | '?' => self.repeat(&character.to_string(), was_repeated)?,
                '{' => match self.counted() {
                    Some((length, min, max)) => self.count(length, min, max, was_repeated)?,
                    None => self.literal_here(),
                },
                '\\' => self.escape()?,
                _ => self.literal_here(),
            }
        }
        match self.groups.pop() {
            Some(group) if self.groups.is_empty() => Ok(group.end().text),
            Some(group) => refusal(group.at, "this `(` is not closed"),
            None => refusal(self.at, "this `)` closes nothing"),
        }
    }

    fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Goes past a text if it follows.
    fn take(&mut self, text: &str) -> bool {
        let follows = self.rest().starts_with(text);
        self.at += if follows { text.len() } else { 0 };
        follows
    }

    fn push(&mut self, atom: Atom) {
        if let Some(group) = self.groups.last_mut() {
            group.atoms.push(atom);
        }
    }

    /// One character of the pattern that stands for `text`, whatever the flags.
    fn simple(&mut self, text: &str) {
        self.next();
        self.push(Atom::new(text, Flags::default()));
    }

    /// The character at hand, as itself.
    fn literal_here(&mut self) {
        if let Some(character) = self.next() {
            self.literal(u32::from(character));
        }
    }

    fn literal(&mut self, code_point: u32) {
        // Half of a pair in UTF-16 is in no text.
        let text = char::from_u32(code_point).map_or(NOTHING.to_owned(), written);
        self.push(Atom::new(text, self.flags));
    }

    fn bar(&mut self) {
        self.next();
        if let Some(group) = self.groups.last_mut() {
            group.end_alternative();
        }
    }

    fn open(&mut self) -> Result<(), Refusal> {
        let (at, flags) = (self.at, self.flags);
        let opening = if self.rest().starts_with("(?") { self.flags()? } else { self.bracket() };
        let name = match opening {
            Opening::None => return Ok(()),
            Opening::Plain => None,
            Opening::Captured(name) => Some(name),
        };
        if self.groups.len() > DEPTH_MAX {
            return refusal(at, format!("groups nest more than {DEPTH_MAX} deep"));
        }
        let mut group = Group::new(at, flags);
        if let (Some(name), Some(captured)) = (name, &mut self.captured) {
            captured.push(name);
            group.is_captured = true;
        }
        self.groups.push(group);
        Ok(())
    }

    fn bracket(&mut self) -> Opening {
        self.next();
        Opening::Captured(String::new())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        let at = self.at;
        self.next();
        match self.groups.pop() {
            Some(group) if !self.groups.is_empty() => {
                self.flags = group.flags;
                self.push(group.end());
                Ok(())
            }
            _ => refusal(at, "this `)` closes nothing"),
        }
    }

    /// `(?P<name>`, `(?i)` and `(?i:`.
    fn flags(&mut self) -> Result<Opening, Refusal> {
        let at = self.at;
        self.at += "(?".len();
        if ["P<", "<"].iter().any(|opening| self.rest().len() > opening.len() && self.take(opening)) {
            let name = self.rest().split_once('>').map(|(name, _)| name);
            let is_word = |name: &&str| !name.is_empty() && name.bytes().all(escape::is_word);
            return match name.filter(is_word) {
                Some(name) => {
                    self.at += name.len() + 1;
                    Ok(Opening::Captured(name.to_owned()))
                }
                None => refusal(at, "a group's name has letters, digits and `_` of ASCII, up to a `>`"),
            };
        }
        let (mut flags, mut value, mut saw_flag) = (self.flags, true, false);
        loop {
            let flag_at = self.at;
            match self.next() {
                Some('i') => flags.folds_case = value,
                Some('m') => flags.has_lines = value,
                Some('s') => flags.dot_is_any = value,
                Some('U') => flags.is_lazy = value,
                Some('-') if value => {
                    (value, saw_flag) = (false, false);
                    continue;
                }
                Some(end @ (':' | ')')) if value || saw_flag => {
                    self.flags = flags;
                    return Ok(if end == ':' { Opening::Plain } else { Opening::None });
                }
                Some(other) => {
                    return refusal(
                        flag_at,
                        format!(
                            "`{other}` in `(?`: there are the flags `i`, `m`, `s` and `U`, `(?:`, `(?P<name>` and `(?<name>`"
                        ),
                    );
                }
                None => return refusal(at, "this `(?` does not end"),
            }
            saw_flag = true;
        }
    }
}

/// A character as one that the `regex` crate takes for itself.
fn written(character: char) -> String {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        character.to_string()
    } else {
        format!("\\x{{{:X}}}", u32::from(character))
    }
}
