//! What begins with a backslash.

use super::class::perl;
use super::{Atom, Flags, Parser, Refusal, refusal};

/// A letter, a digit or `_` of ASCII.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Parser<'_> {
    /// Outside a class.
    pub(super) fn escape(&mut self) -> Result<(), Refusal> {
        let boundaries = [("\\A", "\\A"), ("\\z", "\\z"), ("\\b", "(?-u:\\b)"), ("\\B", "(?-u:\\B)")];
        if let Some((_, text)) = boundaries.into_iter().find(|(escape, _)| self.take(escape)) {
            self.push(Atom::new(text, Flags::default()));
            return Ok(());
        }
        if self.take("\\Q") {
            self.quoted();
            return Ok(());
        }
        let class = match self.unicode_class()? {
            Some(class) => Some(class),
            None => self.perl_class().map(|class| format!("[{class}]")),
        };
        match class {
            Some(class) => self.push(Atom::new(class, self.flags)),
            None => {
                let code_point = self.escaped()?;
                self.literal(code_point);
            }
        }
        Ok(())
    }

    /// Up to `\E` or the end, everything stands for itself.
    fn quoted(&mut self) {
        while !self.rest().is_empty() && !self.take("\\E") {
            self.literal_here();
        }
    }

    /// `\d` and the like, as what stands in a class.
    pub(super) fn perl_class(&mut self) -> Option<&'static str> {
        let letter = self.rest().strip_prefix('\\')?.chars().next()?;
        let class = perl(letter)?;
        self.at += "\\d".len();
        Some(class)
    }

    /// An escape that stands for one code point. It may be half of a pair in UTF-16.
    pub(super) fn escaped(&mut self) -> Result<u32, Refusal> {
        let at = self.at;
        self.next();
        let Some(character) = self.next() else { return refusal(at, "nothing follows this backslash") };
        let control = match character {
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            _ => None,
        };
        if let Some(control) = control {
            return Ok(control);
        }
        match character {
            'x' => self.hexadecimal(at),
            '0'..='7' => self.octal(at, character),
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok(u32::from(other)),
            '8' | '9' => unknown_number(at),
            other => refusal(at, format!("`\\{other}` is no escape of Go's regular expressions")),
        }
    }

    fn octal(&mut self, at: usize, first: char) -> Result<u32, Refusal> {
        let is_octal = |character: &char| ('0'..='7').contains(character);
        if first != '0' && !self.peek().as_ref().is_some_and(is_octal) {
            return unknown_number(at);
        }
        let mut number = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.peek().filter(is_octal).and_then(|digit| digit.to_digit(8)) else { break };
            self.next();
            number = number * 8 + digit;
        }
        Ok(number)
    }

    fn hexadecimal(&mut self, at: usize) -> Result<u32, Refusal> {
        let digits = if self.take("{") {
            let inside = self.rest().split_once('}').map(|(inside, _)| inside);
            self.at += inside.map_or(0, |inside| inside.len() + 1);
            inside
        } else {
            let two = self.rest().get(..2);
            self.at += two.map_or(0, str::len);
            two
        };
        let is_number = |digits: &&str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let significant = digits.filter(is_number).map(|digits| digits.trim_start_matches('0'));
        let number = significant.map(|digits| if digits.is_empty() { Ok(0) } else { u32::from_str_radix(digits, 16) });
        match number {
            Some(Ok(number)) if number <= u32::from(char::MAX) => Ok(number),
            _ => refusal(at, "after `\\x` follow two hexadecimal digits, or up to 10FFFF in braces"),
        }
    }
}

fn unknown_number<T>(at: usize) -> Result<T, Refusal> {
    refusal(at, "references to groups are not possible; a code point in octal has two digits at least, such as `\\01`")
}
