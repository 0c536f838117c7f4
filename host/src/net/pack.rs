//! `compression`: how a message is packed on its way out.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Collector's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As it is.
    #[serde(alias = "")]
    None,
    /// RFC 1952.
    #[default]
    Gzip,
    /// RFC 8878.
    Zstd,
    /// In one block, as HTTP's peers understand it.
    Snappy,
    /// In frames; over gRPC that goes by the name `snappy`.
    #[serde(rename = "x-snappy-framed")]
    SnappyFramed,
    /// RFC 1950.
    Zlib,
    /// RFC 1950 as well: what HTTP calls by this name.
    Deflate,
}

/// Telemetry repeats itself: higher levels take several times as long for a few percent.
const ZSTD_LEVEL: i32 = 1;

/// Messages above this size are packed away from the threads that do I/O.
const INLINE_BYTES_MAX: usize = 16 << 10;

impl Compression {
    /// The name that says so in a header; `None` where nothing was done.
    pub fn encoding(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
            Compression::Snappy => Some("snappy"),
            Compression::SnappyFramed => Some("x-snappy-framed"),
            Compression::Zlib => Some("zlib"),
            Compression::Deflate => Some("deflate"),
        }
    }

    /// Whether it has such a level: 0 is its usual one, and -1 where it is zlib's.
    pub fn has_level(self, level: i32) -> bool {
        match self {
            Compression::Gzip | Compression::Zlib | Compression::Deflate => (-1..=9).contains(&level),
            Compression::Zstd => zstd::compression_level_range().contains(&level),
            Compression::None | Compression::Snappy | Compression::SnappyFramed => level == 0,
        }
    }

    /// The packed message; without compression the very bytes.
    pub async fn pack(self, message: Bytes) -> io::Result<Bytes> {
        self.pack_at(0, message).await
    }

    /// The same at a level that it has.
    pub async fn pack_at(self, level: i32, message: Bytes) -> io::Result<Bytes> {
        if self == Compression::None {
            return Ok(message);
        }
        if message.len() <= INLINE_BYTES_MAX {
            return self.pack_now(level, &message);
        }
        // It fails to join only when the runtime is being shut down.
        tokio::task::spawn_blocking(move || self.pack_now(level, &message)).await.map_err(io::Error::other)?
    }

    fn pack_now(self, level: i32, message: &[u8]) -> io::Result<Bytes> {
        let zlib = match level {
            0 => Level::fast(),
            level => u32::try_from(level).map_or(Level::default(), Level::new),
        };
        let zstd_level = if level == 0 { ZSTD_LEVEL } else { level };
        let mut packed = Vec::with_capacity(message.len() / 4 + 64);
        match self {
            Compression::None => packed.extend_from_slice(message),
            Compression::Gzip => drop(flate2::read::GzEncoder::new(message, zlib).read_to_end(&mut packed)?),
            Compression::Zlib | Compression::Deflate => {
                flate2::read::ZlibEncoder::new(message, zlib).read_to_end(&mut packed)?;
            }
            Compression::Zstd => packed = zstd::bulk::compress(message, zstd_level)?,
            Compression::Snappy => packed = snap::raw::Encoder::new().compress_vec(message)?,
            Compression::SnappyFramed => {
                let mut writer = snap::write::FrameEncoder::new(&mut packed);
                writer.write_all(message)?;
                writer.flush()?;
            }
        }
        Ok(packed.into())
    }
}
