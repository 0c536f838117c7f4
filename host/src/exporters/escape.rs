//! A sender's text where people read it. No character of it begins a line, moves the cursor, or reverses the direction of reading.

/// Appends a text with such characters escaped as in Rust: `\n`, `\u{1b}`. All others stay as they came.
pub fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_control(*character)) {
        out.push_str(rest.get(..at).unwrap_or_default());
        out.extend(character.escape_debug());
        rest = rest.get(at + character.len_utf8()..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// The same text in at most `bytes_max` bytes. One that was cut ends with `…`.
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::new();
    // Escaping makes no text shorter.
    escape(&mut line, text.get(..text.floor_char_boundary(bytes_max.saturating_add(1))).unwrap_or(text));
    if line.len() > bytes_max || line.len() < text.len() {
        line.truncate(line.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8())));
        line.push('…');
    }
    line
}

/// Controls, separators of lines and paragraphs, and marks that change the direction.
fn is_control(character: char) -> bool {
    let is_mark = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_escaped_and_all_else_stays() {
        let mut out = String::new();
        escape(&mut out, "größe \"\\n\" 🦀\n\t\u{1b}[2K\0\u{85}\u{202e}\u{2028}");
        assert_eq!(out, "größe \"\\n\" 🦀\\n\\t\\u{1b}[2K\\0\\u{85}\\u{202e}\\u{2028}");
    }

    #[test]
    fn a_line_is_bounded_and_says_that_it_was_cut() {
        for (text, line) in [("", ""), ("12345678", "12345678"), ("123456789", "12345…"), ("ééééé", "éé…")] {
            assert_eq!(one_line(text, 8), line);
        }
        assert_eq!(one_line("\n\n\n\n", 8), "\\n\\n\\n\\n");
        assert_eq!(one_line("\n\n\n\n\n", 8), "\\n\\n\\…");
        assert!(one_line(&"\u{1b}".repeat(100), 8).len() <= 8);
    }
}
