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
        Err(_) => Ok(Tail::Torn { from }),
    }
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
        if size == 0 || length - from - 4 < size {
            return Ok(Tail::Torn { from });
        }
        if from == 0 && size >= 4 {
            let mut begin = [0; 4];
            file.read_exact_at(&mut begin, 4)?;
            match (zstd, begin == ZSTD_MAGIC) {
                (true, false) => return Ok(Tail::Foreign("messages without compression")),
                (false, true) => return Ok(Tail::Foreign("messages compressed by zstd")),
                _ => {}
            }
        }
        from += 4 + size;
    }
    Ok(Tail::Whole)
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
        Ok(())
    }
}
