//! Records of a fixed layout.

/// A record: a fixed number of bytes, numbers little endian.
pub trait Record: Clone + Default {
    /// How many bytes [`Record::write`] appends.
    const SIZE: usize;

    /// Appends the record.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads what `write` wrote. `None` where the bytes are no record.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Reads a record field by field.
#[derive(Debug)]
pub struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    /// Reads those bytes.
    pub fn new(bytes: &'b [u8]) -> Fields<'b> {
        Fields { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(u8::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.take::<4>().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.take::<8>().map(u64::from_le_bytes)
    }

    /// A length of four bytes, then UTF-8.
    pub fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends what [`Fields::text`] reads.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}
