//! When a certificate ends: the one thing of it that nobody else here reads, for whoever watches that it is renewed.
//!
//! rustls checks what is shown to us, and has no word for the end of what we show. So two fields of X.509 (RFC 5280, section 4.1) are
//! found here by their place; whatever does not read has no end that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;

const SEQUENCE: u8 = 0x30;
/// `[0]`, in front of the version, which may be missing.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

const UNKNOWN: i64 = i64::MAX;

/// When the certificate that is in use ends. Clones are the same.
#[derive(Debug, Clone)]
pub struct Expiry(Arc<AtomicI64>);

impl Default for Expiry {
    fn default() -> Expiry {
        Expiry(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl Expiry {
    /// These certificates are in use from now on: the first that ends counts.
    pub(super) fn follow(&self, chain: &[CertificateDer<'_>]) {
        let ends = chain.iter().filter_map(|certificate| not_after(certificate)).min();
        self.0.store(ends.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Seconds until it ends, by this machine's clock; below zero once it has ended, and not a number where nobody knows.
    pub fn remaining_s(&self) -> f64 {
        let ends = self.0.load(Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if ends == UNKNOWN { f64::NAN } else { ends as f64 - now.as_secs_f64() }
    }
}

/// `notAfter` of a certificate, in seconds since 1970.
fn not_after(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (fields, _) = value(certificate, SEQUENCE)?;
    let fields = value(fields, VERSION).map_or(fields, |(_, rest)| rest);
    // The serial number, the algorithm of the signature, the issuer.
    let fields = (0..3).try_fold(fields, |fields, _| element(fields).map(|(_, _, rest)| rest))?;
    let (validity, _) = value(fields, SEQUENCE)?;
    let (_, _, ends) = element(validity)?;
    let (kind, time, _) = element(ends)?;
    seconds(kind, time)
}

/// The value of an element of that kind, and what is behind it.
fn value(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == kind).map(|(_, value, rest)| (value, rest))
}

/// One element of DER: its kind, its value, and what is behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // No certificate needs more than four.
            let bytes = bytes.get(..).filter(|bytes| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((kind, value, rest))
}

/// `YYMMDDHHMMSSZ` of this century and the last, or `YYYYMMDDHHMMSSZ`.
fn seconds(kind: u8, time: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = number(digits, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => number(digits, 4)?,
        _ => return None,
    };
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = number(rest, 2)?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    (fits && rest.is_empty()).then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let number = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some((number, rest))
}

/// Days from 1970 to a day of the Gregorian calendar, years counted from March, so that a leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (kind, time, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "240229235959Z", Some(1_709_251_199)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (UTC_TIME, "2402292359Z", None),
            (UTC_TIME, "240229235959", None),
            (UTC_TIME, "24é29235959Z", None),
            (SEQUENCE, "240229235959Z", None),
        ] {
            assert_eq!(seconds(kind, time.as_bytes()), expected, "{time}");
        }
    }

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 2, 28);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_first_of_a_chain_that_ends_counts() {
        let (soon, late) = (certificate(2031), certificate(2150));
        assert_eq!((not_after(&soon), not_after(&late)), (Some(1_930_003_200), Some(5_685_292_800)));
        let expiry = Expiry::default();
        assert!(expiry.remaining_s().is_nan());
        expiry.follow(&[late.into(), soon.into()]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((expiry.remaining_s() + now - 1_930_003_200.0).abs() < 10.0);
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_end() {
        let whole = certificate(2031);
        for length in 0..whole.len() {
            let _ = not_after(&whole[..length]);
            let mut torn = whole.clone();
            torn[length] = !torn[length];
            let _ = not_after(&torn);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[SEQUENCE, 0xff, 1]), None);
    }
}
