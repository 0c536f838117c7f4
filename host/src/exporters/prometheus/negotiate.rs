//! What a scraper asks for: format and compression from its `accept` and `accept-encoding` headers.
//!
//! Quality values are compared in thousandths, as RFC 9110 gives them three decimals.

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use super::exposition::Format;

/// OpenMetrics when it is named and not less welcome than the text format; the text format for everything else, because a
/// scraper that gets no metrics at all is helped less.
pub fn format(headers: &HeaderMap, enable_open_metrics: bool) -> Format {
    let (mut open_metrics, mut text, mut any) = (0, None, None);
    each_element(headers, &ACCEPT, |range, parameters, quality| match range {
        "application/openmetrics-text" if version(parameters).is_none_or(|version| version == "1.0.0") => {
            open_metrics = quality.max(open_metrics);
        }
        "text/plain" if version(parameters).is_none_or(|version| version == "0.0.4") => {
            text = text.max(Some(quality));
        }
        "text/*" | "*/*" => any = any.max(Some(quality)),
        _ => {}
    });
    let text = text.or(any).unwrap_or(0);
    if enable_open_metrics && open_metrics > 0 && open_metrics >= text { Format::OpenMetrics } else { Format::Text }
}

/// Whether gzip is welcome, and not less so than no compression.
pub fn gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    each_element(headers, &ACCEPT_ENCODING, |coding, _, quality| match coding {
        "gzip" | "x-gzip" => gzip = gzip.max(Some(quality)),
        "identity" => identity = identity.max(Some(quality)),
        "*" => any = any.max(Some(quality)),
        _ => {}
    });
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// Calls `each` with every element of a list header: its name in lower case, its parameters and its quality.
fn each_element(headers: &HeaderMap, name: &HeaderName, mut each: impl FnMut(&str, &str, u32)) {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    for element in values.flat_map(|value| value.split(',')) {
        let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
        let quality = parameter(parameters, "q").map_or(Some(1000), thousandths);
        // An element that cannot be read asks for nothing.
        if let Some(quality) = quality {
            each(&range.trim().to_ascii_lowercase(), parameters, quality);
        }
    }
}

fn version(parameters: &str) -> Option<&str> {
    parameter(parameters, "version")
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

fn thousandths(quality: &str) -> Option<u32> {
    let quality: f64 = quality.parse().ok()?;
    (0.0..=1.0).contains(&quality).then(|| (quality * 1000.0).round() as u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    fn format_for(accept: &str) -> Format {
        format(&headers(ACCEPT, accept), true)
    }

    #[test]
    fn prometheus_gets_open_metrics() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(format_for(prometheus), Format::OpenMetrics);
        assert_eq!(format(&headers(ACCEPT, prometheus), false), Format::Text);
    }

    #[test]
    fn text_is_what_everybody_else_gets() {
        assert_eq!(format(&HeaderMap::new(), true), Format::Text);
        for accept in [
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/openmetrics-text;q=0.4,text/plain;q=0.5",
            "application/openmetrics-text;q=0.4,*/*;q=0.5",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=abc",
            "image/png",
            "",
        ] {
            assert_eq!(format_for(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn open_metrics_is_taken_when_named() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8",
            "text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.5",
        ] {
            assert_eq!(format_for(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_when_it_is_welcome() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("", false),
        ] {
            assert_eq!(gzip(&headers(ACCEPT_ENCODING, value)), expected, "{value}");
        }
        assert!(!gzip(&HeaderMap::new()));
    }
}
