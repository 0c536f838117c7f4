//! What must not suffer when a plugin breaks: the host, the plugin in the pipeline beside it, and the ledger.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::exposition::Exposition;
use crate::host::{Configuration, Host, Setup, aggregate};
use crate::wait;

/// What `aggregate` shows of `work.done`.
const TOTAL: &str = "work_done_batched_total";

/// A processor in one pipeline, and `aggregate` in one beside it that gets the same requests.
pub fn beside_aggregate(id: &str, body: Value) -> Configuration {
    Configuration::default()
        .processor(id, body)
        .processor("aggregate", aggregate())
        .pipeline("metrics", &[id], &["prometheus"])
        .pipeline("metrics/neighbour", &["aggregate"], &["prometheus"])
}

/// After a plugin broke: the host is healthy, the neighbour has exactly these sums by `work.type`, and every item is accounted for.
pub fn after(host: &Host<'_>, sums: &[(&str, f64)]) -> Result<()> {
    let troubles = host.troubles()?;
    ensure!(troubles.is_empty(), "health says {troubles:?}");
    is_up(host)?;
    counts(host, sums)
}

/// The same where that plugin may be down at the moment: then health says so of it, and of nothing else.
pub fn after_and_down(host: &Host<'_>, plugin: &str, sums: &[(&str, f64)]) -> Result<()> {
    let troubles = host.troubles()?;
    ensure!(troubles.keys().all(|part| part.ends_with(&format!("processor:{plugin}"))), "health says {troubles:?}");
    is_up(host)?;
    counts(host, sums)
}

/// One broken plugin is no reason to restart the process, or to send requests elsewhere.
pub fn is_up(host: &Host<'_>) -> Result<()> {
    for path in ["/", "/livez", "/readyz", "/status"] {
        let answer = host.health(path)?;
        ensure!(answer.status == 200, "{path} says {}: {}", answer.status, answer.text());
    }
    Ok(())
}

fn counts(host: &Host<'_>, sums: &[(&str, f64)]) -> Result<()> {
    wait::until("the plugin beside has what it was sent, and nothing else", || {
        has_exactly(&host.scrape()?, sums).map(Some)
    })?;
    // A flush may be under way, whose items are counted one after the other; what is lost or doubled stays so.
    wait::until("every item is accounted for", || balances(&host.own_metrics()?).map(Some))
}

/// Starts the host's successor: it shows the same, at the first scrape.
pub fn restarted<'s>(setup: &'s Setup, sums: &[(&str, f64)]) -> Result<Host<'s>> {
    let host = setup.start()?;
    has_exactly(&host.scrape()?, sums).context("after the restart")?;
    Ok(host)
}

fn has_exactly(scrape: &Exposition, sums: &[(&str, f64)]) -> Result<()> {
    let shown: Vec<(&str, f64)> = scrape
        .named(TOTAL)
        .map(|sample| (sample.labels.get("work_type").map_or("", String::as_str), sample.value))
        .collect();
    let as_expected = shown.len() == sums.len() && sums.iter().all(|sum| shown.contains(sum));
    ensure!(as_expected, "expected {sums:?}, the plugin beside shows {shown:?}");
    Ok(())
}

/// At every processor: in + emitted = out + absorbed + dropped.
fn balances(own: &Exposition) -> Result<()> {
    let names = own.samples.iter().filter_map(|sample| sample.labels.get("processor").map(String::as_str));
    let processors: BTreeSet<&str> = names.collect();
    ensure!(!processors.is_empty(), "no processor has counted anything");
    for processor in processors {
        let of = |name| own.total(name, &[("processor", processor)]);
        let came = of("otelcol_processor_incoming_items") + of("otelier_processor_emitted_items");
        let went = of("otelcol_processor_outgoing_items")
            + of("otelier_processor_absorbed_items")
            + of("otelier_processor_dropped_items");
        ensure!(came == went, "{processor}: {came} came and {went} went");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Format, parse};

    #[test]
    fn a_ledger_that_lost_one_item_is_told_from_one_that_balances() -> Result<()> {
        let own = |absorbed: u32| {
            let page = format!(
                "otelcol_processor_incoming_items{{processor=\"a\"}} 3\n\
                 otelier_processor_emitted_items{{processor=\"a\"}} 1\n\
                 otelcol_processor_outgoing_items{{processor=\"a\"}} 1\n\
                 otelier_processor_absorbed_items{{processor=\"a\"}} {absorbed}\n"
            );
            parse(Format::Text, page.as_bytes())
        };
        balances(&own(3)?)?;
        ensure!(balances(&own(2)?).is_err_and(|error| error.to_string() == "a: 4 came and 3 went"));
        ensure!(balances(&Exposition::default()).is_err());
        Ok(())
    }

    #[test]
    fn sums_are_exact_and_complete() -> Result<()> {
        let page = b"work_done_batched_total{work_type=\"a\"} 3\nwork_done_batched_total{work_type=\"b\"} 1\n";
        let scrape = parse(Format::Text, page)?;
        has_exactly(&scrape, &[("b", 1.0), ("a", 3.0)])?;
        ensure!(
            has_exactly(&scrape, &[("a", 3.0)]).is_err() && has_exactly(&scrape, &[("a", 3.0), ("b", 2.0)]).is_err()
        );
        Ok(())
    }
}
