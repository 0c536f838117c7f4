//! `check` and the walks of a projection accept what the generated parsers accept, and count what they find.
//!
//! Ids have their length or none, by a walk of the test's own: the generated parsers take any.
//!
//! Differences, each shown by a test below: messages and groups nested almost as deep as the generated parsers allow.
//! Those count every message from the request on, and charge unknown groups and fields to the same account; `check`
//! counts a group from where it stands, and an attribute or data point of a metrics request from itself. It accepts
//! up to 100 levels more, never fewer.

use fastrand::Rng;
use otelier::contract::Signal;
use otelier::otlp::descriptors::Kinds;
use otelier::otlp::metrics::MetricKind;
use otelier::otlp::projection::{Projection, Projector};
use otelier::otlp::{Malformed, Strings, check};
use otelier_tests::generate::schema::{self, Kind, MessageSpec};
use otelier_tests::generate::{Request, pick};

use crate::model::items;
use crate::seeds;

/// How many items the oracle counts, or `None` where it refuses the bytes.
fn oracle(signal: Signal, bytes: &[u8]) -> Option<u64> {
    let request = Request::decode(signal, bytes).ok()?;
    Some(items::batch(&request, &Projection::default()).items)
}

/// A projection that reads every item, and nothing of it.
fn projector(signal: Signal) -> Projector {
    let kinds = [
        MetricKind::Gauge,
        MetricKind::Sum,
        MetricKind::Histogram,
        MetricKind::ExponentialHistogram,
        MetricKind::Summary,
    ];
    let kinds = kinds.into_iter().fold(Kinds::default(), Kinds::with);
    let projection =
        Projection { metrics: vec!["*".to_owned()], kinds: Some(kinds), items: true, ..Projection::default() };
    Projector::new(signal, projection, 0)
}

/// What a projection of every item says.
fn walk(signal: Signal, bytes: &[u8], strings: Strings) -> Result<u64, Malformed> {
    projector(signal).project(bytes, strings).map(|columns| columns.layout.items)
}

#[track_caller]
fn agree(signal: Signal, bytes: &[u8]) {
    let expected = oracle(signal, bytes);
    let strict = check(signal, bytes, Strings::Utf8);
    assert_eq!(strict.as_ref().ok().copied(), expected, "{signal}: {strict:?} for {bytes:02x?}");
    let lenient = check(signal, bytes, Strings::Bytes);
    match &strict {
        Ok(items) => assert_eq!(lenient, Ok(*items), "{signal}: {bytes:02x?}"),
        Err(malformed) => {
            assert!(malformed.offset <= bytes.len());
            assert!(
                lenient.is_err() || malformed.reason == "string is not UTF-8",
                "{signal}: {strict:?} for {bytes:02x?}"
            );
        }
    }
    let walked = walk(signal, bytes, Strings::Utf8);
    assert_eq!(walked.as_ref().ok().copied(), expected, "{signal}: {walked:?} for {bytes:02x?}");
    assert_eq!(walk(signal, bytes, Strings::Bytes).ok(), lenient.ok(), "{signal}: {bytes:02x?}");
}

/// A request of any signal, in any wire form.
fn request(rng: &mut Rng) -> (Signal, Vec<u8>) {
    let signal = pick(rng, &Signal::ALL);
    (signal, Request::random(rng, signal).varied(rng))
}

#[test]
fn a_valid_request_is_accepted_and_counted() {
    seeds::check(2000, |rng| {
        let (signal, bytes) = request(rng);
        assert!(oracle(signal, &bytes).is_some());
        agree(signal, &bytes);
    });
}

#[test]
fn a_request_cut_anywhere_is_judged_alike() {
    seeds::check(200, |rng| {
        let (signal, bytes) = request(rng);
        let longest = bytes.len().min(1500);
        (0..longest).for_each(|length| agree(signal, &bytes[..length]));
    });
}

#[test]
fn a_damaged_request_is_judged_alike() {
    seeds::check(1000, |rng| {
        let (signal, bytes) = request(rng);
        if bytes.is_empty() {
            return;
        }
        for _ in 0..30 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.u32(1..3) {
                damage(rng, &mut damaged);
            }
            agree(signal, &damaged);
        }
    });
}

/// Flips a bit, or overwrites, removes or adds a byte.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.usize(..bytes.len());
    match rng.u32(..4) {
        0 | 1 => bytes[at] ^= 1 << rng.u32(..8),
        2 => bytes[at] = rng.u8(..),
        _ if bytes.len() > 1 && rng.bool() => drop(bytes.remove(at)),
        _ => bytes.insert(at, rng.u8(..)),
    }
}

#[test]
fn random_bytes_are_judged_alike() {
    seeds::check(20_000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let mut bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
        // Small bytes are often tags and lengths.
        bytes.iter_mut().filter(|_| rng.bool()).for_each(|byte| *byte &= 0x1f);
        agree(signal, &bytes);
    });
}

/// Any field in any message of every signal, with any wire type and payload.
#[test]
fn every_field_is_judged_alike_in_every_wire_type() {
    for signal in Signal::ALL {
        for path in paths(schema::request(signal)) {
            for number in (1..=20).chain([1000, (1 << 29) - 1]) {
                for field in fields_of(number) {
                    agree(signal, &path.iter().rev().fold(field, |inner, number| delimited(*number, &inner)));
                }
            }
        }
    }
}

/// The field numbers that lead to a message, in every way that passes no message type twice.
fn paths(root: &'static MessageSpec) -> Vec<Vec<u32>> {
    let mut found: Vec<(Vec<&MessageSpec>, Vec<u32>)> = vec![(vec![root], Vec::new())];
    let mut next = 0;
    while let Some((specs, path)) = found.get(next).cloned() {
        next += 1;
        for field in specs[specs.len() - 1].fields {
            let Kind::Message(inner) = field.kind else { continue };
            if !specs.iter().any(|passed| std::ptr::eq(*passed, inner)) {
                found.push(([specs.as_slice(), &[inner]].concat(), [path.as_slice(), &[field.number]].concat()));
            }
        }
    }
    found.into_iter().map(|(_, path)| path).collect()
}

fn fields_of(number: u32) -> Vec<Vec<u8>> {
    let tag = |wire_type| {
        let mut tag = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3 | wire_type), &mut tag);
        tag
    };
    let with = |wire_type: u32, payload: &[u8]| [tag(wire_type), payload.to_vec()].concat();
    vec![
        with(0, &[1]),
        with(0, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        with(0, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
        with(0, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
        with(0, &[0x80]),
        with(1, &[7; 8]),
        with(1, &[7; 7]),
        with(2, &[0]),
        with(2, &[1, b'a']),
        with(2, &[1, 0xff]),
        with(2, &[2, 0xff, 1]),
        with(2, &[8, 8, 1, 8, 1, 8, 1, 8, 1]),
        with(2, &[2, 0x0a, 0]),
        with(2, &[3, b'a', b'b']),
        with(2, &[[8].as_slice(), &[b'a'; 8]].concat()),
        with(2, &[[16].as_slice(), &[b'a'; 16]].concat()),
        with(2, &[[17].as_slice(), &[b'a'; 17]].concat()),
        with(2, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        [tag(3), tag(4)].concat(),
        [tag(3), vec![8, 1], tag(4)].concat(),
        [tag(3), vec![0x0c]].concat(),
        tag(3),
        tag(4),
        with(5, &[7; 4]),
        with(5, &[7; 3]),
        with(6, &[]),
        with(7, &[]),
    ]
}

fn delimited(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::bytes::encode(number, &bytes.to_vec(), &mut out);
    out
}

/// How many levels something may nest before each side refuses it: (the oracle, `check`, a projection).
fn limits(signal: Signal, nested: impl Fn(usize) -> Vec<u8>) -> (usize, usize, usize) {
    let deepest = |accepts: &dyn Fn(&[u8]) -> bool| (0..400).find(|levels| !accepts(&nested(*levels))).unwrap() - 1;
    let checked = deepest(&|bytes| check(signal, bytes, Strings::Utf8).is_ok());
    let walked = deepest(&|bytes| walk(signal, bytes, Strings::Utf8).is_ok());
    (deepest(&|bytes| oracle(signal, bytes).is_some()), checked, walked)
}

#[test]
fn nesting_is_bounded_and_never_tighter_than_the_oracle() {
    // In each signal: the path to an attribute's `AnyValue`, then arrays in arrays.
    let arrays = |path: &'static [u32]| {
        move |levels: usize| {
            let value = (0..levels).fold(Vec::new(), |inner, _| delimited(5, &delimited(1, &inner)));
            path.iter().rev().fold(value, |inner, number| delimited(*number, &inner))
        }
    };
    assert_eq!(limits(Signal::Traces, arrays(&[1, 2, 2, 9, 2])), (47, 49, 49));
    assert_eq!(limits(Signal::Logs, arrays(&[1, 2, 2, 6, 2])), (47, 49, 49));
    assert_eq!(limits(Signal::Metrics, arrays(&[1, 2, 2, 5, 1, 7, 2])), (46, 49, 49));
    assert_eq!(limits(Signal::Metrics, arrays(&[1, 1, 1, 2])), (48, 49, 49));

    let groups = |path: &'static [u32]| {
        move |levels: usize| {
            let group = [vec![0xa3; levels], vec![0xa4; levels]].concat();
            // Field 500, whose tags take two bytes each.
            let group: Vec<u8> = group.into_iter().flat_map(|byte| [byte, 0x1f]).collect();
            path.iter().rev().fold(group, |inner, number| delimited(*number, &inner))
        }
    };
    assert_eq!(limits(Signal::Traces, groups(&[])), (100, 100, 100));
    assert_eq!(limits(Signal::Traces, groups(&[1, 2, 2])), (97, 100, 100));
}

#[test]
fn an_unknown_field_in_the_deepest_message_is_where_the_oracle_is_stricter() {
    let deepest = |inner: Vec<u8>| {
        let value = (0..47).fold(inner, |inner, _| delimited(5, &delimited(1, &inner)));
        [1, 2, 2, 9, 2].iter().rev().fold(value, |inner, number| delimited(*number, &inner))
    };
    let unknown = deepest(delimited(5, &[0x78, 1]));
    assert_eq!(oracle(Signal::Traces, &unknown), None);
    assert_eq!(check(Signal::Traces, &unknown, Strings::Utf8), Ok(1));
}
