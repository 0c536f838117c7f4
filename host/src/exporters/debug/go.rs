//! Times and numbers as Go writes them, so that a dump reads like the Collector's.

use time::{Duration, OffsetDateTime};

/// A time in nanoseconds since 1970 as `2020-02-11 20:26:13.000000789 +0000 UTC`.
pub fn time(nanoseconds: u64) -> String {
    // Go's `Timestamp` is signed too: what does not fit is before 1970.
    let since = Duration::nanoseconds(nanoseconds.cast_signed());
    let Some(at) = OffsetDateTime::UNIX_EPOCH.checked_add(since) else { return String::new() };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, fraction) = at.to_hms_nano();
    let digits = format!(".{fraction:09}");
    let fraction = if fraction == 0 { "" } else { digits.trim_end_matches('0') };
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC", u8::from(month))
}

/// `%f`: six decimals.
pub fn fixed(number: f64) -> String {
    infinite(number).unwrap_or_else(|| format!("{number:.6}"))
}

/// `%v`: the shortest text that reads back, with an exponent below 1e-4 and from 1e6.
pub fn shortest(number: f64) -> String {
    let size = number.abs();
    if let Some(text) = infinite(number) {
        return text;
    }
    if size == 0.0 || (1e-4..1e6).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn infinite(number: f64) -> Option<String> {
    let text = match number {
        number if number.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (nanoseconds, expected) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (1_581_452_773_000_000_789, "2020-02-11 20:26:13.000000789 +0000 UTC"),
            (1_582_979_696_500_000_000, "2020-02-29 12:34:56.5 +0000 UTC"),
            (951_782_400_000_000_000, "2000-02-29 00:00:00 +0000 UTC"),
            (4_102_444_799_000_000_000, "2099-12-31 23:59:59 +0000 UTC"),
            (u64::MAX, "1969-12-31 23:59:59.999999999 +0000 UTC"),
            (1 << 63, "1677-09-21 00:12:43.145224192 +0000 UTC"),
        ] {
            assert_eq!(time(nanoseconds), expected);
        }
    }

    #[test]
    fn numbers() {
        assert_eq!([1.23, -0.5, f64::INFINITY, f64::NAN].map(fixed), ["1.230000", "-0.500000", "+Inf", "NaN"]);
        assert_eq!(
            [0.0, 1.5, 999_999.5, 1e6, 2_097_152.5, 1e21, 1e-4, 1.5e-5, -1e300, f64::NEG_INFINITY].map(shortest),
            ["0", "1.5", "999999.5", "1e+06", "2.0971525e+06", "1e+21", "0.0001", "1.5e-05", "-1e+300", "-Inf"]
        );
    }
}
