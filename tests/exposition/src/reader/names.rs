//! Types, and what their samples are called: OpenMetrics, "Suffixes".

use anyhow::{Result, ensure};

use crate::exposition::{Family, Format, Kind};

/// How names begin that nobody may use. OpenMetrics reserves one underscore already; OpenTelemetry's rule for names makes such ones
/// (`2xx` becomes `_2xx`), and the parsers of OpenMetrics that there are refuse two.
pub const RESERVED: &str = "__";

/// The type that a `TYPE` line names.
pub fn kind(format: Format, word: &str) -> Option<Kind> {
    let kind = match word {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "untyped" if format == Format::Text => Kind::Unknown,
        "unknown" if format == Format::OpenMetrics => Kind::Unknown,
        "gaugehistogram" if format == Format::OpenMetrics => Kind::GaugeHistogram,
        "stateset" if format == Format::OpenMetrics => Kind::StateSet,
        "info" if format == Format::OpenMetrics => Kind::Info,
        _ => return None,
    };
    Some(kind)
}

/// What stands behind a family's name in the names of its samples.
pub fn suffixes(format: Format, kind: Kind) -> &'static [&'static str] {
    match (format, kind) {
        (Format::OpenMetrics, Kind::Counter) => &["_total", "_created"],
        (Format::OpenMetrics, Kind::Histogram) => &["_bucket", "_count", "_sum", "_created"],
        (Format::OpenMetrics, Kind::Summary) => &["", "_count", "_sum", "_created"],
        (_, Kind::GaugeHistogram) => &["_bucket", "_gcount", "_gsum"],
        (_, Kind::Info) => &["_info"],
        (Format::Text, Kind::Histogram) => &["_bucket", "_count", "_sum"],
        (Format::Text, Kind::Summary) => &["", "_count", "_sum"],
        (Format::Text, Kind::Counter) | (_, Kind::Gauge | Kind::StateSet | Kind::Unknown) => &[""],
    }
}

/// Whether a family of that type and name can have a sample of that name.
pub fn is_sample(format: Format, kind: Kind, family: &str, sample: &str) -> bool {
    sample.strip_prefix(family).is_some_and(|suffix| suffixes(format, kind).contains(&suffix))
}

/// The names that no other family may have: its own, and in OpenMetrics those of all samples that it could have.
pub fn claims(format: Format, kind: Kind, family: &str) -> Vec<String> {
    let mut names = vec![family.to_owned()];
    if format == Format::OpenMetrics {
        let suffixes = suffixes(format, kind).iter().filter(|suffix| !suffix.is_empty());
        names.extend(suffixes.map(|suffix| format!("{family}{suffix}")));
    }
    names
}

/// What OpenMetrics says of a family's name and unit.
pub fn check(family: &Family) -> Result<()> {
    ensure!(!family.name.starts_with(RESERVED), "names that begin with two underscores are reserved");
    if let Some(unit) = &family.unit {
        let rest = family.name.strip_suffix(unit.as_str());
        ensure!(rest.is_some_and(|rest| rest.ends_with('_')), "the unit {unit} is no suffix of the name");
        ensure!(!matches!(family.kind, Kind::Info | Kind::StateSet), "a {:?} has no unit", family.kind);
    }
    Ok(())
}
