//! Unpacking, and OTLP/JSON, as functions that the properties can call.

use bytes::Bytes;

use crate::contract::Signal;
use crate::otlp::{Strings, json};

#[allow(dead_code)]
#[path = "../../../../host/src/net/unpack.rs"]
mod packed;

pub use unpacked::{Unpacked, unpack};

/// The protobuf form of a request in JSON, or `None` where it is none or passes the limit.
#[must_use]
pub fn protobuf(signal: Signal, json: &[u8], limit: usize) -> Option<Bytes> {
    json::to_protobuf(signal, json, limit, Strings::Utf8).ok()
}

mod unpacked {
    use bytes::Bytes;

    use super::packed::{Encoding, UnpackError};

    /// What came of unpacking.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Unpacked {
        /// The bytes.
        Whole(Bytes),
        /// More than the limit.
        TooLarge,
        /// More than there is room for.
        NoRoom,
        /// No such data.
        Corrupt,
    }

    /// Unpacks by the encoding of that name, in `room` bytes.
    #[must_use]
    pub fn unpack(encoding: &str, packed: Bytes, limit: usize, room: usize) -> Unpacked {
        let Some(encoding) = Encoding::named(encoding.as_bytes()) else { return Unpacked::Corrupt };
        match encoding.unpack(packed, limit, &mut |bytes| bytes <= room) {
            Ok(bytes) => Unpacked::Whole(bytes),
            Err(UnpackError::TooLarge) => Unpacked::TooLarge,
            Err(UnpackError::NoRoom) => Unpacked::NoRoom,
            Err(UnpackError::Corrupt(_)) => Unpacked::Corrupt,
        }
    }
}
