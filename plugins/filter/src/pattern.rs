//! Regular expressions as the Collector has them: the syntax of Go, which is RE2's.
//!
//! The `regex` crate reads nearly the same one. Where a pattern would mean something else to it, the pattern is written anew: `\d`,
//! `\s`, `\w` and `\b` know ASCII alone, `[` in a class and a brace that repeats nothing stand for themselves, a class has no set
//! operations, and `\Q…\E` quotes.

use std::iter::Peekable;
use std::str::Chars;

/// The same pattern for the `regex` crate.
pub fn from_go(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => escape(&mut rest, false, &mut out),
            '[' => class(&mut rest, &mut out),
            '{' if !is_repetition(rest.clone()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    out
}

fn escape(rest: &mut Peekable<Chars<'_>>, in_class: bool, out: &mut String) {
    let Some(character) = rest.next() else {
        out.push('\\');
        return;
    };
    match character {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str("[\\t\\n\\f\\r ]"),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' if !in_class => out.push_str("(?-u:\\b)"),
        'B' if !in_class => out.push_str("(?-u:\\B)"),
        'Q' => quoted(rest, out),
        // To `regex` these are boundaries of words.
        '<' | '>' => out.push(character),
        'p' | 'P' | 'x' => {
            out.extend(['\\', character]);
            braced(rest, out);
        }
        other => out.extend(['\\', other]),
    }
}

/// What stands in braces behind `\p` or `\x`, if it does.
fn braced(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    if rest.peek() == Some(&'{') {
        for character in rest.by_ref() {
            out.push(character);
            if character == '}' {
                return;
            }
        }
    }
}

/// Up to `\E` or the end, everything stands for itself.
fn quoted(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(character) = rest.next() {
        if character == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            return;
        }
        out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }
}

/// The rest of a class, behind its `[`.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    // In front, the bracket that would end the class stands for itself.
    if rest.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(character) = rest.next() {
        match character {
            ']' => {
                out.push(']');
                return;
            }
            '\\' => escape(rest, true, out),
            '[' if rest.peek() == Some(&':') => named_class(rest, out),
            '[' | '&' | '~' => out.extend(['\\', character]),
            '-' if rest.peek() == Some(&'-') => {
                rest.next();
                out.push_str("-\\-");
            }
            other => out.push(other),
        }
    }
}

/// `[:alpha:]` in a class; what has no end is a bracket.
fn named_class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let name: String = rest.clone().take_while(|character| *character != ']').collect();
    if name.len() < 3 || !name.ends_with(':') {
        out.push_str("\\[");
        return;
    }
    out.push('[');
    out.push_str(&name);
    out.push(']');
    let taken = name.chars().count() + 1;
    rest.by_ref().take(taken).for_each(drop);
}

/// Whether `2}`, `2,}` or `2,3}` follows.
fn is_repetition(mut rest: Peekable<Chars<'_>>) -> bool {
    let digits = |rest: &mut Peekable<Chars<'_>>| {
        let mut count = 0;
        while rest.next_if(char::is_ascii_digit).is_some() {
            count += 1;
        }
        count
    };
    if digits(&mut rest) == 0 {
        return false;
    }
    if rest.next_if_eq(&',').is_some() {
        digits(&mut rest);
    }
    rest.next() == Some('}')
}

#[cfg(test)]
mod tests {
    use regex::bytes::RegexSetBuilder;

    use super::from_go;

    fn is_match(pattern: &str, text: &str) -> bool {
        let translated = from_go(pattern);
        let set = RegexSetBuilder::new([&translated]).octal(true).build();
        set.unwrap_or_else(|error| panic!("{pattern} becomes {translated}: {error}")).is_match(text.as_bytes())
    }

    /// What Go's `regexp.MatchString` says.
    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        let cases = [
            (r"^\d+$", "123", true),
            (r"^\d$", "٣", false),
            (r"^\D$", "٣", true),
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\s,]+$", "a b", false),
            (r"^[\W]$", "é", true),
            (r"^\w+$", "é", false),
            (r"\bend\b", "the end.", true),
            (r"x\b", "xé", true),
            (r"^[[]$", "[", true),
            (r"^[a[b]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]$", "]", false),
            (r"^[[:alpha:]_]+$", "a_B", true),
            (r"^[[:^alpha:]]$", "1", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a~~b]+$", "a~b", true),
            (r"^[+--]$", ",", true),
            (r"^{id}$", "{id}", true),
            (r"^a{2}$", "aa", true),
            (r"^a{2,}$", "aaa", true),
            (r"^a{2,3}$", "a", false),
            (r"^a{,3}$", "a{,3}", true),
            (r"^/users/{id}/\d{2,3}$", "/users/{id}/42", true),
            (r"^\Qa.b*\E.$", "a.b*c", true),
            (r"^\Qa.b", "axb", false),
            (r"^\<a\>$", "<a>", true),
            (r"(?i)straße", "STRAßE", true),
            (r"(?i)ÄPFEL", "äpfel", true),
            (r"^\p{Lu}\pL$", "Éa", true),
            (r"^.{3}$", "aéb", true),
            (r"a.b", "a\nb", false),
            (r"(?s)a.b", "a\nb", true),
            (r"^b", "a\nb", false),
            (r"(?m)^b", "a\nb", true),
            (r"(?P<name>a)|b", "xb", true),
            (r"\x41\x{1F600}\101", "A😀A", true),
            (r"prefix/.*", "a/prefix/", true),
            (r"a\.b\-c\_d", "a.b-c_d", true),
            ("", "anything", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(is_match(pattern, text), expected, "{pattern} on {text}, as {}", from_go(pattern));
        }
    }

    #[test]
    fn what_is_no_pattern_stays_none() {
        for pattern in ["(", "[a", "a\\", "*", r"\pX", r"\p{Lu", "[z-a]", "(?z)", "a{3,2}", "a{2000}{2000}"] {
            let translated = from_go(pattern);
            assert!(RegexSetBuilder::new([&translated]).size_limit(1 << 20).build().is_err(), "{pattern}");
        }
    }
}
