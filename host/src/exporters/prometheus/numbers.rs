//! Numbers as text, fast: an exposition is mostly these.

use std::io::Write as _;

use super::series::Value;

const NANOSECONDS: u64 = 1_000_000_000;

/// A sample's value: integers as they are, doubles in the shortest form that reads back as the same number.
pub fn value(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::Integer(number) => integer(out, number),
        Value::Double(number) => double(out, number),
    }
}

/// A double in the shortest form that reads back as the same number.
pub fn double(out: &mut Vec<u8>, number: f64) {
    if quick_double(out, number) {
        return;
    }
    let size = number.abs();
    // Writing to a vector cannot fail.
    let _ = if number.is_nan() {
        out.write_all(b"NaN")
    } else if number.is_infinite() {
        out.write_all(if number > 0.0 { b"+Inf" } else { b"-Inf" })
    } else if number == 0.0 || (1e-6..1e17).contains(&size) {
        write!(out, "{number}")
    } else {
        // Far from one, digits would be mostly zeros.
        write!(out, "{number:e}")
    };
}

/// What has at most six decimals and fifteen digits. Both the number of millionths and a million are exact, and a division
/// rounds correctly: if it gives the number back, these digits read back as it too, and of so few digits no others do.
fn quick_double(out: &mut Vec<u8>, number: f64) -> bool {
    let millionths = (number.abs() * 1e6).round();
    if !(1.0..1e15).contains(&millionths) || millionths / 1e6 != number.abs() {
        return false;
    }
    if number < 0.0 {
        out.push(b'-');
    }
    let millionths = millionths as u64;
    unsigned(out, millionths / 1_000_000);
    fraction(out, millionths % 1_000_000, 6);
    true
}

/// A point and `fraction`, written with so many digits and without zeros at its end; nothing for zero.
fn fraction(out: &mut Vec<u8>, mut fraction: u64, digits: usize) {
    if fraction == 0 {
        return;
    }
    let mut text = *b".000000000";
    for place in text.iter_mut().take(digits + 1).skip(1).rev() {
        *place = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    let end = text.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    out.extend_from_slice(text.get(..=end).unwrap_or_default());
}

fn integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    unsigned(out, number.unsigned_abs());
}

/// An integer.
pub fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [b'0'; 20];
    let mut start = text.len();
    for place in text.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

/// Nanoseconds as seconds, with as many decimals as there are.
pub fn seconds(out: &mut Vec<u8>, nanoseconds: u64) {
    unsigned(out, nanoseconds / NANOSECONDS);
    fraction(out, nanoseconds % NANOSECONDS, 9);
}

/// A number as the value of `le` or `quantile`: as Go's libraries write it, because it tells series apart. In OpenMetrics
/// it has a point or an exponent, whatever it is.
pub fn label(out: &mut Vec<u8>, number: f64, open_metrics: bool) {
    let (start, size) = (out.len(), number.abs());
    if size == 0.0 || !size.is_finite() || (1e-4..1e6).contains(&size) {
        double(out, number);
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
    }
    let is_plain = |text: &[u8]| !text.iter().any(|byte| matches!(byte, b'.' | b'e'));
    if open_metrics && number.is_finite() && out.get(start..).is_some_and(is_plain) {
        out.extend_from_slice(b".0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn numbers_read_back_as_themselves() {
        for (number, expected) in [
            (Value::Integer(i64::MIN), "-9223372036854775808"),
            (Value::Integer(i64::MAX), "9223372036854775807"),
            (Value::Integer(0), "0"),
            (Value::Double(3.0), "3"),
            (Value::Double(0.0), "0"),
            (Value::Double(-0.0), "-0"),
            (Value::Double(0.1), "0.1"),
            (Value::Double(-12.050_001), "-12.050001"),
            (Value::Double(0.1 + 0.2), "0.30000000000000004"),
            (Value::Double(1e300), "1e300"),
            (Value::Double(-5e-324), "-5e-324"),
            (Value::Double(1e-6), "0.000001"),
            (Value::Double(123_456_789.000_001), "123456789.000001"),
            (Value::Double(1_234_567_890_123_456.5), "1234567890123456.5"),
            (Value::Double(9_007_199_254_740_993.0), "9007199254740992"),
            (Value::Double(f64::NAN), "NaN"),
            (Value::Double(f64::INFINITY), "+Inf"),
            (Value::Double(f64::NEG_INFINITY), "-Inf"),
        ] {
            assert_eq!(text(|out| value(out, number)), expected);
        }
    }

    #[test]
    fn the_quick_way_gives_the_same_text() {
        let mut state = 1_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 20) as f64 / 10_f64.powi((state % 9) as i32);
            let mut quick = Vec::new();
            if quick_double(&mut quick, number) {
                assert_eq!(quick, format!("{number}").into_bytes());
            }
        }
    }

    #[test]
    fn labels_are_as_go_writes_them() {
        for (number, plain, open_metrics) in [
            (0.0, "0", "0.0"),
            (1.0, "1", "1.0"),
            (-2.5, "-2.5", "-2.5"),
            (0.005, "0.005", "0.005"),
            (1e6, "1e+06", "1e+06"),
            (1_234_567.5, "1.2345675e+06", "1.2345675e+06"),
            (1e-5, "1e-05", "1e-05"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ] {
            assert_eq!(text(|out| label(out, number, false)), plain);
            assert_eq!(text(|out| label(out, number, true)), open_metrics);
        }
    }

    #[test]
    fn times_have_the_decimals_they_need() {
        assert_eq!(text(|out| seconds(out, 1_520_430_000_123_000_000)), "1520430000.123");
        assert_eq!(text(|out| seconds(out, 5_000_000_001)), "5.000000001");
        assert_eq!(text(|out| seconds(out, 7_000_000_000)), "7");
    }
}
