//! Numbers as OpenMetrics writes them.

use anyhow::{Context, Result, ensure};

/// `number` of the grammar.
pub fn number(text: &str) -> Result<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_infinite = ["inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    if is_infinite || text.eq_ignore_ascii_case("nan") {
        return text.parse().with_context(|| format!("{text:?} is no number"));
    }
    real(text)
}

/// `realnumber` of the grammar, which a time is as well.
pub fn real(text: &str) -> Result<f64> {
    let no_number = || format!("{text:?} is no number");
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    ensure!(has_digits && are_digits(whole) && are_digits(fraction), no_number());
    ensure!(exponent.is_none_or(|digits| !digits.is_empty() && are_digits(digits)), no_number());
    let value: f64 = text.parse().with_context(no_number)?;
    ensure!(value.is_finite(), "{text:?} is beyond a 64-bit float");
    Ok(value)
}

/// A number as the values of `le` and `quantile` have to be written: Go's `%g`, with `.0` where that has neither point nor exponent.
pub fn canonical(number: f64) -> String {
    let size = number.abs();
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if size == 0.0 || (1e-4..1e6).contains(&size) {
        // Debug writes a point always, Display where it is needed.
        let text = number.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_grammar() -> Result<()> {
        for (text, value) in
            [("0042", 42.0), ("+1.", 1.0), ("-.5", -0.5), ("1.89e-7", 1.89e-7), ("-iNf", f64::NEG_INFINITY)]
        {
            ensure!(number(text)? == value, "{text}");
        }
        ensure!(number("nAn")?.is_nan());
        for text in ["", ".", "-", "e5", "1e", "1_0", "0x10", "+nan", "1e400", "1 ", "١"] {
            ensure!(number(text).is_err(), "{text}");
        }
        ensure!(real("inf").is_err() && real("nan").is_err());
        Ok(())
    }

    /// The specification's own examples.
    #[test]
    fn a_threshold_has_one_form() -> Result<()> {
        let examples = "0.0 0.001 0.002 0.01 0.1 0.9 0.95 0.99 0.999 1.0 1.7 10.0 1e-10 1e-09 1e-05 0.0001 100000.0 1e+06 1e+10 \
                        1e+23 1.1e+23 +Inf -2.5";
        for text in examples.split_whitespace() {
            ensure!(canonical(number(text)?) == text, "{text}: {}", canonical(number(text)?));
        }
        Ok(())
    }
}
