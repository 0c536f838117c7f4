//! Bytes that somebody made up to hurt: no view panics.

use otelier::contract::Signal;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::descriptors::Patterns;
use otelier::otlp::edit::remove_rows;
use otelier::otlp::key::{self, Level};
use otelier::otlp::keying::{Grouping, Keying};
use otelier::otlp::projection::{Projection, Projector};
use otelier::otlp::{Strings, check};

/// The path from a request to the value of a point's attribute.
pub const POINT_VALUE: &[u32] = &[1, 2, 2, 7, 1, 7, 2];
/// The path to a point.
pub const POINT: &[u32] = &[1, 2, 2, 7, 1];

/// A length-delimited field.
pub fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 12);
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut out);
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// Bytes behind a path of field numbers.
pub fn at(path: &[u32], bytes: Vec<u8>) -> Vec<u8> {
    path.iter().rev().fold(bytes, |inner, number| field(*number, &inner))
}

/// Nested so deep, in messages of these field numbers in turn.
fn nested(levels: usize, numbers: &[u32]) -> Vec<u8> {
    (0..levels).fold(Vec::new(), |inner, level| field(numbers[level % numbers.len()], &inner))
}

/// Reads bytes in every way there is, as whatever they may be.
pub fn read(bytes: &[u8], entries_max: usize) {
    for strings in [Strings::Utf8, Strings::Bytes] {
        let counts = Signal::ALL.map(|signal| check(signal, bytes, strings));
        let keying = |grouping| Keying { grouping, durable: false };
        let projection = Projection {
            metrics: vec!["*".to_owned()],
            values: true,
            times: true,
            start_times: true,
            keyings: vec![
                keying(Grouping::Keep(vec![(Level::Item, b"a".to_vec()), (Level::Resource, b"a".to_vec())])),
                keying(Grouping::Drop(Vec::new())),
                keying(Grouping::Stream(None)),
            ],
        };
        let patterns = Patterns::new(&projection.metrics).unwrap();
        let mut projector = Projector::new(projection, patterns, entries_max);
        // Twice: the columns of the second are sized by the first.
        for _ in 0..2 {
            let projected = projector.project(bytes, strings);
            assert_eq!(projected.is_ok(), counts[0].is_ok(), "a projection judges as a check does");
            let Ok(columns) = projected else { continue };
            let mut half = Bitmap::default();
            (0..columns.rows as usize).step_by(2).for_each(|row| half.set(row));
            let left = remove_rows(bytes, &columns, &half).unwrap();
            assert!(left.len() <= bytes.len());
        }
    }
    if let Ok(elements) = key::elements(bytes) {
        elements.iter().for_each(|element| key::put_any_value(&mut Vec::new(), element.value).unwrap());
    }
}

fn crafted() -> Vec<Vec<u8>> {
    let end = |last: u8| [vec![0xff; 9], vec![last]].concat();
    let mut all = vec![
        nested(10_000, &[1, 2]),
        nested(10_000, &[1]),
        nested(10_000, &[2]),
        at(POINT_VALUE, nested(10_000, &[1, 5])),
        at(POINT_VALUE, nested(10_000, &[2, 1, 6])),
        at(&[1, 2, 2, 9, 2], nested(10_000, &[1, 5])),
        at(&[1, 2, 2, 5], nested(10_000, &[2, 1, 6])),
        // A key of arrays in arrays.
        [vec![1, 2, 0], [5, 1].repeat(10_000), vec![0]].concat(),
        [vec![1, 2, 0], [6, 1, 0].repeat(10_000), vec![0]].concat(),
    ];
    for path in [&[][..], &[1], &[1, 2], &[1, 2, 2], &[1, 2, 2, 5], POINT, POINT_VALUE] {
        // Groups that do not end, and groups that do.
        all.push(at(path, vec![0x9b; 10_000]));
        all.push(at(path, [vec![0x7b; 10_000], vec![0x7c; 10_000]].concat()));
        all.push(at(path, vec![0x7c]));
        for number in 1..16 {
            for wire_type in 0..8 {
                for value in
                    [end(1), end(2), end(0xff), vec![0xff; 11], vec![0xff; 4], vec![0xff, 0xff, 0xff, 0xff, 0x0f]]
                {
                    all.push(at(path, [vec![number << 3 | wire_type], value].concat()));
                }
            }
        }
        all.push(at(path, end(1)));
        all.push(at(path, vec![0xff; 11]));
    }
    // Keys of as many elements as a varint can say.
    for kind in 0..9 {
        all.push([vec![1, 2, 0, kind], end(1)].concat());
        all.push([vec![1, 2, 0, kind], end(1), vec![0; 100]].concat());
        all.push([vec![1, 2], end(1)].concat());
    }
    all
}

#[test]
fn crafted_bytes_do_not_panic() {
    crafted().iter().for_each(|bytes| read(bytes, 1000));
}
