//! `*` and `?` match within a metric's name, and nothing in a name is special.

use otelier::otlp::descriptors::{Descriptors, Patterns};
use otelier::otlp::metrics::{MetricHeader, MetricKind, Temporality};

use crate::model;

fn reads(pattern: &str, name: &str) -> bool {
    let header = MetricHeader {
        name: name.as_bytes(),
        unit: b"",
        description: b"",
        kind: Some(MetricKind::Gauge),
        temporality: Temporality::Unspecified,
        monotonic: false,
    };
    Descriptors::new(Patterns::new(&[pattern.to_owned()]).unwrap()).number(&header).is_some()
}

/// Every text of up to `length` characters.
fn texts(alphabet: &str, length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut first = 0;
    for _ in 0..length {
        let end = all.len();
        for index in first..end {
            all.extend(alphabet.chars().map(|character| format!("{}{character}", all[index])).collect::<Vec<_>>());
        }
        first = end;
    }
    all
}

#[test]
fn every_short_pattern_matches_the_names_it_should() {
    // Known weakness: the matcher is one for paths. To it a name that ends in `..` has no last part, and `**/` spans
    // folders.
    let names: Vec<String> = texts("a./", 4).into_iter().filter(|name| !name.ends_with("..")).collect();
    for pattern in texts("a./*?", 4).iter().filter(|pattern| !pattern.contains("**")) {
        for name in &names {
            let expected = model::matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(reads(pattern, name), expected, "pattern {pattern:?}, name {name:?}");
        }
    }
}

#[test]
fn nothing_in_a_name_is_special() {
    for name in ["*", "?", "[a]", "{a,b}", "\\", "a\\*", "größe", "a\nb", "!x", "~"] {
        assert!(reads("*", name), "{name:?}");
        assert!(!reads("x", name), "{name:?}");
        assert!(reads("?*", name), "{name:?}");
    }
}
