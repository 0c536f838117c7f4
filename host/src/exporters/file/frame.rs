//! A batch as it stands in a file: what the Collector's `file` exporter writes.
//!
//! | `format` | `compression` | in the file |
//! |---|---|---|
//! | `json` | none | OTLP/JSON and a newline |
//! | `proto` | none | four bytes, the length in big endian, and protobuf |
//! | any | `zstd` | four bytes, the length in big endian, and a zstd frame with the JSON, without a newline, or the protobuf |

use std::io;

use super::config::Format;
use crate::contract::Signal;
use crate::otlp::{Malformed, json};

/// How messages are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By newlines.
    Lines,
    /// By lengths, and each message is protobuf.
    Messages,
    /// By lengths, and each message is a zstd frame.
    Zstd,
}

impl Framing {
    /// What follows from the configuration.
    pub fn of(format: Format, zstd: bool) -> Framing {
        match (format, zstd) {
            (_, true) => Framing::Zstd,
            (Format::Proto, false) => Framing::Messages,
            (Format::Json, false) => Framing::Lines,
        }
    }
}

/// A batch that cannot be written at all.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Our own bug: every batch was checked before.
    #[error("the batch is unreadable: {0}")]
    Unreadable(#[from] Malformed),
    /// No memory for the compressor.
    #[error("cannot compress the batch: {0}")]
    Compression(#[from] io::Error),
    /// More than four bytes can say.
    #[error("the batch has {0} bytes, more than its length field can say")]
    TooLong(usize),
}

/// Makes messages of batches.
pub struct Encoder {
    format: Format,
    zstd: Option<i32>,
}

impl Encoder {
    /// For one exporter.
    pub fn new(format: Format, zstd: Option<i32>) -> Encoder {
        Encoder { format, zstd }
    }

    /// How its messages are divided.
    pub fn framing(&self) -> Framing {
        Framing::of(self.format, self.zstd.is_some())
    }

    /// A message with what divides it from the next.
    pub fn message(&self, signal: Signal, bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
        let printed = match self.format {
            Format::Json => Some(json::to_json(signal, bytes)?),
            Format::Proto => None,
        };
        match (self.zstd, printed) {
            (None, Some(mut line)) => {
                line.push(b'\n');
                Ok(line)
            }
            (None, None) => behind_length(bytes),
            (Some(level), printed) => behind_length(&zstd::bulk::compress(printed.as_deref().unwrap_or(bytes), level)?),
        }
    }
}

fn behind_length(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = u32::try_from(payload.len()).map_err(|_| FrameError::TooLong(payload.len()))?;
    let mut message = Vec::with_capacity(payload.len() + 4);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(payload);
    Ok(message)
}
