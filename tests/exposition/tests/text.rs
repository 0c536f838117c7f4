//! The text format: what Prometheus' own readers refuse, no test can read.

use anyhow::{Context, Result, ensure};
use otelier_exposition::{Format, Kind, parse, read};

const GOOD: &[&str] = &[
    "",
    "# HELP a say \"a\" \\\\ b\\n\n# TYPE a gauge\na{x=\"1\",y=\"q\\\"\\\\\\n\"} 2.5 1700\na{x=\"1\"} +Inf\nb 3\n",
    "# TYPE a counter\na NaN\n# TYPE a_total counter\na_total -1\n",
    "# TYPE a histogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum -3\na_count 2\n",
    "# TYPE a summary\na{quantile=\"0.5\"} -1\na_sum NaN\na_count 1\n# TYPE b untyped\nb 1\n",
    "# TYPE m gauge\nm 1\n# TYPE m_total counter\nm_total 2\n",
];

/// What is refused by whom.
const BAD: &[(&str, &str)] = &[
    ("a 1", "no line feed at the end"),
    ("# TYPE a info\n", "no type"),
    ("# TYPE a gauge\na 1\nb 1\n# TYPE a gauge\n", "family a stands there twice"),
    ("a{b=\"1\",b=\"2\"} 1\n", "label b stands there twice"),
    ("a 1\na 1\n", "the server's reader: the series stands there twice"),
    (
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"1.0\"} 1\n",
        "the server's reader: the series stands there twice",
    ),
    ("# TYPE a histogram\na_bucket{le=\"x\"} 1\n", "the libraries' reader"),
];

#[test]
fn an_answer_that_prometheus_accepts_is_read() -> Result<()> {
    for lines in GOOD {
        read(Format::Text, lines.as_bytes())?;
    }
    Ok(())
}

#[test]
fn an_answer_that_a_reader_refuses_is_no_answer() -> Result<()> {
    for (lines, reason) in BAD {
        let refusal = read(Format::Text, lines.as_bytes()).err().with_context(|| format!("accepted: {lines}"))?;
        let refusal = format!("{refusal:#}");
        ensure!(refusal.contains(reason), "{lines}\nrefused, and not for {reason:?}: {refusal}");
    }
    Ok(())
}

#[test]
fn a_scrape_is_read_with_its_escapes() -> Result<()> {
    let scrape = parse(Format::Text, GOOD[1].as_bytes())?;
    assert_eq!(scrape.value("a", &[("y", "q\"\\\n"), ("x", "1")]), Some(2.5));
    assert_eq!(scrape.value("a", &[("x", "1")]), Some(f64::INFINITY));
    assert_eq!(scrape.value("a", &[]), None);
    assert_eq!(scrape.total("b", &[]), 3.0);
    assert_eq!(scrape.families[0].help.as_deref(), Some("say \"a\" \\ b\n"));
    assert_eq!(scrape.families[1].kind, Kind::Unknown);
    Ok(())
}
