//! What a component's file says of itself in custom sections: read from the bytes, without compiling anything.
//!
//! ```text
//! file    = 0x00 "asm" version:u16 layer:u16 section*
//! section = id:u8 size:u32 (LEB128) contents          0: custom (a name, then anything), 1: a core module, 4: a component
//! ```
//!
//! What does not read ends the search; the compiler is who says that a file is no component.

/// Modules in components in components: deeper than any tool puts them.
const DEPTH_MAX: usize = 4;
/// Of a text that is shown.
const TEXT_MAX: usize = 1024;
/// Custom sections that hold a line of text.
const TEXTS: &[&str] = &["version", "revision", "authors", "description", "licenses", "homepage"];

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// Name and text, each name once: the outermost.
    pub texts: Vec<(String, String)>,
    /// Who took part in making it: `language`, `processed-by` or `sdk`, a name and a version. Each once.
    pub producers: Vec<(String, String, String)>,
}

impl Sections {
    /// Of a file's contents.
    pub fn read(file: &[u8]) -> Sections {
        let mut found = Sections::default();
        found.walk(file, 0);
        found
    }

    /// The text of a section.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    fn walk(&mut self, file: &[u8], depth: usize) -> Option<()> {
        let mut rest = file.strip_prefix(b"\0asm")?.get(4..)?;
        // What lies deeper is looked at after what stands beside it.
        let mut inner = Vec::new();
        while let Some((id, after)) = rest.split_first() {
            rest = after;
            let size = number(&mut rest)?;
            let contents = taken(&mut rest, size)?;
            match id {
                0 => drop(self.custom(contents)),
                1 | 4 if depth < DEPTH_MAX => inner.push(contents),
                _ => {}
            }
        }
        for contents in inner {
            // What does not read ends there.
            let _ = self.walk(contents, depth + 1);
        }
        Some(())
    }

    fn custom(&mut self, mut contents: &[u8]) -> Option<()> {
        let name = text(&mut contents)?;
        if name == "producers" {
            return self.producers(contents);
        }
        let value = std::str::from_utf8(contents).ok()?;
        if TEXTS.contains(&name) && self.text(name).is_none() {
            let value = value.get(..value.floor_char_boundary(TEXT_MAX))?;
            self.texts.push((name.to_owned(), value.to_owned()));
        }
        Some(())
    }

    fn producers(&mut self, mut contents: &[u8]) -> Option<()> {
        for _ in 0..number(&mut contents)? {
            let field = text(&mut contents)?;
            for _ in 0..number(&mut contents)? {
                let producer = (field.to_owned(), text(&mut contents)?.to_owned(), text(&mut contents)?.to_owned());
                if !self.producers.contains(&producer) && self.producers.len() < TEXT_MAX {
                    self.producers.push(producer);
                }
            }
        }
        Some(())
    }
}

/// An unsigned LEB128 of at most 32 bits.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
        }
    }
    None
}

fn taken<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = number(bytes)?;
    std::str::from_utf8(taken(bytes, length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::Sections;

    fn sized(bytes: &[u8]) -> Vec<u8> {
        [&[bytes.len() as u8][..], bytes].concat()
    }

    fn section(id: u8, contents: &[u8]) -> Vec<u8> {
        [&[id][..], &sized(contents)].concat()
    }

    fn custom(name: &[u8], contents: &[u8]) -> Vec<u8> {
        section(0, &[&sized(name)[..], contents].concat())
    }

    fn component() -> Vec<u8> {
        let producers = [&b"\x01"[..], &sized(b"sdk"), b"\x02", &sized(b"a"), &sized(b"1"), &sized(b"b"), &sized(b"2")];
        let inner = [&b"\0asm\x01\0\0\0"[..], &custom(b"version", b"9"), &custom(b"producers", &producers.concat())];
        let inner = section(1, &inner.concat());
        [&b"\0asm\x0d\0\x01\0"[..], &inner, &custom(b"version", b"1.2.3"), &custom(b"name", b"\xff")].concat()
    }

    #[test]
    fn the_outermost_version_and_all_producers_are_found() {
        let found = Sections::read(&component());
        assert_eq!((found.text("version"), found.text("name")), (Some("1.2.3"), None));
        let of = |name: &str, version: &str| ("sdk".to_owned(), name.to_owned(), version.to_owned());
        assert_eq!(found.producers, [of("a", "1"), of("b", "2")]);
    }

    /// Cut anywhere, and with any byte changed, it is read as far as it goes.
    #[test]
    fn no_file_is_trusted() {
        let whole = component();
        for at in 0..whole.len() {
            Sections::read(&whole[..at]);
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                Sections::read(&changed);
            }
        }
        assert_eq!(Sections::read(b"<html>"), Sections::default());
    }
}
