//! The demo's one series, read from a scrape as Prometheus would read it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

use crate::http;

const TOTAL: &str = "work_done_batched_total";
const CREATED: &str = "work_done_batched_created";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// The series' total and the moment since which it counts.
#[derive(Debug, PartialEq)]
pub struct Series {
    pub value: f64,
    /// As it was printed: it must stay the same to the last digit.
    pub created: String,
    lines: [String; 2],
}

impl Series {
    /// Prints the scraped lines.
    pub fn print(&self) {
        println!("{}", self.lines.join("\n"));
    }
}

/// The series of one work.type; none before the plugin has emitted it, an error if it is not the only one.
pub fn series(address: SocketAddr, work_type: &str) -> Result<Option<Series>> {
    let answer = http::get(address, "/metrics", OPEN_METRICS)?;
    ensure!(answer.status == 200, "the scrape answered {}", answer.status);
    parse(&answer.body, work_type)
}

fn parse(text: &str, work_type: &str) -> Result<Option<Series>> {
    let totals: Vec<&str> = text.lines().filter(|line| line.starts_with(&format!("{TOTAL}{{"))).collect();
    let total = match totals.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        several => bail!("{} series where one was expected:\n{}", several.len(), several.join("\n")),
    };
    let labels = format!("{{work_type=\"{work_type}\"}}");
    let value = sample(total, TOTAL, &labels).with_context(|| format!("labels other than {labels}: {total}"))?;
    let mut created = text.lines().filter_map(|line| Some((line, sample(line, CREATED, &labels)?)));
    let (created_line, created) = created.next().with_context(|| format!("no {CREATED}{labels} beside the total"))?;
    Ok(Some(Series {
        value: value.parse().with_context(|| format!("not a number: {total}"))?,
        created: created.to_owned(),
        lines: [total.to_owned(), created_line.to_owned()],
    }))
}

fn sample<'a>(line: &'a str, name: &str, labels: &str) -> Option<&'a str> {
    line.strip_prefix(name)?.strip_prefix(labels)?.split_ascii_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = "# TYPE work_done_batched counter\n\
        work_done_batched_total{work_type=\"manual\"} 100\n\
        work_done_batched_created{work_type=\"manual\"} 1700000000.123\n# EOF\n";

    #[test]
    fn total_and_start_are_read() -> Result<()> {
        let series = parse(SCRAPE, "manual")?.context("no series")?;
        assert_eq!(series.value, 100.0);
        assert_eq!(series.created, "1700000000.123");
        Ok(())
    }

    #[test]
    fn nothing_yet_is_no_error() -> Result<()> {
        assert_eq!(parse("# EOF\n", "manual")?, None);
        Ok(())
    }

    #[test]
    fn a_second_series_another_label_or_a_missing_start_is_an_error() {
        let second = SCRAPE.replace("# EOF", "work_done_batched_total{work_type=\"x\"} 1");
        let label = SCRAPE.replace("{work", "{otel_scope_name=\"s\",work");
        let start = SCRAPE.replace("_created", "_other");
        for text in [second, label, start] {
            assert!(parse(&text, "manual").is_err(), "{text}");
        }
    }
}
