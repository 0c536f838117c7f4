//! The canonical encoding of keys, written and read.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::attribute::Attribute;
use otelier::otlp::key::{KeyBuilder, check, check_value, elements, put_any_value};
use otelier_tests::generate::{Request, attributes, pick, schema, several, vary};
use prost::Message;

use crate::hostile::at;
use crate::model::key::{LEVELS, encoded, read, read_value};
use crate::model::{self, Key, Typed, canonical};
use crate::seeds;

/// How deep values of a guest's key may nest.
const GUEST_DEPTH: usize = 30;

/// A random key, perhaps without elements.
pub fn key(rng: &mut Rng) -> Key {
    let element = |rng: &mut Rng| {
        let attribute = attributes::key_value(rng, 3);
        ((pick(rng, &LEVELS), attribute.key.into_bytes()), Typed::of(attribute.value.as_ref()))
    };
    several(rng, 5, element).into_iter().collect()
}

/// The `AnyValue` that an encoded value stands for.
fn any_value(encoded: &[u8]) -> AnyValue {
    let mut message = Vec::new();
    put_any_value(&mut message, encoded).unwrap();
    model::decode(&message)
}

#[test]
fn a_built_key_is_canonical_whatever_the_order_and_form_of_its_attributes() {
    seeds::check(4000, |rng| {
        let attributes = several(rng, 6, |rng| (pick(rng, &LEVELS), attributes::key_value(rng, 3)));
        let mut builder = KeyBuilder::default();
        let mut expected = Key::new();
        for (level, attribute) in &attributes {
            let raw = vary(rng, &schema::KEY_VALUE, &attribute.encode_to_vec());
            builder.attribute(*level, &Attribute::read(&raw, Strings::Utf8).unwrap()).unwrap();
            expected.insert((*level, attribute.key.clone().into_bytes()), Typed::of(attribute.value.as_ref()));
        }
        let (key, repeated) = builder.finish();
        assert_eq!(key, canonical(&expected), "{attributes:?}");
        assert_eq!(repeated, expected.len() < attributes.len());
        check(&key).expect("what the host makes of such attributes a guest may make as well");
    });
}

#[test]
fn a_key_is_read_back_as_the_attributes_it_was_made_of() {
    seeds::check(4000, |rng| {
        let key = key(rng);
        let encoded = canonical(&key);
        assert_eq!(read(&encoded).as_ref(), Some(&key), "the model reads what it writes");
        let elements = elements(&encoded).unwrap();
        assert_eq!(elements.len(), key.len());
        for (element, ((level, name), value)) in elements.iter().zip(&key) {
            assert_eq!((element.level, element.name), (*level, name.as_slice()));
            assert_eq!(any_value(element.value).encode_to_vec(), value.any_value().encode_to_vec());
        }
    });
}

/// Whether the bytes are the one encoding of some key that a guest may make.
fn is_canonical(bytes: &[u8]) -> bool {
    read(bytes).is_some_and(|key| {
        let is_text = |name: &[u8]| std::str::from_utf8(name).is_ok();
        let fits = |((_, name), value): (&(_, Vec<u8>), &Typed)| {
            is_text(name) && value.is_utf8() && value.depth() <= GUEST_DEPTH
        };
        key.iter().all(fits) && canonical(&key) == bytes
    })
}

/// Any change of a few bytes: cuts, other bytes, padded lengths, parts that change places or stand twice.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.usize(..bytes.len());
    let end = rng.usize(at..=bytes.len());
    match rng.u32(..7) {
        0 => bytes.truncate(at),
        1 => bytes[at] = rng.u8(..10),
        2 => bytes[at] ^= 1 << rng.u32(..8),
        3 => {
            // A length in one byte becomes the same in two.
            bytes[at] |= 0x80;
            bytes.insert(at + 1, 0);
        }
        4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        5 => drop(bytes.drain(at..end)),
        _ => {
            let middle = rng.usize(at..=end);
            bytes[at..end].rotate_left(middle - at);
        }
    }
}

#[test]
fn a_guests_key_is_taken_exactly_when_it_is_the_one_encoding_of_that_key() {
    seeds::check(60_000, |rng| {
        let mut bytes = canonical(&key(rng));
        (0..rng.u32(..3)).for_each(|_| damage(rng, &mut bytes));
        let checked = check(&bytes);
        assert_eq!(checked.is_ok(), is_canonical(&bytes), "{checked:?} for {bytes:02x?}");
        match checked {
            // Whoever reads it finds the same in it.
            Ok(()) => {
                let elements = elements(&bytes).unwrap();
                let value = |encoded| Typed::of(Some(&any_value(encoded)));
                let found =
                    elements.iter().map(|element| ((element.level, element.name.to_vec()), value(element.value)));
                assert_eq!(found.collect::<Key>(), read(&bytes).unwrap());
            }
            Err(malformed) => assert!(malformed.offset <= bytes.len()),
        }
    });
}

#[test]
fn a_guests_value_is_taken_exactly_when_it_is_the_one_encoding_of_that_value() {
    seeds::check(30_000, |rng| {
        let mut bytes = encoded(&Typed::of(Some(&attributes::any_value(rng, 3))));
        (0..rng.u32(..3)).for_each(|_| damage(rng, &mut bytes));
        let value = read_value(&bytes).filter(|value| value.is_utf8() && value.depth() <= GUEST_DEPTH);
        let is_canonical = value.is_some_and(|value| encoded(&value) == bytes);
        let checked = check_value(&bytes, Strings::Utf8);
        assert_eq!(checked.is_ok(), is_canonical, "{checked:?} for {bytes:02x?}");
    });
}

#[test]
fn values_of_guests_nest_to_the_bound_and_no_deeper() {
    for (depth, wanted) in [(GUEST_DEPTH, true), (GUEST_DEPTH + 1, false)] {
        for one in [&[5, 1][..], &[6, 1, 0]] {
            let value = [one.repeat(depth), vec![0]].concat();
            assert_eq!(check_value(&value, Strings::Utf8).is_ok(), wanted);
            assert_eq!(check(&[vec![1, 2, 0], value].concat()).is_ok(), wanted);
        }
    }
}

/// The generated parsers take a hundred messages within one another: what a guest may make has to fit wherever it may stand.
#[test]
fn the_deepest_value_of_a_guest_can_be_read_wherever_it_ends_up() {
    let resource: &[u32] = &[1, 1, 1, 2];
    let places: [(Signal, &[u32]); 7] = [
        (Signal::Metrics, resource),
        (Signal::Metrics, &[1, 2, 1, 3, 2]),
        (Signal::Metrics, &[1, 2, 2, 5, 1, 7, 2]),
        (Signal::Metrics, &[1, 2, 2, 9, 1, 9, 2]),
        (Signal::Traces, &[1, 2, 2, 9, 2]),
        (Signal::Logs, &[1, 2, 2, 6, 2]),
        (Signal::Logs, resource),
    ];
    for one in [&[5, 1][..], &[6, 1, 0]] {
        let value = [one.repeat(GUEST_DEPTH), vec![1, 1, b'x']].concat();
        check_value(&value, Strings::Utf8).unwrap();
        let mut any_value = Vec::new();
        put_any_value(&mut any_value, &value).unwrap();
        for (signal, path) in places {
            let bytes = at(path, any_value.clone());
            Request::decode(signal, &bytes).unwrap_or_else(|error| panic!("{signal} {path:?}: {error}"));
        }
    }
}
