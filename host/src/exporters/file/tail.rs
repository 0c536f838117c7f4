//! The end of a file that is written on: whether its last message is whole. A kill or a power cut leaves the beginning of one, and that
//! must not stand in the middle of the file.
//!
//! A batch of which only a part is there was not settled, so it comes again. Nothing else is ever cut off: a file in another form is refused.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::de::IgnoredAny;

use super::frame::Framing;

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Behind a whole message, or it is empty.
    Whole,
    /// Behind a line that only lacks its newline.
    Unended,
    /// Within the message that begins there.
    Torn {
        /// Offset of its first byte.
        from: u64,
    },
    /// It is none of this exporter's files: this is what it seems to hold.
    Foreign(&'static str),
}

/// A length beyond that was none: no request is so large.
const MESSAGE_BYTES_MAX: u64 = 1 << 30;

/// What every zstd frame begins with (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What every OTLP request begins with: its first field, of a length.
const REQUEST_BEGINS: u8 = 0x0a;

/// How much is read at a time.
const CHUNK_BYTES: u64 = 64 << 10;

/// Looks at the end of a file of this length.
pub fn tail(file: &File, length: u64, framing: Framing) -> io::Result<Tail> {
    match (length, framing) {
        (0, _) => Ok(Tail::Whole),
        (_, Framing::Lines) => of_lines(file, length),
        (_, Framing::Messages | Framing::Zstd) => of_messages(file, length, framing == Framing::Zstd),
    }
}

fn of_lines(file: &File, length: u64) -> io::Result<Tail> {
    let mut first = [0];
    file.read_exact_at(&mut first, 0)?;
    // Zeros stand where a power cut came between the length of a file and its content.
    if first == [0] && rest_is_zero(file, 0, length)? {
        return Ok(Tail::Torn { from: 0 });
    }
    if !matches!(first, [b'{' | b'\n' | b' ']) {
        return Ok(Tail::Foreign("no lines of JSON"));
    }
    let from = line_start(file, length)?;
    if from == length {
        return Ok(Tail::Whole);
    }
    let Some(rest) = usize::try_from(length - from).ok().filter(|rest| (*rest as u64) < MESSAGE_BYTES_MAX) else {
        return Ok(Tail::Torn { from });
    };
    let mut line = vec![0; rest];
    file.read_exact_at(&mut line, from)?;
    match serde_json::from_slice::<IgnoredAny>(&line) {
        Ok(_) => Ok(Tail::Unended),
        // What this exporter writes begins so, or a power cut left zeros.
        Err(_) if matches!(line.first(), Some(b'{' | 0)) => Ok(Tail::Torn { from }),
        Err(_) => Ok(Tail::Foreign("text that is no lines of JSON")),
    }
}

/// Whether nothing but zeros stands from there to the end.
fn rest_is_zero(file: &File, from: u64, length: u64) -> io::Result<bool> {
    let (mut at, mut chunk) = (from, vec![0; usize::try_from(CHUNK_BYTES).unwrap_or_default()]);
    while at < length {
        let size = usize::try_from((length - at).min(CHUNK_BYTES)).unwrap_or_default();
        let Some(part) = chunk.get_mut(..size).filter(|part| !part.is_empty()) else { break };
        file.read_exact_at(part, at)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += size as u64;
    }
    Ok(true)
}

/// Where the last line begins: behind the last newline.
fn line_start(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut chunk = vec![0; usize::try_from(CHUNK_BYTES.min(length)).unwrap_or_default()];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let Some(part) = usize::try_from(end - start).ok().and_then(|size| chunk.get_mut(..size)) else { break };
        file.read_exact_at(part, start)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn of_messages(file: &File, length: u64, zstd: bool) -> io::Result<Tail> {
    let mut from = 0;
    while from < length {
        let mut header = [0; 4];
        if length - from < 4 {
            return Ok(Tail::Torn { from });
        }
        file.read_exact_at(&mut header, from)?;
        let size = u64::from(u32::from_be_bytes(header));
        if size > MESSAGE_BYTES_MAX {
            return Ok(Tail::Foreign("no messages behind their lengths"));
        }
        // Zeros stand where a power cut came between the length of a file and its content.
        if size == 0 {
            let is_torn = rest_is_zero(file, from, length)?;
            return Ok(if is_torn { Tail::Torn { from } } else { Tail::Foreign("no messages behind their lengths") });
        }
        if from == 0
            && let Some(seems) = other_form(file, length, zstd)?
        {
            return Ok(Tail::Foreign(seems));
        }
        if length - from - 4 < size {
            return Ok(Tail::Torn { from });
        }
        from += 4 + size;
    }
    Ok(Tail::Whole)
}

/// What a file holds that does not begin as one of this form does; a first message may be cut anywhere.
fn other_form(file: &File, length: u64, zstd: bool) -> io::Result<Option<&'static str>> {
    let there = usize::try_from((length - 4).min(4)).unwrap_or_default();
    let mut begin = [0; 4];
    let Some(begin) = begin.get_mut(..there).filter(|begin| !begin.is_empty()) else { return Ok(None) };
    file.read_exact_at(begin, 4)?;
    let is_packed = ZSTD_MAGIC.starts_with(begin);
    let is_plain = begin.first() == Some(&REQUEST_BEGINS);
    if is_packed == zstd && (zstd || is_plain) || rest_is_zero(file, 4, length)? {
        return Ok(None);
    }
    Ok(Some(match (is_packed, is_plain) {
        (true, _) => "messages compressed by zstd",
        (_, true) => "messages without compression",
        _ => "no messages behind their lengths",
    }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn found(bytes: &[u8], framing: Framing) -> io::Result<Tail> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        tail(&file, bytes.len() as u64, framing)
    }

    #[test]
    fn a_line_that_is_not_whole_is_found_and_one_without_newline_is_whole() -> io::Result<()> {
        let long = format!("{{\"a\":\"{}", "x".repeat(200_000));
        for (text, expected) in [
            ("", Tail::Whole),
            ("{}\n", Tail::Whole),
            ("{}\n{\"a\":", Tail::Torn { from: 3 }),
            ("{}\n{\"a\":1}", Tail::Unended),
            ("{\"a\"", Tail::Torn { from: 0 }),
            ("{}\n\0\0\0", Tail::Torn { from: 3 }),
            ("text", Tail::Foreign("no lines of JSON")),
            ("\0\0\0", Tail::Torn { from: 0 }),
            ("\0\0x", Tail::Foreign("no lines of JSON")),
            ("{\n \"a\": 1\n}", Tail::Foreign("text that is no lines of JSON")),
            (long.as_str(), Tail::Torn { from: 0 }),
            (&format!("{{}}\n{long}"), Tail::Torn { from: 3 }),
        ] {
            assert_eq!(found(text.as_bytes(), Framing::Lines)?, expected, "{:.20}", text);
        }
        Ok(())
    }

    #[test]
    fn a_message_that_is_not_whole_is_found_wherever_it_was_cut() -> io::Result<()> {
        let whole = [&[0, 0, 0, 5][..], b"\x0aabcd", &[0, 0, 0, 6], b"\x0aabcde"].concat();
        for end in 0..=whole.len() {
            let expected = match end {
                0 | 9 | 19 => Tail::Whole,
                1..9 => Tail::Torn { from: 0 },
                _ => Tail::Torn { from: 9 },
            };
            assert_eq!(found(whole.get(..end).unwrap_or_default(), Framing::Messages)?, expected, "{end}");
        }
        let zeros = [&whole[..], &[0; 9]].concat();
        assert_eq!(found(&zeros, Framing::Messages)?, Tail::Torn { from: 19 });
        Ok(())
    }

    /// Another form is never cut off.
    #[test]
    fn a_file_in_another_form_is_foreign() -> io::Result<()> {
        let packed = [&[0, 0, 0, 5][..], &ZSTD_MAGIC, &[1]].concat();
        assert_eq!(found(&packed, Framing::Zstd)?, Tail::Whole);
        assert!(matches!(found(&packed, Framing::Messages)?, Tail::Foreign(_)));
        assert!(matches!(found(b"\0\0\0\x05\x0aabcd", Framing::Zstd)?, Tail::Foreign(_)));
        assert!(matches!(found(b"{\"resourceLogs\":[]}\n", Framing::Messages)?, Tail::Foreign(_)));
        assert!(matches!(found(&packed, Framing::Lines)?, Tail::Foreign(_)));
        for text in ["2026-01-01 my own log\n", "# notes\n", "\n\n", "\0\0\0\0x"] {
            for framing in [Framing::Messages, Framing::Zstd] {
                let tail = found(text.as_bytes(), framing)?;
                let is_left = matches!(tail, Tail::Foreign(_)) || text.len() < 4;
                assert!(is_left, "{text:?} as {framing:?}: {tail:?}");
            }
        }
        assert_eq!(found(&[0; 9], Framing::Messages)?, Tail::Torn { from: 0 });
        Ok(())
    }
}
