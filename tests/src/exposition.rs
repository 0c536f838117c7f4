//! A scrape, read: what the Prometheus endpoint or the host's own metrics show.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// Label name → value.
pub type Labels = BTreeMap<String, String>;

/// One line of a scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name with its suffixes.
    pub name: String,
    /// All of its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// The samples of one scrape, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// Every sample.
    pub samples: Vec<Sample>,
}

impl Exposition {
    /// Reads the text format or OpenMetrics.
    pub fn parse(text: &str) -> Result<Exposition> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| sample(line).with_context(|| format!("in a scrape: {line}")));
        Ok(Exposition { samples: samples.collect::<Result<_>>()? })
    }

    /// The value of the one sample that has this name and exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.named(name).find(|sample| sample.labels == wanted).map(|sample| sample.value)
    }

    /// Every sample of this name.
    pub fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The sum over the samples of this name that have these labels among theirs: 0 where there is none.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|found| found == value))
        };
        self.named(name).filter(has).map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Result<Sample> {
    let name_end = line.find(['{', ' ']).context("no value")?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    // A time may follow.
    let value = rest.split_whitespace().next().context("no value")?;
    let value = value.parse().with_context(|| format!("{value:?} is no number"))?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// The labels, and what follows the closing brace.
fn labels(mut rest: &str) -> Result<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once("=\"").context("a label without a value")?;
        let (value, after) = quoted(after)?;
        ensure!(labels.insert(name.to_owned(), value).is_none(), "label {name} stands there twice");
        rest = after;
    }
}

/// A label's value without its escapes, and what follows the closing quotation mark.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match characters.next().context("an escape without a character")?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    anyhow::bail!("a label's value without an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_read_with_its_escapes() -> Result<()> {
        let text = "# HELP a b\na{x=\"1\",y=\"q\\\"\\\\\\n\"} 2.5 1700\nb 3\na{x=\"1\"} +Inf\n# EOF\n";
        let scrape = Exposition::parse(text)?;
        assert_eq!(scrape.value("a", &[("y", "q\"\\\n"), ("x", "1")]), Some(2.5));
        assert_eq!(scrape.value("a", &[("x", "1")]), Some(f64::INFINITY));
        assert_eq!(scrape.value("a", &[]), None);
        assert_eq!(scrape.total("b", &[]), 3.0);
        Ok(())
    }
}
