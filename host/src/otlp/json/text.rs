//! Bytes and numbers that JSON carries as text: hex, base64, decimal; and texts that are none.

use std::borrow::Cow;

/// The bytes of a hex text of either case, if it is one of `2 * N` digits.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digits: &[[u8; 2]; N] = digits.try_into().ok()?;
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The bytes of a base64 text. As proto3 JSON has it, both alphabets and missing padding are understood.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if digits.len() % 4 == 1 || padding > 0 && !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            bits = bits << 6 | base64_digit(*digit)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, decoded @ ..] = bits.to_be_bytes();
        bytes.extend(decoded.iter().take(group.len() - 1));
    }
    Some(bytes)
}

fn base64_digit(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Lower-case hex.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Base64 with padding.
pub fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            let in_use = digit <= group.len();
            text.push(if in_use { char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]) } else { '=' });
        }
    }
    text
}

/// A text in which each half of a surrogate pair (three bytes from `ED A0 80` to `ED BF BF`: the parser's form of an escape that stands
/// alone) is U+FFFD, which is three bytes as well. Other bytes are as they were.
pub(super) fn without_surrogates(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_vec();
    let mut rest = &mut text[..];
    while let Some(at) = rest.iter().position(|byte| *byte == 0xed) {
        let (_, from) = rest.split_at_mut(at);
        rest = match from {
            [first, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] => {
                (*first, *second, *third) = (0xef, 0xbf, 0xbd);
                after
            }
            [_, after @ ..] => after,
            [] => break,
        };
    }
    Cow::Owned(text)
}

/// A decimal integer.
pub(super) fn integer(text: &str) -> Option<i128> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// A double as proto3 JSON writes it in a string: a JSON number or one of three names. Rust would understand more.
pub(super) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{base64, double, hex, integer, without_surrogates};

    #[test]
    fn hex_has_exactly_the_digits() {
        assert_eq!(hex::<2>("aB01"), Some([0xab, 0x01]));
        for text in ["", "ab", "aB0", "aB0g", "aB0123", "é1"] {
            assert_eq!(hex::<2>(text), None, "{text}");
        }
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced() {
        for (text, expected) in [
            (&b"plain \xc3\xa9"[..], &b"plain \xc3\xa9"[..]),
            (b"\xed\xa0\xbd", b"\xef\xbf\xbd"),
            (b"a\xed\xbf\xbfb\xed\xa0\x80", b"a\xef\xbf\xbdb\xef\xbf\xbd"),
            (b"\xed\x9f\xbf\xff", b"\xed\x9f\xbf\xff"),
            (b"\xed\xa0", b"\xed\xa0"),
        ] {
            assert_eq!(without_surrogates(text), expected, "{text:02x?}");
        }
    }

    #[test]
    fn base64_comes_in_four_forms() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(base64(text).as_deref(), Some(&b"\xfb\xff"[..]), "{text}");
        }
        assert_eq!(base64("").as_deref(), Some(&b""[..]));
        assert_eq!(base64("Zm9vYmFy").as_deref(), Some(&b"foobar"[..]));
        for text in ["A", "AB=", "A===", "====", "A B=", "é", "Zg==Zg=="] {
            assert_eq!(base64(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_jsons_and_not_rusts() {
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN.into()));
        assert_eq!(double("1.5e3"), Some(1500.0));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(double("NaN").is_some_and(f64::is_nan));
        for text in ["inf", "nan", "infinity", "", "1e999", "0x1", " 1"] {
            assert_eq!(double(text), None, "{text}");
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
