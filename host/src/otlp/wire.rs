//! The protobuf wire format, read in place and never trusted.
//!
//! Accepts exactly what the protobuf specification's parsers accept (varints of at most ten bytes, groups skipped, field
//! number 0 refused); everything else is an [`Malformed`] naming the offset. Nothing here allocates.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// How deep messages and groups may nest, as in the generated parsers.
pub const DEPTH_MAX: u32 = 100;

/// Bytes that are not the message they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {reason}")]
pub struct Malformed {
    /// Where, in bytes from the start of the message given to the view.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// A [`Malformed`] before its offset is known: `at` is an address inside the message. Kept out of the hot loops, which then
/// carry no base pointer.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    at: usize,
    reason: &'static str,
}

impl Fault {
    /// A fault at the first byte of `place`.
    #[cold]
    pub fn at(place: &[u8], reason: &'static str) -> Fault {
        Fault { at: place.as_ptr().addr(), reason }
    }

    /// What is wrong.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Turns the address into an offset into `message`.
    pub fn within(self, message: &[u8]) -> Malformed {
        let offset = self.at.saturating_sub(message.as_ptr().addr()).min(message.len());
        Malformed { offset, reason: self.reason }
    }
}

/// One field's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: string, bytes, message or packed numbers.
    Len(&'a [u8]),
    /// Wire type 3, up to its end tag.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// The payload of a length-delimited field.
    pub fn bytes(self, at: &'a [u8]) -> Result<&'a [u8], Fault> {
        match self {
            Value::Len(bytes) => Ok(bytes),
            _ => Err(Fault::at(at, "wire type does not fit the field")),
        }
    }

    /// The payload of a varint field.
    pub fn varint(self, at: &[u8]) -> Result<u64, Fault> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(Fault::at(at, "wire type does not fit the field")),
        }
    }

    /// The payload of a fixed32 field.
    pub fn fixed32(self, at: &[u8]) -> Result<u32, Fault> {
        match self {
            Value::Fixed32(value) => Ok(value),
            _ => Err(Fault::at(at, "wire type does not fit the field")),
        }
    }

    /// The payload of a fixed64, sfixed64 or double field, as bits.
    pub fn fixed64(self, at: &[u8]) -> Result<u64, Fault> {
        match self {
            Value::Fixed64(value) => Ok(value),
            _ => Err(Fault::at(at, "wire type does not fit the field")),
        }
    }
}

/// One field: its number, its payload and where it begins.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// At least 1.
    pub number: u32,
    /// What it carries.
    pub value: Value<'a>,
    /// The field with its tag; longer than the field, for error positions and, cut by `len`, for copying.
    pub raw: &'a [u8],
}

/// Reads the fields of one message, front to back.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// What has not been read.
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of a message.
    pub fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    /// The next field, or `None` at the end.
    #[inline]
    pub fn field(&mut self) -> Result<Option<Field<'a>>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.rest;
        let (number, wire_type) = self.tag()?;
        let value = self.value(number, wire_type, start, 0)?;
        let length = start.len() - self.rest.len();
        Ok(Some(Field { number, value, raw: start.get(..length).unwrap_or(start) }))
    }

    /// The same, where most fields are messages with this tag of one byte.
    #[inline(always)]
    pub fn message_or_field(&mut self, tag: u8) -> Result<Option<Field<'a>>, Fault> {
        let start = self.rest;
        if start.first() != Some(&tag) {
            return self.field();
        }
        let message = self.delimited_after_tag()?;
        let raw = start.get(..start.len() - self.rest.len()).unwrap_or(start);
        Ok(Some(Field { number: u32::from(tag >> 3), value: Value::Len(message), raw }))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), Fault> {
        let start = self.rest;
        let key = self.varint()?;
        let Ok(key) = u32::try_from(key) else { return Err(Fault::at(start, "field tag is too large")) };
        let number = key >> 3;
        if number == 0 {
            return Err(Fault::at(start, "field number 0"));
        }
        Ok((number, (key & 7) as u8))
    }

    #[inline]
    fn value(&mut self, number: u32, wire_type: u8, start: &'a [u8], depth: u32) -> Result<Value<'a>, Fault> {
        match wire_type {
            0 => self.varint().map(Value::Varint),
            1 => self.fixed::<8>().map(|bytes| Value::Fixed64(u64::from_le_bytes(bytes))),
            2 => self.delimited().map(Value::Len),
            3 => self.skip_group(number, start, depth).map(|()| Value::Group),
            5 => self.fixed::<4>().map(|bytes| Value::Fixed32(u32::from_le_bytes(bytes))),
            4 => Err(Fault::at(start, "end of a group that was not begun")),
            _ => Err(Fault::at(start, "wire type 6 or 7")),
        }
    }

    #[cold]
    fn skip_group(&mut self, number: u32, start: &'a [u8], depth: u32) -> Result<(), Fault> {
        if depth >= DEPTH_MAX {
            return Err(Fault::at(start, "groups nest too deep"));
        }
        loop {
            let start = self.rest;
            let (inner, wire_type) = self.tag()?;
            match wire_type {
                4 if inner == number => return Ok(()),
                4 => return Err(Fault::at(start, "end tag of another group")),
                _ => self.value(inner, wire_type, start, depth + 1)?,
            };
        }
    }

    /// A base-128 varint of at most ten bytes.
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Fault> {
        let start = self.rest;
        let mut value = 0_u64;
        for (index, byte) in start.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                if index == 9 && *byte > 1 {
                    break;
                }
                self.rest = start.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(Fault::at(start, if start.len() < 10 { "truncated varint" } else { "varint longer than 64 bits" }))
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(Fault::at(self.rest, "truncated number"));
        };
        self.rest = rest;
        Ok(*bytes)
    }

    /// A length and that many bytes.
    #[inline(always)]
    pub fn delimited(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.rest;
        let length = self.varint()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(Fault::at(start, "length reaches beyond the message")),
        }
    }

    /// After a tag known to be one byte long: the varint behind it.
    #[inline(always)]
    pub fn varint_after_tag(&mut self) -> Result<u64, Fault> {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.varint()
    }

    /// Steps over a field whose tag is one byte long; what else there is goes the long way.
    #[inline(always)]
    pub fn skip(&mut self) -> Result<(), Fault> {
        let fixed = match self.rest {
            [tag @ 0x08..=0x7f, ..] => match tag & 7 {
                0 => return self.varint_after_tag().map(drop),
                1 => 9,
                2 => return self.delimited_after_tag().map(drop),
                5 => 5,
                _ => 0,
            },
            _ => 0,
        };
        match self.rest.split_at_checked(fixed) {
            Some((_, rest)) if fixed > 0 => {
                self.rest = rest;
                Ok(())
            }
            _ => self.field().map(drop),
        }
    }

    /// After a tag known to be one byte long: the fixed64 behind it.
    #[inline(always)]
    pub fn fixed64_after_tag(&mut self) -> Result<u64, Fault> {
        let Some(([_, bytes @ ..], rest)) = self.rest.split_first_chunk::<9>() else {
            return Err(Fault::at(self.rest, "truncated number"));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// After a tag known to be one byte long: the length-delimited payload behind it.
    #[inline(always)]
    pub fn delimited_after_tag(&mut self) -> Result<&'a [u8], Fault> {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.delimited()
    }
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-delimited field.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a varint field.
pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

/// Appends a varint field unless it is 0, which proto3 does not write.
pub fn put_nonzero(out: &mut Vec<u8>, number: u32, value: u64) {
    if value > 0 {
        put_varint_field(out, number, value);
    }
}

/// Appends a length-delimited field unless it is empty, which proto3 does not write.
pub fn put_nonempty(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}

/// Appends a fixed64, sfixed64 or double field, given as bits.
pub fn put_fixed64(out: &mut Vec<u8>, number: u32, bits: u64) {
    put_varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&bits.to_le_bytes());
}
