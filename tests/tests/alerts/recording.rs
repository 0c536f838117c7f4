//! What Prometheus has of a host: every series of its own page, scrape by scrape. Each scrape stands for a minute, so that a test need not last
//! as long as a rule's window.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use otelier_tests::exposition::Sample;
use otelier_tests::host::Host;
use serde_json::{Value, json};

/// What Prometheus adds to each series.
const TARGET: [(&str, &str); 2] = [("instance", "127.0.0.1:8888"), ("job", "otelier")];

/// Series by what names them, and how many scrapes there were.
#[derive(Debug, Default, Clone)]
pub struct Recording {
    series: BTreeMap<String, Series>,
    scrapes: usize,
}

/// One value a scrape, or none where it was not there.
#[derive(Debug, Default, Clone)]
struct Series {
    name: String,
    values: Vec<Option<f64>>,
}

impl Recording {
    /// Scrapes the host so often, and does something before each.
    pub fn add(&mut self, host: &Host<'_>, scrapes: usize, mut before: impl FnMut() -> Result<()>) -> Result<()> {
        for _ in 0..scrapes {
            before()?;
            for sample in host.own_metrics()?.samples {
                let series = self.series.entry(notation(&sample)).or_default();
                series.name = sample.name;
                series.values.resize(self.scrapes, None);
                series.values.push(Some(sample.value));
            }
            self.scrapes += 1;
        }
        Ok(())
    }

    /// The minute of the last scrape, from zero.
    pub fn last_minute(&self) -> usize {
        self.scrapes.saturating_sub(1)
    }

    /// Keeps a counter at the value of its first scrape, which no host does.
    pub fn stop(&mut self, name: &str) -> Result<()> {
        let stopped: Vec<&mut Series> = self.series.values_mut().filter(|series| series.name == name).collect();
        let _ = stopped.first().with_context(|| format!("{name} was not scraped"))?;
        for series in stopped {
            let first = series.values.iter().flatten().next().copied();
            series.values.iter_mut().flatten().for_each(|value| *value = first.unwrap_or_default());
        }
        Ok(())
    }

    /// As `input_series` of a test of rules.
    pub fn input_series(&self) -> Vec<Value> {
        let value = |value: Option<f64>| match value {
            None => "_".to_owned(),
            Some(value) if value == f64::INFINITY => "Inf".to_owned(),
            Some(value) => value.to_string(),
        };
        let series = |(notation, series): (&String, &Series)| {
            let values: Vec<String> = series.values.iter().map(|found| value(*found)).collect();
            json!({"series": notation, "values": values.join(" ")})
        };
        self.series.iter().map(series).collect()
    }
}

/// `name{label="value"}`, with the labels of the target.
fn notation(sample: &Sample) -> String {
    let own = sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let labels: Vec<String> = own.chain(TARGET).map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}{{{}}}", sample.name, labels.join(","))
}
