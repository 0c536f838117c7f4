//! The protobuf being written: tags, scalars, and lengths that are known only afterwards.
//!
//! A length-delimited field reserves one byte for its length; if that turns out too short, the content moves up by the
//! missing bytes. Most are short, and moving is cheaper than measuring first.

use bytes::Bytes;

use crate::otlp::Strings;
use crate::otlp::wire::put_varint;

/// Protobuf's wire types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A base-128 varint.
    Varint = 0,
    /// Eight bytes, little endian.
    Fixed64 = 1,
    /// A length and as many bytes.
    Length = 2,
    /// Four bytes, little endian.
    Fixed32 = 5,
}

/// A protobuf message under construction, bounded.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
    /// What texts may be.
    pub(super) strings: Strings,
    /// Whether names that no message has are errors.
    pub(super) is_strict: bool,
}

/// The bound was passed; `Output::overflowed` remembers it.
#[derive(Debug)]
pub(super) struct Overflow;

/// A length-delimited field that is being written.
#[derive(Debug)]
#[must_use = "an open field has no length yet"]
pub(super) struct Open {
    /// Where its tag begins.
    tag: usize,
    /// Where its content begins, one byte behind the tag's end.
    content: usize,
}

impl Output {
    /// An empty message with room for `expected` bytes that may grow to `limit`.
    pub(super) fn new(expected: usize, limit: usize, strings: Strings) -> Self {
        Output { bytes: Vec::with_capacity(expected.min(limit)), limit, overflowed: false, strings, is_strict: false }
    }

    /// Whether the bound was passed.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The message.
    pub(super) fn finish(self) -> Bytes {
        Bytes::from(self.bytes)
    }

    /// To be called after each value: values are small or no larger than their source, so this bounds the whole.
    pub(super) fn check(&mut self) -> Result<(), Overflow> {
        if self.bytes.len() > self.limit {
            self.overflowed = true;
            return Err(Overflow);
        }
        Ok(())
    }

    /// A field's number and wire type.
    pub(super) fn tag(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number << 3 | wire as u32));
    }

    /// A varint without a tag.
    pub(super) fn varint(&mut self, value: u64) {
        put_varint(&mut self.bytes, value);
    }

    /// Fixed-width or length-delimited content without a tag.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A whole length-delimited field.
    pub(super) fn delimited(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, Wire::Length);
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Begins a length-delimited field; `close` ends it.
    pub(super) fn open(&mut self, number: u32) -> Open {
        let tag = self.bytes.len();
        self.tag(number, Wire::Length);
        self.bytes.push(0);
        Open { tag, content: self.bytes.len() }
    }

    /// Ends the field, whose length is known now.
    pub(super) fn close(&mut self, open: Open) {
        let end = self.bytes.len();
        let length = end - open.content;
        let missing = varint_bytes(length) - 1;
        self.bytes.resize(end + missing, 0);
        self.bytes.copy_within(open.content..end, open.content + missing);
        let mut rest = length;
        for slot in &mut self.bytes[open.content - 1..][..missing] {
            *slot = rest as u8 | 0x80;
            rest >>= 7;
        }
        self.bytes[open.content - 1 + missing] = rest as u8;
    }

    /// Takes back a field that has no content, if it has none.
    pub(super) fn close_unless_empty(&mut self, open: Open) {
        if self.bytes.len() == open.content {
            self.bytes.truncate(open.tag);
        } else {
            self.close(open);
        }
    }
}

/// How many bytes `value` takes as a varint.
fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::{Output, varint_bytes};
    use crate::otlp::Strings;

    #[test]
    fn lengths_of_any_width_end_up_before_their_content() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut output = Output::new(0, usize::MAX, Strings::Utf8);
            let outer = output.open(1);
            let inner = output.open(2);
            let content = vec![7; length];
            output.raw(&content);
            output.close(inner);
            output.close(outer);
            let mut expected = Output::new(0, usize::MAX, Strings::Utf8);
            let mut field = Output::new(0, usize::MAX, Strings::Utf8);
            field.delimited(2, &content);
            expected.delimited(1, &field.finish());
            assert!(output.finish() == expected.finish(), "{length}");
        }
    }

    #[test]
    fn varint_widths() {
        for (value, bytes) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (u32::MAX as usize, 5)] {
            assert_eq!(varint_bytes(value), bytes);
        }
    }
}
