//! The Prometheus text exposition format, version 0.0.4.

use std::fmt::Write as _;

use super::histogram::Observations;
use super::registry::{FamilyShown, Kind, Labels, Value};

/// Every family with its samples.
pub fn render(families: &[FamilyShown]) -> String {
    let mut text = String::new();
    for FamilyShown { name, help, kind, series } in families {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for series in series {
            let labels = labels(&series.labels);
            let _ = match &series.value {
                Value::Count(count) => writeln!(text, "{name}{} {count}", braced(&labels)),
                Value::Level(level) => writeln!(text, "{name}{} {level}", braced(&labels)),
                Value::Measured(value) => writeln!(text, "{name}{} {value}", braced(&labels)),
                Value::Observations(observations) => {
                    buckets(&mut text, name, &labels, observations);
                    Ok(())
                }
            };
        }
    }
    text
}

/// The samples of one histogram: buckets are cumulative, and the last one has everything.
fn buckets(text: &mut String, name: &str, labels: &str, observations: &Observations) {
    let Observations { bounds_s, counts, sum_s } = observations;
    let bounds = bounds_s.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let separator = if labels.is_empty() { "" } else { "," };
    let mut sum = 0;
    for (bound, count) in bounds.zip(counts) {
        sum += count;
        let _ = writeln!(text, "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {sum}");
    }
    let labels = braced(labels);
    let _ = writeln!(text, "{name}_sum{labels} {sum_s}\n{name}_count{labels} {sum}");
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn labels(labels: &Labels) -> String {
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}

fn label((name, value): &(String, String)) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{}=\"{escaped}\"", label_name(name))
}

/// An attribute's name as Prometheus has it without quotes: `otel.signal` is `otel_signal`.
fn label_name(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = name.chars().map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::telemetry::{Kind, Registry};

    #[test]
    fn buckets_are_cumulative_and_end_in_everything() {
        let registry = Registry::default();
        let histogram = registry.histogram("wait_seconds", "How long.", &[("exporter", "a"), ("data_type", "logs")]);
        for ms in [1, 40, 40, 3_600_000] {
            histogram.record(Duration::from_millis(ms));
        }
        let text = registry.render();
        assert!(text.starts_with("# HELP wait_seconds How long.\n# TYPE wait_seconds histogram\n"), "{text}");
        for line in [
            r#"wait_seconds_bucket{exporter="a",data_type="logs",le="0.0005"} 0"#,
            r#"wait_seconds_bucket{exporter="a",data_type="logs",le="0.001"} 1"#,
            r#"wait_seconds_bucket{exporter="a",data_type="logs",le="0.05"} 3"#,
            r#"wait_seconds_bucket{exporter="a",data_type="logs",le="10"} 3"#,
            r#"wait_seconds_bucket{exporter="a",data_type="logs",le="+Inf"} 4"#,
            r#"wait_seconds_sum{exporter="a",data_type="logs"} 3600.081"#,
            r#"wait_seconds_count{exporter="a",data_type="logs"} 4"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn names_and_values_are_written_as_prometheus_reads_them() {
        let registry = Registry::default();
        registry.counter("a", "b", &[("otel.signal", "lo\"gs\n"), ("9", "\\")]).add(2);
        registry.measure("c", "d", Kind::Gauge, &[], || 0.5);
        registry.histogram("e", "f", &[]);
        let text = registry.render();
        assert!(text.contains("a{otel_signal=\"lo\\\"gs\\n\",_9=\"\\\\\"} 2\n"), "{text}");
        assert!(text.contains("# TYPE c gauge\nc 0.5\n"), "{text}");
        assert!(text.contains("e_bucket{le=\"+Inf\"} 0\ne_sum 0\ne_count 0\n"), "{text}");
    }

    #[test]
    fn a_name_is_one_kind_only() {
        let registry = Registry::default();
        registry.counter("a", "b", &[]).add(1);
        registry.gauge("a", "b", &[]).set(7);
        registry.histogram("a", "b", &[]).record(Duration::from_secs(1));
        assert_eq!(registry.render(), "# HELP a b\n# TYPE a counter\na 1\n");
        registry.forget("a", &[]);
        assert_eq!(registry.render(), "");
    }
}
