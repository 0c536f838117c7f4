//! Bytes that somebody made up to hurt: no view panics.

use otelier::contract::Signal;
use otelier::otlp::columns::{Bitmap, Layout, Word, WordSet};
use otelier::otlp::descriptors::Kinds;
use otelier::otlp::edit::{Action, AttributeEdit, EditError, Edits, FieldEdit, MetricEdit, When, apply};
use otelier::otlp::field::Field;
use otelier::otlp::key::{self, Level};
use otelier::otlp::keying::{Grouping, Keying, Source};
use otelier::otlp::metrics::MetricKind;
use otelier::otlp::projection::{HistogramColumns, Projection, Projector};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, pick};
use prost::Message;

use crate::edits::random;
use crate::model::Typed;
use crate::projections::random::WORDS;
use crate::seeds;

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

/// Reads bytes in every way there is, as whatever they may be, and edits them.
pub fn read(bytes: &[u8], entries_max: usize) {
    for strings in [Strings::Utf8, Strings::Bytes] {
        for signal in Signal::ALL {
            let checked = check(signal, bytes, strings);
            let mut projector = Projector::new(signal, everything(), entries_max);
            // Twice: the columns of the second are sized by the first.
            for _ in 0..2 {
                let projected = projector.project(bytes, strings).map(|columns| columns.layout);
                match (&checked, projected) {
                    (Ok(items), Ok(layout)) => {
                        assert_eq!(layout.items, *items, "a projection counts as a check does");
                        edit(signal, bytes, &layout);
                    }
                    (Ok(_), Err(malformed)) => assert!(malformed.reason.contains("too large"), "{malformed}"),
                    (Err(_), Err(malformed)) => assert!(malformed.offset <= bytes.len()),
                    (Err(malformed), Ok(_)) => panic!("a projection takes what a check refuses: {malformed}"),
                }
            }
        }
    }
    if let Ok(elements) = key::elements(bytes) {
        elements.iter().for_each(|element| key::put_any_value(&mut Vec::new(), element.value).unwrap());
    }
    let _ = (key::check(bytes), key::check_value(bytes, Strings::Utf8));
}

/// Edits that remove, split and rewrite. What comes out is a request, or is said to be too large.
fn edit(signal: Signal, bytes: &[u8], layout: &Layout) {
    let every = |step: usize| {
        let mut rows = Bitmap::default();
        (0..layout.rows as usize).step_by(step).for_each(|row| rows.set(row));
        rows
    };
    let left = apply(signal, bytes, layout, &every(2), &Edits::default()).unwrap();
    assert!(left.len() <= bytes.len());
    let set = |rows: &Bitmap| {
        let values = [&b"\x0a\x01x"[..], b"\x10\x01"].map(Box::from).to_vec();
        Action::Set { when: When::Always, values, indices: (0..rows.count() as u32).map(|row| row % 2).collect() }
    };
    let edit = |level, key: &[u8], step, action: &dyn Fn(&Bitmap) -> Action| {
        let rows = every(step);
        AttributeEdit { level, key: key.into(), action: action(&rows), rows }
    };
    let edits = Edits {
        attributes: vec![
            edit(Level::Resource, b"a", 2, &set),
            edit(Level::Scope, b"b", 3, &|_| Action::Rename((*b"c").into())),
            edit(Level::Item, b"a", 1, &|_| Action::Rename((*b"b").into())),
            edit(Level::Item, b"b", 5, &|_| Action::Remove),
            edit(Level::Item, b"", 2, &set),
        ],
        fields: random::settable()
            .into_iter()
            .map(|(field, settable)| {
                let value = [&[0][..], b"\x01\x01x", b"\x03\x01\0\0\0\0\0\0\0"].into_iter().rev();
                let values = value.filter_map(|value| settable.encode(value)).collect();
                FieldEdit { field, rows: every(3), values, indices: Vec::new() }
            })
            .collect(),
        metrics: vec![MetricEdit { descriptor: 0, name: "x".into(), unit: "y".into(), description: "z".into() }],
    };
    match apply(signal, bytes, layout, &every(7), &edits) {
        Ok(edited) => drop(check(signal, &edited, Strings::Bytes).expect("an edited request is OTLP")),
        Err(error) => assert!(matches!(error, EditError::TooLarge(_)), "{error}"),
    }
}

/// A projection that reads whatever there is.
fn everything() -> Projection {
    let kinds = [
        MetricKind::Gauge,
        MetricKind::Sum,
        MetricKind::Histogram,
        MetricKind::ExponentialHistogram,
        MetricKind::Summary,
    ];
    let mut words = WordSet::default();
    WORDS.iter().filter_map(|name| Word::of(name)).for_each(|word| words.insert(word));
    let keying = |grouping| Keying { grouping, durable: false, alike: false };
    Projection {
        metrics: vec!["*".to_owned()],
        bare_metrics: true,
        unnumbered_metrics: true,
        kinds: Some(kinds.into_iter().fold(Kinds::default(), Kinds::with)),
        items: true,
        values: true,
        times: true,
        start_times: true,
        words,
        histograms: HistogramColumns { buckets: true, exponential_buckets: true, quantiles: true, exemplars: true },
        attributes: [true; 3],
        values_of: vec![
            Source::Attribute(Level::Resource, b"a".to_vec()),
            Source::Attribute(Level::Item, Vec::new()),
            Source::Field(Field::Body),
            Source::Field(Field::Name),
        ],
        keyings: vec![
            keying(Grouping::Keep(vec![
                (Level::Item, b"a".to_vec()),
                (Level::Resource, b"a".to_vec()),
                (Level::Field, b"body".to_vec()),
                (Level::Field, b"name".to_vec()),
            ])),
            keying(Grouping::Drop(Vec::new())),
            keying(Grouping::Stream(None)),
        ],
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

#[test]
fn mutated_requests_do_not_panic() {
    seeds::check(400, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let bytes = Request::random(rng, signal).varied(rng);
        for _ in 0..if bytes.is_empty() { 0 } else { 5 } {
            let mut mutated = bytes.clone();
            for _ in 0..rng.u32(1..6) {
                let (at, from) = (rng.usize(..mutated.len()), rng.usize(..mutated.len()));
                match rng.u32(..3) {
                    0 => mutated[at] ^= 1 << rng.u32(..8),
                    1 => mutated[at] = mutated[from],
                    _ => mutated.insert(at, rng.u8(..0x20)),
                }
            }
            read(&mutated, 5);
        }
    });
}

/// A resource of a mebibyte and items that each want another one: what would come of it is refused before it is there.
#[test]
fn splits_without_measure_are_refused() {
    let resource = field(1, &field(1, &field(2, &field(1, &vec![b'x'; 1 << 20]))));
    let request = field(1, &[resource, field(2, &field(2, &[]).repeat(1000))].concat());
    let projection = Projection { items: true, ..Projection::default() };
    let layout = Projector::new(Signal::Logs, projection, 0).project(&request, Strings::Utf8).unwrap().layout;
    let rows = Bitmap::from_words(vec![u64::MAX; 15]);
    let value = |row| Typed::Integer(row).any_value().encode_to_vec().into_boxed_slice();
    let values = (0..960).map(value).collect();
    let action = Action::Set { when: When::Always, values, indices: (0..960).collect() };
    let edit = AttributeEdit { level: Level::Resource, key: (*b"k").into(), rows, action };
    let edits = Edits { attributes: vec![edit], ..Edits::default() };
    let outcome = apply(Signal::Logs, &request, &layout, &Bitmap::default(), &edits);
    assert!(matches!(outcome, Err(EditError::TooLarge(_))), "{outcome:?}");
}

/// What is refused because it is too wide leaves nothing behind, and the same request in smaller ones is read as ever.
#[test]
fn a_request_whose_columns_are_too_large_leaves_no_key() {
    let keying = Keying { grouping: Grouping::Drop(Vec::new()), durable: true, alike: false };
    let projection = Projection { items: true, times: true, keyings: vec![keying], ..Projection::default() };
    let mut projector = Projector::new(Signal::Logs, projection, 1000);
    projector.bound_columns(1000);
    let record = |number: u32| {
        let value = field(2, &field(1, number.to_string().as_bytes()));
        field(2, &field(6, &[field(1, b"k"), value].concat()))
    };
    let request = |records: std::ops::Range<u32>| field(1, &field(2, &records.flat_map(record).collect::<Vec<u8>>()));
    let wide = projector.project(&request(0..500), Strings::Utf8);
    assert!(wide.is_err_and(|error| error.reason.contains("memory_mib")));
    assert!(projector.dictionary_mut(0).unwrap().is_empty(), "keys of a request that nobody has seen");
    assert_eq!(projector.project(&request(0..5), Strings::Utf8).unwrap().layout.rows, 5);
    assert_eq!(projector.dictionary_mut(0).unwrap().len(), 5);
}
