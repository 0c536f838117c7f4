//! The hash of a value, as the Collector's processors make it: the SHA-256 of the value's bytes in lowercase hexadecimal digits.
//!
//! A string's bytes are its own, a bool is one byte, numbers are eight bytes, little end first. What is none of these (an array,
//! a map, bytes, no value) becomes the empty string.

use otelier_sdk::key::{Value, read_value, write_value};
use sha2::{Digest, Sha256};

/// The encoded hash of an encoded value.
pub fn hash(encoded: &[u8]) -> Vec<u8> {
    let digest = match read_value(encoded) {
        Some(Value::String(text)) => Some(Sha256::digest(text)),
        Some(Value::Bool(value)) => Some(Sha256::digest([u8::from(value)])),
        Some(Value::Integer(value)) => Some(Sha256::digest(value.to_le_bytes())),
        Some(Value::Double(value)) => Some(Sha256::digest(value.to_le_bytes())),
        Some(Value::Empty | Value::Bytes(_) | Value::Composite(_)) | None => None,
    };
    let text = digest.map(|digest| hexadecimal(&digest)).unwrap_or_default();
    write_value(Value::String(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use otelier_sdk::key::AnyValue;

    use super::hash;

    /// Made with `sha256sum` of the bytes that the Collector hashes.
    #[test]
    fn hashes_are_the_collectors() {
        let cases = [
            (AnyValue::from("foo"), "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
            (AnyValue::from(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (AnyValue::from(true), "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"),
            (AnyValue::from(false), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (AnyValue::from(24), "cbb032642036ec7043fa4529f06c9c9d8b12fa70ea6799a19ca8321a808d86fa"),
            (AnyValue::from(2.4), "df3022be03461368aa299f2f30d440fd3ca45c9b62af40733f10296a53d42859"),
            (AnyValue::Empty, ""),
            (AnyValue::Bytes(vec![1, 2, 3]), ""),
            (AnyValue::Array(vec![AnyValue::from("foo")]), ""),
        ];
        for (value, expected) in cases {
            assert_eq!(AnyValue::decode(&hash(&value.encode())), Some(AnyValue::from(expected)), "{value:?}");
        }
    }
}
