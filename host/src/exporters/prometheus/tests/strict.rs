//! Reads an answer and accepts nothing that its format forbids: what OpenMetrics 1.0.0 says of names, values, buckets, exemplars
//! and groups; of the text format 0.0.4 that no name, series or label stands there twice.

use std::collections::{BTreeMap, HashSet};

use super::Format;

/// One line of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    pub time: Option<f64>,
    pub exemplar: Option<(BTreeMap<String, String>, f64)>,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    unit: String,
    metadata: HashSet<String>,
    samples: Vec<Sample>,
}

type Checked<T> = Result<T, String>;

/// The samples of an answer, in order; or what is wrong with it.
pub fn read(format: Format, text: &str) -> Checked<Vec<Sample>> {
    let body = match format {
        Format::OpenMetrics => text.strip_suffix("# EOF\n").ok_or("no end")?,
        Format::Text => text,
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut families: Vec<Family> = Vec::new();
    for line in body.lines() {
        let told = |reason: String| format!("{reason}: {line}");
        match line.strip_prefix("# ") {
            Some(metadata) => describe(&mut families, metadata).map_err(told)?,
            None => {
                let sample = sample(line).map_err(told)?;
                let family = families.last_mut().ok_or_else(|| told("a sample without a family".to_owned()))?;
                if !suffixes(&family.kind, format).contains(&sample.name.strip_prefix(&family.name).unwrap_or("-")) {
                    return Err(told(format!("no sample of {} {}", family.kind, family.name)));
                }
                family.samples.push(sample);
            }
        }
    }
    unique(format, &families)?;
    if format == Format::OpenMetrics {
        families.iter().try_for_each(open_metrics)?;
    }
    Ok(families.into_iter().flat_map(|family| family.samples).collect())
}

fn describe(families: &mut Vec<Family>, metadata: &str) -> Checked<()> {
    let parts: Vec<&str> = metadata.splitn(3, ' ').collect();
    let [what, name, text] = parts[..] else { return Err("not metadata".to_owned()) };
    if families.last().is_none_or(|family| family.name != name) {
        families.push(Family { name: name.to_owned(), ..Family::default() });
    }
    let family = families.last_mut().ok_or("no family")?;
    if !family.samples.is_empty() || !family.metadata.insert(what.to_owned()) {
        return Err("metadata twice, or behind samples".to_owned());
    }
    match what {
        "TYPE" => family.kind = text.to_owned(),
        "UNIT" => family.unit = text.to_owned(),
        "HELP" => {}
        _ => return Err("unknown metadata".to_owned()),
    }
    Ok(())
}

/// What may stand behind a family's name in the names of its samples.
fn suffixes(kind: &str, format: Format) -> &'static [&'static str] {
    match (kind, format) {
        ("counter", Format::OpenMetrics) => &["_total", "_created"],
        ("histogram", Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
        ("summary", Format::OpenMetrics) => &["", "_sum", "_count", "_created"],
        ("info", Format::OpenMetrics) => &["_info"],
        ("unknown" | "gauge", Format::OpenMetrics) | ("counter" | "gauge" | "untyped", Format::Text) => &[""],
        ("histogram", Format::Text) => &["_bucket", "_sum", "_count"],
        ("summary", Format::Text) => &["", "_sum", "_count"],
        _ => &[],
    }
}

/// No name belongs to two families, and no series stands there twice.
fn unique(format: Format, families: &[Family]) -> Checked<()> {
    let (mut names, mut series) = (HashSet::new(), HashSet::new());
    for family in families {
        let mut own: HashSet<String> =
            suffixes(&family.kind, format).iter().map(|s| format!("{}{s}", family.name)).collect();
        own.insert(family.name.clone());
        if let Some(name) = own.into_iter().find(|name| !names.insert(name.clone())) {
            return Err(format!("the name {name} clashes"));
        }
        for sample in &family.samples {
            if !series.insert((&sample.name, &sample.labels)) {
                return Err(format!("a series twice: {sample:?}"));
            }
        }
    }
    Ok(())
}

fn open_metrics(family: &Family) -> Checked<()> {
    let Family { name, kind, unit, samples, .. } = family;
    let told = |reason: &str| Err(format!("{reason}: {kind} {name}"));
    if !unit.is_empty() && (!name.ends_with(&format!("_{unit}")) || kind == "info") {
        return told("a unit that the name does not end with");
    }
    let (mut seen, mut groups) = (HashSet::new(), Vec::<Vec<&Sample>>::new());
    for sample in samples {
        let group = group_of(sample, kind);
        match groups.last_mut().filter(|last| last.first().is_some_and(|first| group_of(first, kind) == group)) {
            Some(last) => last.push(sample),
            None if seen.insert(group) => groups.push(vec![sample]),
            None => return told("series are interleaved"),
        }
        let suffix = &sample.name[name.len()..];
        let counts = matches!(suffix, "_total" | "_sum" | "_count" | "_bucket");
        if counts && (sample.value.is_nan() || sample.value < 0.0)
            || kind == "summary" && suffix.is_empty() && sample.value < 0.0
        {
            return told("a value that is not allowed");
        }
        if kind == "info" && sample.value != 1.0 {
            return told("an info that is not 1");
        }
        if let Some((labels, value)) = &sample.exemplar {
            let length: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
            let fits = match suffix {
                "_total" => true,
                "_bucket" => *value <= number(&sample.labels["le"])?,
                _ => false,
            };
            if length > 128 || !fits {
                return told("an exemplar that is not allowed");
            }
        }
    }
    groups.iter().try_for_each(|group| group_is_right(name, kind, group))
}

fn group_of(sample: &Sample, kind: &str) -> BTreeMap<String, String> {
    let own = own_label(kind);
    sample.labels.iter().filter(|(name, _)| *name != own).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn own_label(kind: &str) -> &'static str {
    match kind {
        "histogram" => "le",
        "summary" => "quantile",
        _ => "",
    }
}

fn group_is_right(name: &str, kind: &str, group: &[&Sample]) -> Checked<()> {
    let told = |reason: &str| Err(format!("{reason}: {kind} {name}"));
    if group.iter().any(|sample| sample.time.is_some() != group[0].time.is_some()) {
        return told("times on some samples of a series only");
    }
    let with =
        |suffix: &str| group.iter().filter(|sample| sample.name == format!("{name}{suffix}")).collect::<Vec<_>>();
    for sample in group {
        let Some(bound) = sample.labels.get(own_label(kind)) else { continue };
        if number(bound)?.is_finite() && (!bound.contains(['.', 'e']) || bound == "-0.0") {
            return told("a bound that is not canonical");
        }
    }
    if kind != "histogram" {
        return Ok(());
    }
    let bounds: Vec<f64> = with("_bucket").iter().map(|sample| number(&sample.labels["le"])).collect::<Checked<_>>()?;
    let ascending = bounds.is_sorted_by(|a, b| a < b) && bounds.last() == Some(&f64::INFINITY);
    let counts: Vec<f64> = with("_bucket").iter().map(|sample| sample.value).collect();
    if !ascending || !counts.is_sorted() || counts.iter().any(|count| count.fract() != 0.0) {
        return told("buckets that are not in order");
    }
    let (sum, count) = (with("_sum"), with("_count"));
    if sum.len() != count.len() || !sum.is_empty() && bounds[0] < 0.0 {
        return told("a sum without a count or beside negative buckets, or a count without a sum");
    }
    if count.first().is_some_and(|count| Some(&count.value) != counts.last()) {
        return told("a count that is not the last bucket's");
    }
    Ok(())
}

fn sample(line: &str) -> Checked<Sample> {
    let at = line.find(['{', ' ']).ok_or("no value")?;
    let (name, rest) = line.split_at(at);
    check_name(name, true)?;
    let (labels, rest) = labels(rest)?;
    let (numbers, exemplar) = match rest.split_once(" # ") {
        Some((numbers, exemplar)) => (numbers, Some(exemplar)),
        None => (rest, None),
    };
    let (value, time) = value_and_time(numbers)?;
    let exemplar = exemplar.map(|text| {
        let (labels, rest) = self::labels(text)?;
        Ok::<_, String>((labels, value_and_time(rest)?.0))
    });
    Ok(Sample { name: name.to_owned(), labels, value, time, exemplar: exemplar.transpose()? })
}

fn value_and_time(text: &str) -> Checked<(f64, Option<f64>)> {
    let numbers: Vec<&str> = text.strip_prefix(' ').ok_or("no space before the value")?.split(' ').collect();
    match numbers[..] {
        [value] => Ok((number(value)?, None)),
        [value, time] => Ok((number(value)?, Some(number(time)?))),
        _ => Err("not a value and a time".to_owned()),
    }
}

fn number(text: &str) -> Checked<f64> {
    let is_word = matches!(text, "NaN" | "+Inf" | "-Inf");
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-'));
    if is_word || is_number {
        text.parse().map_err(|_| format!("no number: {text}"))
    } else {
        Err(format!("no number: {text}"))
    }
}

/// The labels in braces at the front, if there are any, and what is behind them.
fn labels(text: &str) -> Checked<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((labels, text)) };
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((labels, behind));
        }
        let (name, behind) = rest.split_once("=\"").ok_or("no label")?;
        check_name(name, false)?;
        let (mut value, mut characters) = (String::new(), behind.char_indices());
        let end = loop {
            match characters.next().ok_or("a value without an end")? {
                (at, '"') => break at,
                (_, '\\') => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('\\' | '"'))) => value.push(c),
                    _ => return Err("an escape that is none".to_owned()),
                },
                (_, c) => value.push(c),
            }
        };
        if value.is_empty() || labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label {name} is empty or there twice"));
        }
        rest = behind.get(end + 1..).unwrap_or_default();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

fn check_name(name: &str, colons: bool) -> Checked<()> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
    let reserved = !colons && name.starts_with("__") || name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || reserved || !name.chars().all(is_part) { Err(format!("no name: {name:?}")) } else { Ok(()) }
}

#[test]
fn what_a_format_forbids_is_found() {
    for text in [
        "# TYPE a counter\na_total NaN\n",
        "# TYPE a counter\na_total -1\n",
        "# TYPE a counter\na 1\n",
        "# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n",
        "# TYPE a gauge\na 1\na 2\n",
        "# TYPE c counter\nc_total 1\n# TYPE c_created gauge\nc_created 1\n",
        "# TYPE a gauge\n# UNIT a s\na 1\n",
        "# TYPE h histogram\nh_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        "# TYPE h histogram\nh_bucket{le=\"1.0\"} 0\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 1\n",
        "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\n",
        "# TYPE s summary\ns{quantile=\"0.5\"} -1\n",
        "# TYPE a counter\na_total 1 2\na_created 1\n",
        "# TYPE a gauge\na 1 # {} 1\n",
        "# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 1\na{b=\"1\"} 1\n",
    ] {
        assert!(read(Format::OpenMetrics, &format!("{text}# EOF\n")).is_err(), "{text}");
    }
    let right = "# TYPE h histogram\nh_bucket{le=\"1.0\"} 0 # {a=\"\\\"\"} 1 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n";
    assert_eq!(read(Format::OpenMetrics, right).map(|samples| samples.len()), Ok(4));
}
