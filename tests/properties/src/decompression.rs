//! Unpacking never gives more than the limit, gives the same whatever the limit was, and takes no more memory than the
//! limit allows, nor than it was given. What was packed is unpacked.

use std::io::Read;

use bytes::Bytes;
use flate2::Compression;

use crate::memory::bounded;
use crate::receivers::otlp::{Unpacked, unpack};

const ENCODINGS: [&str; 6] = ["identity", "gzip", "deflate", "zstd", "snappy", "x-snappy-framed"];
const LIMIT: usize = 64 << 10;
/// The first guess at the unpacked size, and the buffer before that grew.
const FACTOR: usize = 20;
/// A buffer that doubles up to the limit, and a decoder's window and tables.
const BASE: usize = 4 * LIMIT + (128 << 10);
/// A decoder's window and tables, of which snappy's in frames are the largest: two blocks.
const DECODER: usize = 192 << 10;

pub fn check(bytes: &[u8]) {
    for encoding in ENCODINGS {
        unpacks_within_the_limit(encoding, bytes);
        let packed = pack(encoding, bytes);
        assert_eq!(
            unpack(encoding, packed, bytes.len(), usize::MAX),
            Unpacked::Whole(Bytes::copy_from_slice(bytes)),
            "{encoding}"
        );
    }
}

fn unpacks_within_the_limit(encoding: &str, bytes: &[u8]) {
    let packed = Bytes::copy_from_slice(bytes);
    let unpacked = bounded(packed.len(), FACTOR, BASE, || unpack(encoding, packed.clone(), LIMIT, usize::MAX));
    takes_no_more_than_it_is_given(encoding, &packed, &unpacked);
    let Unpacked::Whole(whole) = &unpacked else { return };
    assert!(whole.len() <= LIMIT, "{encoding}: {} bytes", whole.len());
    assert_eq!(unpack(encoding, packed.clone(), whole.len(), usize::MAX), unpacked, "{encoding}: the limit is met");
    if let Some(less) = whole.len().checked_sub(1) {
        assert_eq!(unpack(encoding, packed, less, usize::MAX), Unpacked::TooLarge, "{encoding}: the limit was passed");
    }
}

/// With less room it ends, and has taken no more than that by then.
fn takes_no_more_than_it_is_given(encoding: &str, packed: &Bytes, whole: &Unpacked) {
    for room in [0, 4 << 10, 20 << 10, LIMIT / 2, 2 * LIMIT + 1] {
        let unpacked = bounded(0, 0, room + DECODER, || unpack(encoding, packed.clone(), LIMIT, room));
        assert!(unpacked == *whole || unpacked == Unpacked::NoRoom, "{encoding}, {room} bytes: {unpacked:?}");
        assert!(room <= 2 * LIMIT || unpacked == *whole, "{encoding}: there is room for all that the limit allows");
    }
}

fn pack(encoding: &str, bytes: &[u8]) -> Bytes {
    let mut packed = Vec::new();
    let read = match encoding {
        "gzip" => flate2::read::GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed),
        "deflate" => flate2::read::ZlibEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed),
        "zstd" => zstd::stream::read::Encoder::new(bytes, 1).and_then(|mut encoder| encoder.read_to_end(&mut packed)),
        "snappy" => {
            packed = snap::raw::Encoder::new().compress_vec(bytes).expect("bytes can be packed");
            Ok(0)
        }
        "x-snappy-framed" => snap::read::FrameEncoder::new(bytes).read_to_end(&mut packed),
        _ => return Bytes::copy_from_slice(bytes),
    };
    read.expect("bytes can be packed");
    packed.into()
}
