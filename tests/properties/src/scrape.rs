//! Whatever metrics are sent, an answer to a scrape keeps the rules of its format and has lines of bounded length. It is the same
//! however it is cut, for families with texts of any length too.

use std::sync::Arc;

use crate::bytes::Choices;
use crate::exporters::prometheus::{FamilyKind, Format, Meta, Shown};

const FORMATS: [(Format, otelier_exposition::Format); 2] =
    [(Format::Text, otelier_exposition::Format::Text), (Format::OpenMetrics, otelier_exposition::Format::OpenMetrics)];

const CONFIGS: [&str; 3] = [
    "{}",
    r#"{"add_metric_suffixes": false, "namespace": "é", "const_labels": {"job": "c"}}"#,
    r#"{"resource_to_telemetry_conversion": {"enabled": true}, "non_monotonic_deltas": "accumulate"}"#,
];

/// The labels of a series, all of it escaped, and an exemplar with as much as it may have; names and numbers are little beside them.
const LINE_BYTES_MAX: usize = (2 * 64 + 8) << 10;

/// Every series a part of its own, a few together, and what a scrape sends.
const PARTS: [usize; 3] = [1, 100, 64 << 10];

const KINDS: [FamilyKind; 6] = [
    FamilyKind::Counter,
    FamilyKind::Gauge,
    FamilyKind::Unknown,
    FamilyKind::Target,
    FamilyKind::Histogram,
    FamilyKind::Summary,
];
/// Longer than a part.
const TEXT_BYTES_MAX: u64 = 70_000;
const FAMILIES_MAX: usize = 6;

pub fn check(bytes: &[u8]) {
    for config in CONFIGS {
        let mut shown = Shown::new(config);
        // What is no request may have been taken in part: it is shown by the same rules.
        let _ = shown.take(bytes);
        for (format, read_as) in FORMATS {
            let whole = shown.answer(format, usize::MAX);
            let read = otelier_exposition::parse(read_as, &whole).expect("the answer keeps the rules");
            // No rule of OpenMetrics: Prometheus' reader refuses the answer.
            let exemplars = read.samples.iter().filter_map(|sample| sample.exemplar.as_ref());
            let has_nul = |exemplar: &otelier_exposition::Exemplar| exemplar.labels.values().any(|v| v.contains('\0'));
            assert!(!exemplars.into_iter().any(has_nul), "NUL in an exemplar");
            for line in whole.split(|byte| *byte == b'\n') {
                assert!(line.len() <= LINE_BYTES_MAX, "a line of {} bytes", line.len());
            }
            is_the_same_however_cut(&mut shown, format, &whole);
        }
    }
    let mut shown = families(&mut Choices::new(bytes));
    for (format, _) in FORMATS {
        let whole = shown.answer(format, usize::MAX);
        is_the_same_however_cut(&mut shown, format, &whole);
    }
}

fn is_the_same_however_cut(shown: &mut Shown, format: Format, whole: &[u8]) {
    for part_bytes in PARTS {
        assert!(shown.answer(format, part_bytes) == whole, "{format:?} in parts of {part_bytes} bytes");
    }
}

/// Families of any kind with texts of any length, more than a sender can have.
fn families(choices: &mut Choices<'_>) -> Shown {
    let mut shown = Shown::new("{}");
    for _ in 0..FAMILIES_MAX {
        if choices.is_done() {
            break;
        }
        let kind = choices.pick(&KINDS);
        let name = format!("n{}", text(choices));
        let meta = Meta {
            text_name: Arc::from(name.as_str()),
            base: Arc::from(name),
            kind,
            help: text(choices),
            unit: text(choices),
            unit_words: String::new(),
            source: String::new(),
        };
        let labels: Vec<String> =
            (0..choices.byte() % 4).map(|number| format!("{{a=\"{}\",n=\"{number}\"}}", text(choices))).collect();
        shown.put(meta, &labels);
    }
    shown
}

/// Every fourth one is long.
fn text(choices: &mut Choices<'_>) -> String {
    let most = if choices.byte().is_multiple_of(4) { TEXT_BYTES_MAX } else { 20 };
    let length = choices.word() % most;
    "x".repeat(usize::try_from(length).unwrap())
}
