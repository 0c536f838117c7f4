//! Unpacking: the compressions both protocols accept, never beyond a limit.
//!
//! A few kilobytes can unpack to gigabytes, so the decoder is cut off one byte behind the limit. Memory grows with what
//! has been unpacked, not with what a header promises; a zstd frame that asks for a window above 8 MiB is refused, as
//! RFC 9659 has it.

use std::borrow::Cow;
use std::io::{self, Read};

use bytes::Bytes;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 1950 (zlib), which both protocols call deflate.
    Deflate,
    /// The same under its own name.
    Zlib,
    /// RFC 8878.
    Zstd,
    /// Snappy in one block, as HTTP's senders have it, or in frames, as gRPC's do: frames begin with a name of their own.
    Snappy,
    /// Snappy in frames, under the name that says so.
    SnappyFramed,
}

/// A body that cannot be unpacked.
#[derive(Debug)]
pub enum UnpackError {
    /// It unpacks to more than the limit.
    TooLarge,
    /// There is no memory for more of it.
    NoRoom,
    /// It is no such data.
    Corrupt(io::Error),
}

/// log2 of the largest zstd window.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a snappy stream in frames begins.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\0\0sNaPpY";

/// The longest piece that one element of a snappy block stands for.
const SNAPPY_ELEMENT_BYTES_MAX: usize = 64;

/// What telemetry usually compresses by; the first guess at the unpacked size.
const USUAL_RATIO: usize = 6;

/// The bounds of that guess.
const FIRST_BYTES_MIN: usize = 4 << 10;
const FIRST_BYTES_MAX: usize = 1 << 20;

/// Of a buffer that grows, what the allocator keeps beside it for a while: one part in so many.
const ALLOCATOR_PART: usize = 8;

impl Encoding {
    const ALL: [Encoding; 7] = [
        Encoding::Identity,
        Encoding::Gzip,
        Encoding::Deflate,
        Encoding::Zlib,
        Encoding::Zstd,
        Encoding::Snappy,
        Encoding::SnappyFramed,
    ];

    /// What an `accept-encoding` header says.
    pub const SUPPORTED: &'static str = "gzip, zstd, deflate, zlib, snappy, x-snappy-framed, identity";

    /// The encoding of that name; `None` for one that is not supported.
    pub fn named(name: &[u8]) -> Option<Self> {
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"x-gzip") {
            // The same by RFC 9110, section 8.4.1.3.
            return Some(Encoding::Gzip);
        }
        Self::ALL
            .into_iter()
            .find(|encoding| name.eq_ignore_ascii_case(encoding.name().as_bytes()))
            .or_else(|| name.is_empty().then_some(Encoding::Identity))
    }

    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
            Encoding::Zlib => "zlib",
            Encoding::Zstd => "zstd",
            Encoding::Snappy => "snappy",
            Encoding::SnappyFramed => "x-snappy-framed",
        }
    }

    /// The unpacked bytes, at most `limit` of them. Before it takes so many bytes in all, `has_room` is asked. Identity costs nothing.
    pub fn unpack(
        self,
        packed: Bytes,
        limit: usize,
        has_room: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Bytes, UnpackError> {
        let length = packed.len();
        match self {
            Encoding::Identity if packed.len() > limit => Err(UnpackError::TooLarge),
            Encoding::Identity => Ok(packed),
            Encoding::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(&packed[..]), length, limit, has_room),
            Encoding::Deflate | Encoding::Zlib => {
                read_bounded(flate2::bufread::ZlibDecoder::new(&packed[..]), length, limit, has_room)
            }
            Encoding::Snappy if !packed.starts_with(SNAPPY_FRAMES) => snappy_block(&packed, limit, has_room),
            Encoding::Snappy | Encoding::SnappyFramed => {
                read_bounded(snap::read::FrameDecoder::new(&packed[..]), length, limit, has_room)
            }
            Encoding::Zstd => {
                let decoder = zstd_decoder(&packed).map_err(UnpackError::Corrupt)?;
                read_bounded(decoder, length, limit, has_room)
            }
        }
    }
}

/// A block says first how long it will be; no element of the format stands for more than 64 bytes, so a block that promises more than
/// that for each of its own is none.
fn snappy_block(packed: &[u8], limit: usize, has_room: &mut dyn FnMut(usize) -> bool) -> Result<Bytes, UnpackError> {
    let corrupt = |error: snap::Error| UnpackError::Corrupt(io::Error::other(error));
    let length = snap::raw::decompress_len(packed).map_err(corrupt)?;
    if length > packed.len().saturating_mul(SNAPPY_ELEMENT_BYTES_MAX) {
        let reason = "a block that promises more than it can hold";
        return Err(UnpackError::Corrupt(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    if length > limit {
        return Err(UnpackError::TooLarge);
    }
    if !has_room(length) {
        return Err(UnpackError::NoRoom);
    }
    snap::raw::Decoder::new().decompress_vec(packed).map(Bytes::from).map_err(corrupt)
}

/// What a header value said, for an error text.
pub fn shown(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value.get(..100).unwrap_or(value))
}

fn zstd_decoder(packed: &[u8]) -> io::Result<zstd::stream::read::Decoder<'static, &[u8]>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// Reads to the end, or one byte beyond the limit, in a buffer that is filled before it is made larger.
fn read_bounded(
    mut decoder: impl Read,
    packed_bytes: usize,
    limit: usize,
    has_room: &mut dyn FnMut(usize) -> bool,
) -> Result<Bytes, UnpackError> {
    let most = limit.saturating_add(1);
    let mut unpacked = Vec::new();
    loop {
        let capacity = unpacked.capacity().saturating_mul(2).max(first_capacity(packed_bytes, most)).min(most);
        // What is there already is copied.
        let taken = capacity + unpacked.len();
        if !has_room(taken + taken / ALLOCATOR_PART) {
            return Err(UnpackError::NoRoom);
        }
        unpacked.reserve_exact(capacity - unpacked.len());
        let spare = (capacity - unpacked.len()) as u64;
        let read = decoder.by_ref().take(spare).read_to_end(&mut unpacked).map_err(UnpackError::Corrupt)?;
        if unpacked.len() > limit {
            return Err(UnpackError::TooLarge);
        }
        if (read as u64) < spare {
            return Ok(Bytes::from(unpacked));
        }
    }
}

/// What `most` is when it is halved often enough to be close to the guess: doubled, it comes back to `most`, with half of that beside it
/// at the last copy and never more.
fn first_capacity(packed_bytes: usize, most: usize) -> usize {
    let guess = packed_bytes.saturating_mul(USUAL_RATIO).clamp(FIRST_BYTES_MIN, FIRST_BYTES_MAX);
    let mut first = most;
    while first / 2 >= guess {
        first = first.div_ceil(2);
    }
    first
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};

    use bytes::Bytes;
    use flate2::Compression;

    use super::{Encoding, UnpackError};

    fn pack(encoding: Encoding, data: &[u8]) -> io::Result<Bytes> {
        let mut packed = Vec::new();
        match encoding {
            Encoding::Identity => packed.extend_from_slice(data),
            Encoding::Gzip => {
                flate2::read::GzEncoder::new(data, Compression::fast()).read_to_end(&mut packed)?;
            }
            Encoding::Deflate | Encoding::Zlib => {
                flate2::read::ZlibEncoder::new(data, Compression::fast()).read_to_end(&mut packed)?;
            }
            Encoding::Zstd => packed = zstd::stream::encode_all(data, 1)?,
            Encoding::Snappy => packed = snap::raw::Encoder::new().compress_vec(data)?,
            Encoding::SnappyFramed => {
                snap::read::FrameEncoder::new(data).read_to_end(&mut packed)?;
            }
        }
        Ok(Bytes::from(packed))
    }

    #[test]
    fn each_encoding_unpacks_up_to_the_limit_and_not_beyond() -> io::Result<()> {
        let data = b"telemetry ".repeat(1000);
        for name in
            ["identity", "gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed", " GZIP ", "x-gzip", "X-GZip"]
        {
            let encoding = Encoding::named(name.as_bytes()).ok_or(io::ErrorKind::NotFound)?;
            let packed = pack(encoding, &data)?;
            assert_eq!(
                encoding.unpack(packed.clone(), data.len(), &mut |_| true).ok().as_deref(),
                Some(&data[..]),
                "{name}"
            );
            assert!(
                matches!(encoding.unpack(packed, data.len() - 1, &mut |_| true), Err(UnpackError::TooLarge)),
                "{name}"
            );
        }
        assert_eq!(Encoding::named(b"gzip, gzip"), None);
        assert_eq!(Encoding::named(b"br"), None);
        Ok(())
    }

    #[test]
    fn unpacking_never_takes_more_than_a_peer_s_share_for_a_message_of_the_largest_size() -> io::Result<()> {
        let limit = 64 << 20;
        for packed_bytes in [1, 1 << 10, 150_000, 173_000, 1 << 20, 63 << 20] {
            let (mut capacity, most, mut taken) = (super::first_capacity(packed_bytes, limit + 1), limit + 1, 0);
            while capacity < most {
                taken = (2 * capacity).min(most) + capacity;
                capacity = (2 * capacity).min(most);
            }
            assert!(taken + taken / super::ALLOCATOR_PART <= 112 << 20, "{packed_bytes}: {taken}");
        }
        for length in [0, 1, 4096, 60_000, 99_999, 100_000] {
            let packed = pack(Encoding::Zstd, &vec![7; length])?;
            assert_eq!(Encoding::Zstd.unpack(packed, 100_000, &mut |_| true).ok().map(|data| data.len()), Some(length));
        }
        Ok(())
    }

    #[test]
    fn damaged_and_truncated_data_is_an_error() -> io::Result<()> {
        for encoding in Encoding::ALL.into_iter().filter(|encoding| *encoding != Encoding::Identity) {
            let packed = pack(encoding, &b"telemetry ".repeat(1000))?;
            let truncated = packed.slice(..packed.len() - 5);
            assert!(
                matches!(encoding.unpack(truncated, 1 << 20, &mut |_| true), Err(UnpackError::Corrupt(_))),
                "{encoding:?}"
            );
            let noise = Bytes::from_static(b"\xFF\xFE\xFD\xFC\xFB\xFA");
            assert!(
                matches!(encoding.unpack(noise, 1 << 20, &mut |_| true), Err(UnpackError::Corrupt(_))),
                "{encoding:?}"
            );
        }
        Ok(())
    }

    #[test]
    fn snappy_is_told_by_how_it_begins() -> io::Result<()> {
        let framed = pack(Encoding::SnappyFramed, b"telemetry")?;
        assert_eq!(Encoding::Snappy.unpack(framed, 9, &mut |_| true).ok().as_deref(), Some(&b"telemetry"[..]));
        // Four gigabytes in six bytes, as its first five say.
        let promise = Bytes::from_static(b"\xff\xff\xff\xff\x0f\0");
        assert!(matches!(Encoding::Snappy.unpack(promise, 1 << 30, &mut |_| true), Err(UnpackError::Corrupt(_))));
        Ok(())
    }

    #[test]
    fn gzip_members_follow_each_other() -> io::Result<()> {
        let mut packed = pack(Encoding::Gzip, b"one")?.to_vec();
        packed.extend_from_slice(&pack(Encoding::Gzip, b"two")?);
        assert_eq!(Encoding::Gzip.unpack(packed.into(), 10, &mut |_| true).ok().as_deref(), Some(&b"onetwo"[..]));
        Ok(())
    }

    #[test]
    fn a_zstd_window_beyond_8_mib_is_refused() -> io::Result<()> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1)?;
        encoder.window_log(27)?;
        encoder.include_contentsize(false)?;
        encoder.write_all(&[7; 1000])?;
        let packed = Bytes::from(encoder.finish()?);
        assert!(matches!(Encoding::Zstd.unpack(packed, 1 << 30, &mut |_| true), Err(UnpackError::Corrupt(_))));
        Ok(())
    }
}
