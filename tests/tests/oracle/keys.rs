//! The canonical encoding of keys, written and read.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use otelier::otlp::Strings;
use otelier::otlp::attribute::Attribute;
use otelier::otlp::key::{KeyBuilder, Level, elements, put_any_value};
use otelier_tests::generate::{attributes, pick, schema, several, vary};
use prost::Message;

use crate::model::{self, Key, Typed};
use crate::seeds;

const LEVELS: [Level; 6] =
    [Level::Resource, Level::Scope, Level::Item, Level::Metadata, Level::ScopeIdentity, Level::MetricIdentity];

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
        assert_eq!(key, model::canonical(&expected), "{attributes:?}");
        assert_eq!(repeated, expected.len() < attributes.len());
    });
}

#[test]
fn a_key_is_read_back_as_the_attributes_it_was_made_of() {
    seeds::check(4000, |rng| {
        let key = key(rng);
        let encoded = model::canonical(&key);
        let elements = elements(&encoded).unwrap();
        assert_eq!(elements.len(), key.len());
        for (element, ((level, name), value)) in elements.iter().zip(&key) {
            assert_eq!((element.level, element.name), (*level, name.as_slice()));
            assert_eq!(any_value(element.value).encode_to_vec(), value.any_value().encode_to_vec());
        }
    });
}

#[test]
fn a_damaged_key_is_refused_or_is_a_key() {
    seeds::check(20_000, |rng| {
        let mut encoded = model::canonical(&key(rng));
        let at = rng.usize(..encoded.len());
        match rng.u32(..3) {
            0 => encoded.truncate(at),
            1 => encoded[at] = rng.u8(..10),
            _ => encoded[at] ^= 1 << rng.u32(..8),
        }
        let Ok(read) = elements(&encoded) else { return };
        let value = |encoded| {
            let mut message = Vec::new();
            put_any_value(&mut message, encoded).expect("a value that was read can be written");
            // Texts of a key are any bytes; the oracle's are UTF-8.
            Some(Typed::of(Some(&AnyValue::decode(message.as_slice()).ok()?)))
        };
        let key: Option<Key> =
            read.iter().map(|element| Some(((element.level, element.name.to_vec()), value(element.value)?))).collect();
        let Some(key) = key else { return };
        // Known weakness: padded lengths, bools other than 0 and 1, and maps out of order or with repeats are taken
        // as well, so that `encoded` need not be `canonical`.
        let canonical = model::canonical(&key);
        assert_eq!(elements(&canonical).unwrap().len(), read.len(), "{encoded:02x?}");
    });
}
