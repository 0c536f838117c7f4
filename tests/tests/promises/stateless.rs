//! A processor without state has what it absorbed in its memory alone. What a refused request brought does not count, and whatever is lost
//! with an instance, or in a flush, is counted.

use anyhow::{Context, Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, wait};
use serde_json::json;

/// The guest `buffer` absorbs what it reads, and emits it as this.
const SEEN: &str = "rows_seen_total";
/// A value on which the guest beside it breaks, and one for which it declines a batch for good.
const TRAPS: i64 = 666;
const DECLINED: i64 = 667;

fn request(value: i64) -> Vec<u8> {
    payload::metrics(vec![payload::counter("work.done", Temporality::Delta, vec![payload::integer(value, &[])])])
}

fn shown_and_lost(host: &Host<'_>) -> Result<(f64, f64)> {
    let own = host.own_metrics()?;
    let lost = own.total("otelier_processor_lost_items", &[("processor", "buffer")]);
    let refused = own.total("otelier_processor_dropped_items", &[("processor", "buffer"), ("reason", "refused")]);
    Ok((host.scrape()?.total(SEEN, &[]), lost + refused))
}

/// In + emitted = out + absorbed + dropped.
fn is_balanced(host: &Host<'_>) -> Result<bool> {
    let own = host.own_metrics()?;
    let total = |name: &str| own.total(name, &[("processor", "buffer")]);
    let came = total("otelcol_processor_incoming_items") + total("otelier_processor_emitted_items");
    let went = total("otelcol_processor_outgoing_items") + total("otelier_processor_absorbed_items");
    Ok(came == went + total("otelier_processor_dropped_items"))
}

#[test]
fn rows_of_a_request_that_a_later_processor_refuses_do_not_count() -> Result<()> {
    let (buffer, decliner) = (environment::guest("buffer")?, environment::guest("trap-or-decline")?);
    let plugins = manifest(&[("buffer", &buffer, json!({})), ("decliner", &decliner, json!({}))]);
    let configuration = Configuration::default()
        .set("exporters/nop", json!({}))
        .processor("buffer", json!({"metrics": ["work.done"]}))
        .processor("decliner", json!({"metrics": ["work.done"], "when": TRAPS}))
        .pipeline("metrics/a", &["buffer"], &["prometheus"])
        .pipeline("metrics/b", &["decliner"], &["nop"]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    let mut accepted = 0.0;
    for _ in 0..20 {
        host.accepts(&request(1))?;
        accepted += 1.0;
        for _ in 0..3 {
            let refusal = client.send(grpc::METRICS, &request(DECLINED)).refusal()?;
            ensure!(refusal.code == grpc::INVALID_ARGUMENT, "{refusal:?}");
        }
    }
    let all = wait::until("each accepted row is shown or told to be lost", || {
        let (shown, lost) = shown_and_lost(&host)?;
        ensure!(shown + lost <= accepted, "{shown} shown and {lost} lost of {accepted}");
        Ok((shown + lost == accepted).then_some(()))
    });
    all.with_context(|| format!("{:?}; the host's log:\n{}", shown_and_lost(&host), setup.log()))?;
    ensure!(is_balanced(&host)?, "the ledger does not balance");
    Ok(())
}

#[test]
fn a_flush_that_cannot_be_committed_is_counted() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let exporter = json!({
        "endpoint": format!("http://{}", downstream.address()),
        "sending_queue": {"storage": "rocksdb", "queue_size": 10_000},
        "retry_on_failure": {"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "0s"},
    });
    let configuration = Configuration::default()
        .set("exporters/otlphttp", exporter)
        .set("extensions/rocksdb", json!({}))
        .set("service/extensions", json!(["health_check", "rocksdb"]))
        .processor("buffer", json!({"metrics": ["work.done"]}))
        .pipeline("metrics", &["buffer"], &["otlphttp"]);
    let plugins = manifest(&[("buffer", &environment::guest("buffer")?, json!({}))]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let host = setup.start()?;
    // Its log is a file as well.
    host.limit_files("1")?;
    host.accepts(&request(1)).context("a row that is only absorbed needs no disk")?;
    wait::until("the flush is counted as refused", || {
        let own = host.own_metrics()?;
        let labels = [("processor", "buffer"), ("reason", "refused")];
        Ok((own.total("otelier_processor_dropped_items", &labels) >= 1.0).then_some(()))
    })
    .with_context(|| setup.log())?;
    ensure!(is_balanced(&host)?, "the ledger does not balance");
    Ok(())
}
