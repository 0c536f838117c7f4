//! Metric and label names as Prometheus wants them, and units as words.
//!
//! Follows the specification's "Prometheus and OpenMetrics compatibility": other characters become one underscore, the unit is
//! a suffix unless the name ends with it or is it, `_total` comes last and only once. What the specification leaves open (trimmed
//! underscores, `key_` before a digit in a label, `_ratio` only on gauges) is as in the Collector.

/// The names one OTLP metric has in an exposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricName {
    /// The name without `_total`: what OpenMetrics calls the family.
    pub base: String,
    /// The name in the Prometheus text format.
    pub text: String,
    /// The unit's words, when `base` ends with an underscore and them, as OpenMetrics wants it; else empty.
    pub unit: String,
    /// The unit's words, whatever became of them.
    pub unit_words: String,
}

/// What decides the suffixes of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A monotonic sum: gets `_total`.
    Counter,
    /// An OTLP gauge: unit `1` is a ratio.
    Gauge,
    /// A sum that goes up and down, a histogram or a summary: unit `1` is a count.
    Other,
}

const TOTAL: &str = "_total";

/// The names of a metric, or `None` for one without a name. One of which no character can stand in Prometheus is `_`.
pub fn metric_name(namespace: &str, name: &str, unit: &str, kind: NameKind, suffixes: bool) -> Option<MetricName> {
    let name = match sanitize_metric(name) {
        sanitized if !sanitized.is_empty() => sanitized,
        _ if name.is_empty() => return None,
        _ => "_".to_owned(),
    };
    let namespace = sanitize_metric(namespace);
    let name = if namespace.is_empty() { name } else { joined(&namespace, &name) };
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name };
    let stem = match kind {
        NameKind::Counter => name.strip_suffix(TOTAL).filter(|stem| !stem.is_empty()).unwrap_or(&name),
        NameKind::Gauge | NameKind::Other => &name,
    };
    let unit_words = if unit == "1" && kind == NameKind::Gauge { "ratio".to_owned() } else { unit_words(unit) };
    if !suffixes {
        return Some(MetricName { base: stem.to_owned(), text: name, unit: String::new(), unit_words });
    }
    let base = with_unit(stem, &unit_words);
    let text = if kind == NameKind::Counter { format!("{base}{TOTAL}") } else { base.clone() };
    let unit = if base == unit_words { String::new() } else { unit_words.clone() };
    Some(MetricName { base, text, unit, unit_words })
}

fn with_unit(stem: &str, unit: &str) -> String {
    let ends_with_unit = stem.strip_suffix(unit).is_some_and(|front| front.is_empty() || front.ends_with('_'));
    if unit.is_empty() || ends_with_unit { stem.to_owned() } else { joined(stem, unit) }
}

/// Two parts with one underscore between.
fn joined(front: &str, back: &str) -> String {
    format!("{}_{}", front.trim_end_matches('_'), back.trim_start_matches('_'))
}

/// Letters, digits, colons and single underscores between them.
fn sanitize_metric(name: &str) -> String {
    sanitize(name, |c| c.is_ascii_alphanumeric() || c == ':').trim_matches('_').to_owned()
}

/// The label name for an attribute key.
pub fn label_name(key: &str) -> String {
    let name = sanitize(key, |c| c.is_ascii_alphanumeric());
    match name.chars().next() {
        None => "_".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("key_{name}"),
        Some(_) => name,
    }
}

fn sanitize(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if keep(character) {
            out.push(character);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

/// A UCUM unit in words: `By/s` is `bytes_per_second`. Empty for no unit, `1` and annotations.
pub fn unit_words(unit: &str) -> String {
    let unit = without_annotations(unit);
    let (main, per) = unit.split_once('/').unwrap_or((&unit, ""));
    let main = sanitize_metric(unit_word(main.trim()));
    let per = sanitize_metric(per_unit_word(per.trim()));
    match (main.is_empty(), per.is_empty()) {
        (_, true) => main,
        (true, false) => format!("per_{per}"),
        (false, false) => format!("{main}_per_{per}"),
    }
}

/// Without what stands between braces, braces included.
fn without_annotations(unit: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    for character in unit.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(character),
            _ => {}
        }
    }
    out
}

fn unit_word(unit: &str) -> &str {
    match unit {
        "1" => "",
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tebibytes",
        "kBy" | "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        other => other,
    }
}

fn per_unit_word(unit: &str) -> &str {
    match unit {
        "s" => "second",
        // Behind a slash the Collector reads `m` as minutes, not as metres.
        "m" | "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(name: &str, unit: &str, kind: NameKind) -> String {
        metric_name("", name, unit, kind, true).unwrap().text
    }

    #[test]
    fn units_of_the_specifications_table() {
        for (unit, words) in [
            ("d", "days"),
            ("h", "hours"),
            ("min", "minutes"),
            ("s", "seconds"),
            ("ms", "milliseconds"),
            ("us", "microseconds"),
            ("ns", "nanoseconds"),
            ("By", "bytes"),
            ("KiBy", "kibibytes"),
            ("MiBy", "mebibytes"),
            ("GiBy", "gibibytes"),
            ("TiBy", "tebibytes"),
            ("kBy", "kilobytes"),
            ("MBy", "megabytes"),
            ("GBy", "gigabytes"),
            ("TBy", "terabytes"),
            ("m", "meters"),
            ("V", "volts"),
            ("A", "amperes"),
            ("J", "joules"),
            ("W", "watts"),
            ("g", "grams"),
            ("Cel", "celsius"),
            ("Hz", "hertz"),
            ("%", "percent"),
            ("1", ""),
            ("", ""),
            ("{packet}", ""),
            ("By{payload}", "bytes"),
            ("m/s", "meters_per_second"),
            ("By/s", "bytes_per_second"),
            ("{request}/s", "per_second"),
            ("1/s", "per_second"),
            ("s/{request}", "seconds"),
            ("By/min", "bytes_per_minute"),
            ("widget.count", "widget_count"),
            ("unit}with{brace", "unitwith"),
        ] {
            assert_eq!(unit_words(unit), words, "{unit}");
        }
    }

    #[test]
    fn names_get_unit_and_type_suffixes_once() {
        use NameKind::{Counter, Gauge, Other};
        for (name, unit, kind, expected) in [
            ("http.server.duration", "ms", Gauge, "http_server_duration_milliseconds"),
            ("memory.usage", "By", Other, "memory_usage_bytes"),
            ("memory.usage.bytes", "By", Gauge, "memory_usage_bytes"),
            ("seconds.before.my.birthday", "s", Gauge, "seconds_before_my_birthday_seconds"),
            ("requests", "{request}", Counter, "requests_total"),
            ("requests.total", "1", Counter, "requests_total"),
            ("cpu.seconds.total", "s", Counter, "cpu_seconds_total"),
            ("cpu.total", "s", Counter, "cpu_seconds_total"),
            ("cpu.usage", "1", Gauge, "cpu_usage_ratio"),
            ("queue.length", "1", Other, "queue_length"),
            ("throughput", "By/s", Gauge, "throughput_bytes_per_second"),
            ("3d.frames", "", Gauge, "_3d_frames"),
            ("a..b__c--d", "", Gauge, "a_b_c_d"),
            ("rule:sum.rate", "", Gauge, "rule:sum_rate"),
            ("größe", "", Gauge, "gr_e"),
            ("total", "", Counter, "total_total"),
            ("ratio", "1", Gauge, "ratio"),
            ("seconds", "s", Gauge, "seconds"),
            ("seconds", "s", Counter, "seconds_total"),
            ("kiloseconds", "s", Gauge, "kiloseconds_seconds"),
            ("ようこそ", "", Gauge, "_"),
            ("ようこそ", "s", Counter, "_seconds_total"),
        ] {
            assert_eq!(text(name, unit, kind), expected, "{name} {unit}");
        }
        assert_eq!(metric_name("", "", "s", Gauge, true), None);
        assert_eq!(metric_name("app", "###", "", Gauge, true).unwrap().text, "app_");
    }

    #[test]
    fn the_family_has_no_total_and_knows_its_unit() {
        let name = metric_name("shop", "cpu.time", "s", NameKind::Counter, true).unwrap();
        assert_eq!(name.base, "shop_cpu_time_seconds");
        assert_eq!(name.text, "shop_cpu_time_seconds_total");
        assert_eq!(name.unit, "seconds");
        // OpenMetrics wants something in front of the unit.
        let name = metric_name("", "seconds", "s", NameKind::Gauge, true).unwrap();
        assert_eq!((name.unit.as_str(), name.unit_words.as_str()), ("", "seconds"));
    }

    #[test]
    fn without_suffixes_only_characters_change() {
        let name = metric_name("my.app", "cpu.time", "s", NameKind::Counter, false).unwrap();
        assert_eq!(
            (name.base.as_str(), name.text.as_str(), name.unit.as_str()),
            ("my_app_cpu_time", "my_app_cpu_time", "")
        );
        let name = metric_name("", "cpu.total", "s", NameKind::Counter, false).unwrap();
        assert_eq!((name.base.as_str(), name.text.as_str()), ("cpu", "cpu_total"));
    }

    #[test]
    fn label_names() {
        for (key, expected) in [
            ("http.method", "http_method"),
            ("label:with:colons", "label_with_colons"),
            ("123label", "key_123label"),
            (".foo", "_foo"),
            ("a__b", "a_b"),
            ("__name__", "_name_"),
            ("ようこそ", "_"),
            ("", "_"),
        ] {
            assert_eq!(label_name(key), expected, "{key}");
        }
    }
}
