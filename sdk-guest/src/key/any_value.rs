//! A value that is held and not borrowed: what a configuration names, and what a test writes down.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{DEPTH_MAX, put_text, put_varint, take, text, varint};

/// A value of any type, as OTLP has them. From a configuration: a number without a point is an integer; there are no bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum AnyValue {
    /// No value.
    #[default]
    Empty,
    /// A string: bytes, because a sender may have written what is not UTF-8.
    String(Vec<u8>),
    /// A bool.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// An array.
    Array(Vec<AnyValue>),
    /// A map.
    Map(BTreeMap<Vec<u8>, AnyValue>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl AnyValue {
    /// In the encoding that keys have for values.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            AnyValue::Empty => out.push(0),
            AnyValue::String(string) => {
                out.push(1);
                put_text(out, string);
            }
            AnyValue::Bool(value) => out.extend([2, u8::from(*value)]),
            AnyValue::Integer(value) => {
                out.push(3);
                out.extend(value.to_le_bytes());
            }
            AnyValue::Double(value) => {
                out.push(4);
                out.extend(value.to_le_bytes());
            }
            AnyValue::Array(values) => {
                out.push(5);
                put_varint(out, values.len());
                values.iter().for_each(|value| value.put(out));
            }
            AnyValue::Map(entries) => {
                out.push(6);
                put_varint(out, entries.len());
                for (name, value) in entries {
                    put_text(out, name);
                    value.put(out);
                }
            }
            AnyValue::Bytes(bytes) => {
                out.push(7);
                put_text(out, bytes);
            }
        }
    }

    /// Reads a value; `None` where the bytes are none. Of equal names in a map the last one counts.
    pub fn decode(encoded: &[u8]) -> Option<AnyValue> {
        let mut rest = encoded;
        AnyValue::read(&mut rest, 0).filter(|_| rest.is_empty())
    }

    fn read(rest: &mut &[u8], depth: u32) -> Option<AnyValue> {
        let eight = |rest: &mut &[u8]| take(rest, 8)?.first_chunk::<8>().copied();
        Some(match *take(rest, 1)?.first()? {
            0 => AnyValue::Empty,
            1 => AnyValue::String(text(rest)?.to_vec()),
            2 => AnyValue::Bool(take(rest, 1)? != [0]),
            3 => AnyValue::Integer(i64::from_le_bytes(eight(rest)?)),
            4 => AnyValue::Double(f64::from_le_bytes(eight(rest)?)),
            5 if depth < DEPTH_MAX => {
                let count = varint(rest)?;
                // Nothing is reserved for what a length only claims.
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(AnyValue::read(rest, depth + 1)?);
                }
                AnyValue::Array(values)
            }
            6 if depth < DEPTH_MAX => {
                let mut entries = BTreeMap::new();
                for _ in 0..varint(rest)? {
                    let name = text(rest)?.to_vec();
                    entries.insert(name, AnyValue::read(rest, depth + 1)?);
                }
                AnyValue::Map(entries)
            }
            7 => AnyValue::Bytes(text(rest)?.to_vec()),
            _ => return None,
        })
    }

    /// Whether both are the same: doubles as numbers, so that 0.0 is -0.0 and NaN is nothing.
    pub fn matches(&self, encoded: &[u8]) -> bool {
        AnyValue::decode(encoded).as_ref() == Some(self)
    }
}

impl From<&str> for AnyValue {
    fn from(string: &str) -> AnyValue {
        AnyValue::String(string.as_bytes().to_vec())
    }
}

impl From<bool> for AnyValue {
    fn from(value: bool) -> AnyValue {
        AnyValue::Bool(value)
    }
}

impl From<i64> for AnyValue {
    fn from(value: i64) -> AnyValue {
        AnyValue::Integer(value)
    }
}

impl From<f64> for AnyValue {
    fn from(value: f64) -> AnyValue {
        AnyValue::Double(value)
    }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyValue, D::Error> {
        deserializer.deserialize_any(AnyValueVisitor)
    }
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a bool, a number, a list or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<AnyValue, E> {
        Ok(AnyValue::Empty)
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<AnyValue, E> {
        Ok(AnyValue::from(string))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AnyValue, E> {
        Ok(AnyValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AnyValue, E> {
        Ok(AnyValue::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AnyValue, E> {
        let too_large = |_| E::custom(format_args!("{value} is more than an attribute can hold; write it as a string"));
        i64::try_from(value).map(AnyValue::Integer).map_err(too_large)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AnyValue, E> {
        Ok(AnyValue::Double(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<AnyValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element()? {
            values.push(value);
        }
        Ok(AnyValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyValue, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, AnyValue>()? {
            entries.insert(name.into_bytes(), value);
        }
        Ok(AnyValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::AnyValue;
    use crate::key::{Value, read_value, write_value};

    fn values() -> Vec<AnyValue> {
        let map = BTreeMap::from([(b"b".to_vec(), AnyValue::Empty), (b"a".to_vec(), AnyValue::from(-1))]);
        let scalars = vec![
            AnyValue::Empty,
            AnyValue::from("text"),
            AnyValue::from(true),
            AnyValue::from(i64::MIN),
            AnyValue::from(0.5),
            AnyValue::Bytes(vec![0xff; 200]),
        ];
        let nested = vec![AnyValue::Array(scalars.clone()), AnyValue::Map(map)];
        [scalars, nested.clone(), vec![AnyValue::Array(nested)]].concat()
    }

    #[test]
    fn what_is_written_is_read_and_is_a_value_of_a_key() {
        for value in values() {
            let encoded = value.encode();
            assert_eq!(AnyValue::decode(&encoded), Some(value.clone()));
            assert_eq!(read_value(&encoded).map(write_value), Some(encoded.clone()), "{value:?}");
            assert!(value.matches(&encoded));
            for length in 0..encoded.len() {
                assert_eq!(AnyValue::decode(encoded.get(..length).unwrap()), None, "{value:?} cut at {length}");
            }
        }
    }

    #[test]
    fn scalars_are_encoded_as_in_keys() {
        assert_eq!(AnyValue::from("a").encode(), write_value(Value::String(b"a")));
        assert_eq!(AnyValue::from(7).encode(), write_value(Value::Integer(7)));
        assert!(AnyValue::from(0.0).matches(&AnyValue::from(-0.0).encode()));
        assert!(!AnyValue::from(f64::NAN).matches(&AnyValue::from(f64::NAN).encode()));
        assert!(!AnyValue::from(1).matches(&AnyValue::from(1.0).encode()));
    }

    #[test]
    fn a_configuration_names_values_of_every_type() {
        let json = r#"["a", true, 1, 1.0, null, [2], {"b": 3, "a": "x"}]"#;
        let AnyValue::Array(values) = serde_json::from_str(json).unwrap() else { panic!("no array") };
        let map = BTreeMap::from([(b"a".to_vec(), AnyValue::from("x")), (b"b".to_vec(), AnyValue::from(3))]);
        let expected = vec![
            AnyValue::from("a"),
            AnyValue::from(true),
            AnyValue::from(1),
            AnyValue::from(1.0),
            AnyValue::Empty,
            AnyValue::Array(vec![AnyValue::from(2)]),
            AnyValue::Map(map),
        ];
        assert_eq!(values, expected);
        let error = serde_json::from_str::<AnyValue>("18446744073709551615").unwrap_err().to_string();
        assert!(error.starts_with("18446744073709551615 is more than an attribute can hold"), "{error}");
    }

    #[test]
    fn what_nests_too_deep_is_no_value() {
        let mut encoded = [5, 1].repeat(1000);
        encoded.push(0);
        assert_eq!(AnyValue::decode(&encoded), None);
    }
}
