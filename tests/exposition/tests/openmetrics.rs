//! The rules of OpenMetrics 1.0, each with an answer that breaks it, and answers that keep them all.

use anyhow::{Context, Result, ensure};
use otelier_exposition::{Format, Kind, parse, parse_lax, read};

/// Each keeps every rule; the last line is added.
const GOOD: &[&str] = &[
    "",
    "# TYPE a gauge\n",
    "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"A\\\" \\\\ and\\nmore \u{0}\na_seconds{} NaN\n",
    "# HELP a\u{20}\n# UNIT a\u{20}\na -Inf\n",
    "# TYPE a gauge\na 17.0 123\na 18.0 456.5\n",
    "a 1\nb{x=\"y\",z=\"a \\\" b \\n c \\\\ d ☃\"} 2\n",
    "# TYPE a counter\na_total 17.0 1520879607.789 # {trace_id=\"x\"} 0.5 1520879600\na_created 1520430000.123 1520879607.789\n",
    "# TYPE a counter\na_total{b=\"1\"} 0\na_total{b=\"2\"} +Inf\na_created{b=\"2\"} 0\n",
    "# TYPE a stateset\na{a=\"x\",b=\"1\"} 0\na{a=\"y\",b=\"1\"} 1\na{a=\"x\",b=\"2\"} 1.0\n",
    "# TYPE a info\na_info{b=\"1\"} 1\na_info{b=\"2\"} 1.0\n",
    "# TYPE a summary\na_count 17.0\na_sum 324789.3\na_created 1520430000.123\n",
    "# TYPE a summary\na{quantile=\"0.95\"} 123.7\na{quantile=\"0.5\"} NaN\na{quantile=\"0.0\"} 0\na{quantile=\"1.0\"} +Inf\n",
    "# TYPE a histogram\na_bucket{le=\"0.0\"} 0\na_bucket{le=\"1e-05\"} 0\na_bucket{le=\"0.1\"} 8 # {} 0.054\n\
     a_bucket{le=\"1.0\"} 10 # {t=\"K\"} 0.67 1.5\na_bucket{le=\"1e+06\"} 15\na_bucket{le=\"1.1e+23\"} 17\n\
     a_bucket{le=\"+Inf\"} 17\na_count 17\na_sum 324789.3\na_created 1520430000.123\n",
    "# TYPE a histogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2\n",
    "# TYPE a histogram\na_bucket{b=\"1\",le=\"+Inf\"} 0\na_bucket{b=\"2\",le=\"+Inf\"} 0\n",
    "# TYPE a gaugehistogram\na_bucket{le=\"-1.0\"} 20.0\na_bucket{le=\"+Inf\"} 42.0\na_gcount 42.0\na_gsum -3.5\n",
    "# TYPE a unknown\na 42.23\n# TYPE a_b counter\na_b_total 1\n# TYPE target info\ntarget_info 1\n",
];

/// Each breaks one rule; what is said of it. The last line is added.
const BAD: &[(&str, &str)] = &[
    // Grammar.
    ("\u{feff}a 1\n", "byte order mark"),
    ("\n", "no name of a metric"),
    ("# a comment\n", "neither metadata nor the end"),
    ("#TYPE a gauge\n", "a comment"),
    ("# EOF\n", "neither metadata nor the end"),
    ("# TYPE a\n", "no space behind the name"),
    ("# TYPE a untyped\n", "no type"),
    ("# TYPE a Gauge\n", "no type"),
    ("# TYPE a gauge \n", "no type"),
    ("# HELP a say \"a\"\n", "a quotation mark without an escape"),
    ("# HELP a \\t\n", "an escape that is none"),
    ("1a 1\n", "no name of a metric"),
    ("a.b 1\n", "no space in front of the value"),
    ("{\"a.b\"} 1\n", "no name of a metric"),
    ("a  1\n", "is no number"),
    ("a\t1\n", "no space in front of the value"),
    ("a\n", "no space in front of the value"),
    ("a 1\r\n", "is no number"),
    ("a 1 \n", "as a time"),
    ("a 1_0\n", "is no number"),
    ("a 1e999\n", "beyond a 64-bit float"),
    ("a 1 inf\n", "as a time"),
    ("a 1 2 3\n", "something behind the sample"),
    ("a{b=\"c\",} 1\n", "no name of a label"),
    ("a{,} 1\n", "no name of a label"),
    ("a{b=\"c\" ,d=\"e\"} 1\n", "no comma between labels"),
    ("a{b:c=\"d\"} 1\n", "label b has no value"),
    ("a{b=c} 1\n", "label b has no value"),
    ("a{b=\"c} 1\n", "a text without an end"),
    ("a{b=\"\\q\"} 1\n", "an escape that is none"),
    ("a{b=\"c\",b=\"d\"} 1\n", "label b stands there twice"),
    // Names.
    ("a{__b=\"c\"} 1\n", "label names that begin with two underscores"),
    ("# TYPE __a gauge\n", "names that begin with two underscores"),
    ("# TYPE a_s gauge\n# UNIT a_s seconds\n", "is no suffix of the name"),
    ("# TYPE aseconds gauge\n# UNIT aseconds seconds\n", "is no suffix of the name"),
    ("# TYPE seconds gauge\n# UNIT seconds seconds\n", "is no suffix of the name"),
    ("# TYPE a_b info\n# UNIT a_b b\n", "a Info has no unit"),
    ("# TYPE a_b stateset\n# UNIT a_b b\n", "a StateSet has no unit"),
    // What belongs together.
    ("# TYPE a gauge\n# TYPE a gauge\n", "TYPE of a stands there twice"),
    ("# HELP a b\n# HELP a b\n", "HELP of a stands there twice"),
    ("# UNIT a_b b\n# UNIT a_b b\n", "UNIT of a_b stands there twice"),
    ("a 1\n# TYPE a gauge\n", "metadata of a behind its samples"),
    ("# TYPE a gauge\n# TYPE b gauge\n# TYPE a gauge\n", "family a stands there twice"),
    ("# TYPE a gauge\na 1\nb 1\na{c=\"d\"} 1\n", "family a stands there twice"),
    ("# TYPE a counter\na_total 1\n# TYPE b gauge\n# TYPE a gauge\na 1\n", "family a stands there twice"),
    ("# TYPE a counter\na 1\n", "no sample of the family's own name"),
    ("# TYPE a histogram\na_total 1\n# TYPE a_total counter\n", "metadata of a_total behind its samples"),
    ("# TYPE a counter\na_total 1\n# TYPE a_created gauge\na_created 1\n", "clashing name a_created"),
    ("# TYPE a_total gauge\na_total 1\n# TYPE a counter\n", "clashing name a_total"),
    ("# TYPE a_sum gauge\n# TYPE a histogram\n", "clashing name a_sum"),
    ("# TYPE a_bucket gauge\n# TYPE a gaugehistogram\n", "clashing name a_bucket"),
    ("# TYPE a_count counter\n# TYPE a summary\n", "clashing name a_count"),
    ("# TYPE a_info gauge\n# TYPE a info\n", "clashing name a_info"),
    // Metrics and points.
    ("a 1\na 1\n", "twice: a"),
    ("a 1\na{b=\"\"} 1\n", "twice: a"),
    ("# TYPE a counter\na_total 1\na_created 1\na_created 1\n", "twice: a_created"),
    ("a{b=\"1\"} 1 1\na{b=\"2\"} 1 1\na{b=\"1\"} 1 2\n", "interleaved"),
    ("# TYPE a counter\na_total{b=\"1\"} 1\na_total{b=\"2\"} 1\na_created{b=\"1\"} 1\n", "a counter without a total"),
    ("# TYPE a summary\na_sum{b=\"1\"} 1\na_sum{b=\"2\"} 1\na_count{b=\"1\"} 1\n", "interleaved"),
    ("a 1 2\na 1 2\n", "twice: a"),
    ("a 1 2\na 1 1\n", "times do not increase"),
    ("a 1 2\na 1\n", "points with and without a time"),
    ("# TYPE a counter\na_total 1 1\na_total 1 2\na_created 1 1\n", "times do not increase"),
    // Counters.
    ("# TYPE a counter\na_total NaN\n", "is NaN"),
    ("# TYPE a counter\na_total -1\n", "is negative"),
    ("# TYPE a counter\na_created 1\n", "a counter without a total"),
    ("# TYPE a counter\na_total 1\na_created NaN\n", "a time of creation that is none"),
    // Histograms.
    ("# TYPE a histogram\na_sum 1\na_count 1\n", "no bucket"),
    ("# TYPE a histogram\na_bucket 1\n", "no label le"),
    ("# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_count 1\na_sum 1\n", "no bucket with le=\"+Inf\""),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_bucket{le=\"1.0\"} 1\n", "not sorted"),
    (
        "# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 1\n",
        "twice: a_bucket",
    ),
    ("# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\n", "not cumulative"),
    ("# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\n", "is to be written \"1.0\""),
    ("# TYPE a histogram\na_bucket{le=\"1000000.0\"} 1\na_bucket{le=\"+Inf\"} 1\n", "is to be written \"1e+06\""),
    ("# TYPE a histogram\na_bucket{le=\"Inf\"} 1\n", "is to be written \"+Inf\""),
    ("# TYPE a histogram\na_bucket{le=\"NaN\"} 1\na_bucket{le=\"+Inf\"} 1\n", "le is NaN"),
    ("# TYPE a histogram\na_bucket{le=\"x\"} 1\n", "is no number"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1.5\n", "no integer"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} NaN\n", "is NaN"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} -1\n", "is negative"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 1\na_sum 1\n", "the count is 1, the last bucket 2"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 2\n", "together or not at all"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_sum 2\n", "together or not at all"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum NaN\n", "is NaN"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum -1\n", "is negative"),
    (
        "# TYPE a histogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum 1\n",
        "a sum beside buckets with negative thresholds",
    ),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count{le=\"1\"} 2\n", "a label le where none may be"),
    ("# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 2\na_gcount 2\na_gsum -1\n", "is negative"),
    (
        "# TYPE a gaugehistogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2\na_gcount 2\na_gsum NaN\n",
        "the sum is NaN",
    ),
    // Summaries, states, infos.
    ("# TYPE a summary\na 1\n", "no label quantile"),
    ("# TYPE a summary\na{quantile=\"1.5\"} 1\n", "a quantile beyond 0 to 1"),
    ("# TYPE a summary\na{quantile=\"-0.1\"} 1\n", "a quantile beyond 0 to 1"),
    ("# TYPE a summary\na{quantile=\"NaN\"} 1\n", "quantile is NaN"),
    ("# TYPE a summary\na{quantile=\"0.50\"} 1\n", "is to be written \"0.5\""),
    ("# TYPE a summary\na{quantile=\"0.5\"} -1\n", "the value of a quantile is negative"),
    ("# TYPE a summary\na{quantile=\"0.5\"} 1\na{quantile=\"0.5\"} 1\n", "twice: a"),
    ("# TYPE a summary\na_count{quantile=\"0.5\"} 1\n", "a label quantile where none may be"),
    ("# TYPE a summary\na_count 1.5\n", "no integer"),
    ("# TYPE a summary\na_sum NaN\n", "is NaN"),
    ("# TYPE a summary\na_sum -1\n", "is negative"),
    ("# TYPE a stateset\na{b=\"c\"} 1\n", "no label a"),
    ("# TYPE a stateset\na{a=\"c\"} 2\n", "a state is 0 or 1"),
    ("# TYPE a info\na_info 2\n", "the value of an info is always 1"),
    // Exemplars.
    ("a 1 # {} 1\n", "an exemplar where none may be"),
    ("# TYPE a gauge\na 1 # {} 1\n", "an exemplar where none may be"),
    ("# TYPE a counter\na_total 1\na_created 1 # {} 1\n", "an exemplar where none may be"),
    ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1 # {} 1\na_sum 1\n", "an exemplar where none may be"),
    ("# TYPE a counter\na_total 1 # 1\n", "has to have {}"),
    ("# TYPE a counter\na_total 1 # {}\n", "no space in front of the exemplar's value"),
    ("# TYPE a counter\na_total 1 # {} 1 x\n", "as the exemplar's time"),
    ("# TYPE a counter\na_total 1 # {} 1 # {} 1\n", "as the exemplar's time"),
    ("# TYPE a counter\na_total 1 # {b=\"1\",b=\"2\"} 1\n", "label b stands there twice"),
    (
        "# TYPE a histogram\na_bucket{le=\"1.0\"} 1 # {} 2\na_bucket{le=\"+Inf\"} 1\n",
        "an exemplar of 2 in the bucket 1",
    ),
];

fn ended(lines: &str) -> Vec<u8> {
    format!("{lines}# EOF\n").into_bytes()
}

fn refusal(page: &[u8]) -> Result<String> {
    Ok(format!("{:#}", parse(Format::OpenMetrics, page).err().context("accepted")?))
}

#[test]
fn an_answer_that_keeps_every_rule_is_accepted() -> Result<()> {
    for lines in GOOD {
        parse(Format::OpenMetrics, &ended(lines))?;
        parse(Format::OpenMetrics, format!("{lines}# EOF").as_bytes()).context("without the last line feed")?;
    }
    Ok(())
}

#[test]
fn an_answer_that_breaks_a_rule_is_refused_for_that() -> Result<()> {
    let mut wrong = Vec::new();
    for (lines, reason) in BAD {
        match refusal(&ended(lines)) {
            Ok(refusal) if refusal.contains(reason) => {}
            Ok(refusal) => wrong.push(format!("{lines}refused, and not for {reason:?}: {refusal}")),
            Err(_) => wrong.push(format!("{lines}accepted, and not refused for {reason:?}")),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn an_answer_without_its_end_is_refused() -> Result<()> {
    for page in ["", "a 1\n", "a 1\n# EOF\n\n", "a 1\n# EOF\na 1\n", "a 1# EOF\n", "# eof\n", "a 1\n# EOF \n"] {
        let refusal = refusal(page.as_bytes()).with_context(|| page.to_owned())?;
        ensure!(refusal.contains("# EOF") || refusal.contains("neither metadata nor the end"), "{page:?}: {refusal}");
    }
    ensure!(refusal(b"a{b=\"\xff\"} 1\n# EOF\n")?.contains("not UTF-8"));
    Ok(())
}

#[test]
fn labels_of_an_exemplar_have_128_characters_at_most() -> Result<()> {
    let with = |characters: usize| {
        let value = "☃".repeat(characters - "trace_id".len());
        ended(&format!("# TYPE a counter\na_total 1 # {{trace_id=\"{value}\"}} 1\n"))
    };
    parse(Format::OpenMetrics, &with(128))?;
    ensure!(refusal(&with(129))?.contains("labels of 129 characters"));
    Ok(())
}

#[test]
fn what_is_read_is_what_stands_there() -> Result<()> {
    let page = ended(
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds b\\n\na_seconds_total{c=\"\\\"\"} 2 3 # {d=\"e\"} 4 5\nf 1\n",
    );
    let exposition = parse(Format::OpenMetrics, &page)?;
    let [first, second] = &exposition.families[..] else { anyhow::bail!("{exposition:#?}") };
    ensure!((first.name.as_str(), first.kind, second.kind) == ("a_seconds", Kind::Counter, Kind::Unknown));
    ensure!((first.unit.as_deref(), first.help.as_deref()) == (Some("seconds"), Some("b\n")), "{first:?}");
    let [sample] = exposition.of(first) else { anyhow::bail!("{exposition:#?}") };
    ensure!(sample.time == Some(3.0) && exposition.value("a_seconds_total", &[("c", "\"")]) == Some(2.0));
    let exemplar = sample.exemplar.as_ref().context("no exemplar")?;
    ensure!(exemplar.labels["d"] == "e" && (exemplar.value, exemplar.time) == (4.0, Some(5.0)));
    Ok(())
}

/// For another exporter's answers: the rules of the prose may be broken, those of the grammar may not.
#[test]
fn laxly_only_the_grammar_counts() -> Result<()> {
    let page = ended(
        "# TYPE m gauge\nm 1\n# HELP m a\n# TYPE m counter\nm_total -1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n",
    );
    let exposition = parse_lax(Format::OpenMetrics, &page)?;
    ensure!(exposition.families.len() == 3 && exposition.samples.len() == 3, "{exposition:#?}");
    ensure!(parse_lax(Format::OpenMetrics, &ended("a{b=\"1\",b=\"2\"} 1\n")).is_err());
    Ok(())
}

/// The server's reader is laxer; it agrees about all that is right.
#[test]
fn prometheus_accepts_what_keeps_every_rule() -> Result<()> {
    for lines in GOOD {
        read(Format::OpenMetrics, &ended(lines))?;
    }
    Ok(())
}
