//! The aggregate plugin in its place: what it takes, what it leaves alone, and that every point is accounted for.

use anyhow::Result;
use otelier_tests::exposition::Exposition;
use otelier_tests::host::{Configuration, Host, Setup, aggregate};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::json;

const TOTAL: &str = "work_done_batched_total";

#[test]
fn what_matches_is_summed_and_the_rest_of_the_request_passes() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let point = |value, work_type| payload::integer(value, &[("work.type", work_type), ("work.id", "a")]);
    host.accepts(&payload::metrics(vec![
        payload::gauge("work.queue", vec![payload::integer(3, &[("work.id", "a")])]),
        payload::counter("work.done", Temporality::Delta, vec![point(1, "manual"), point(2, "automatic")]),
        payload::counter("work.lost", Temporality::Cumulative, vec![point(9, "manual")]),
        payload::counter("work.done", Temporality::Delta, vec![point(4, "manual")]),
    ]))?;
    host.wait_for(TOTAL, &[("work_type", "manual")], 5.0)?;
    host.wait_for(TOTAL, &[("work_type", "automatic")], 2.0)?;
    let sender = [("job", "shop"), ("instance", "one"), ("otel_scope_name", "work"), ("otel_scope_version", "1")];
    host.wait_for("work_queue", &[&sender[..], &[("work_id", "a")]].concat(), 3.0)?;
    host.wait_for("work_lost_total", &[&sender[..], &[("work_type", "manual"), ("work_id", "a")]].concat(), 9.0)?;
    let scrape = host.scrape()?;
    assert_eq!(scrape.named("work_done_total").count(), 0, "the input is absorbed: {scrape:#?}");
    Ok(())
}

#[test]
fn the_ledger_balances() -> Result<()> {
    // The totals of the first processor began before the state of the second was made.
    let second = json!({"metrics": ["*_batched"], "group_by": [], "interval": "50ms", "initial_value": "keep"});
    let config = Configuration::default()
        .processor("aggregate/one", aggregate())
        .processor("aggregate/two", second)
        .pipeline("metrics", &["aggregate/one", "aggregate/two"], &["prometheus"]);
    let setup = Setup::with_aggregate(&config)?;
    let host = setup.start()?;
    for round in 0..20 {
        let points = vec![
            payload::integer(1, &[("work.type", "manual")]),
            // Falls out: a monotonic sum does not fall.
            payload::integer(-1, &[("work.type", "manual")]),
        ];
        let passing = vec![payload::double(f64::from(round), &[])];
        let counter = payload::counter("work.done", Temporality::Delta, points);
        host.accepts(&payload::metrics(vec![counter, payload::gauge("work.queue", passing)]))?;
    }
    host.wait_for("work_done_batched_batched_total", &[], 20.0)?;
    wait::until("the ledger balances at one moment", || Ok(imbalances(&host)?.is_empty().then_some(())))?;
    let own = host.own_metrics()?;
    let count = |name, labels: &[(&str, &str)]| own.total(name, labels);
    let one = [("processor", "aggregate/one"), ("otel_signal", "metrics")];
    assert_eq!(count("otelier_processor_absorbed_items", &one), 20.0);
    assert_eq!(count("otelier_processor_dropped_items", &one), 20.0);
    assert_eq!(count("otelier_processor_dropped_items", &[one[0], ("reason", "plugin")]), 20.0);
    assert!(setup.log().contains("dropped: negative values of monotonic sums"), "{}", setup.log());
    Ok(())
}

/// Every component port at which items came in or were made, and did not go anywhere.
fn imbalances(host: &Host<'_>) -> Result<Vec<String>> {
    let own = host.own_metrics()?;
    let mut wrong = Vec::new();
    for processor in ["aggregate/one", "aggregate/two"] {
        let of = |name| own.total(name, &[("processor", processor)]);
        let came = of("otelcol_processor_incoming_items") + of("otelier_processor_emitted_items");
        let went = of("otelcol_processor_outgoing_items")
            + of("otelier_processor_absorbed_items")
            + of("otelier_processor_dropped_items");
        if came != went {
            wrong.push(format!("{processor}: {came} came, {went} went"));
        }
    }
    let accepted = own.total("otelcol_receiver_accepted_metric_points", &[]);
    let first = own.total("otelcol_processor_incoming_items", &[("processor", "aggregate/one")]);
    if accepted != first {
        wrong.push(format!("the receiver accepted {accepted}, the first processor saw {first}"));
    }
    wrong.extend(exported(&own));
    Ok(wrong)
}

/// What the last processor sent on is what the exporter took or dropped, once nothing waits.
fn exported(own: &Exposition) -> Option<String> {
    let sent_on = own.total("otelcol_processor_outgoing_items", &[("processor", "aggregate/two")]);
    let taken = own.total("otelcol_exporter_sent_metric_points", &[])
        + own.total("otelier_exporter_dropped_items", &[])
        + own.total("otelcol_exporter_send_failed_metric_points", &[]);
    (sent_on != taken).then(|| format!("{sent_on} were sent to the exporter, it saw {taken}"))
}

#[test]
fn series_beyond_the_bound_are_one_marked_series() -> Result<()> {
    let mut body = aggregate();
    body["max_series"] = json!(2);
    let config = Configuration::aggregate().set("processors/aggregate", body);
    let setup = Setup::with_aggregate(&config)?;
    let host = setup.start()?;
    for work_type in ["a", "b", "c", "d", "a"] {
        host.accepts(&payload::work(work_type, Temporality::Delta, &[1, 2]))?;
    }
    host.wait_for(TOTAL, &[("otel_metric_overflow", "true")], 6.0)?;
    host.wait_for(TOTAL, &[("work_type", "a")], 6.0)?;
    host.wait_for(TOTAL, &[("work_type", "b")], 3.0)
}
