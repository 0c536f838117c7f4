//! Points that make no sense: they are acknowledged, since sending them again cannot help, dropped, counted and logged;
//! the total never sees them.

use anyhow::Result;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, BuiltMetric, Temporality, double, integer, since};
use otelier_tests::wait;

use crate::survivor::Survivor;

const LABELS: [(&str, &str); 2] = [("work.type", "good"), ("work.id", "bad")];

fn delta(point: opentelemetry_proto::tonic::metrics::v1::NumberDataPoint) -> BuiltMetric {
    payload::counter("work.done", Temporality::Delta, vec![point])
}

#[test]
fn values_that_cannot_be_added_are_dropped_with_their_reason() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    let unspecified = payload::counter("work.done", Temporality::Unspecified, vec![integer(5, &LABELS)]);
    let cases = [
        (delta(double(f64::NAN, &LABELS)), "dropped: values that are NaN or infinite"),
        (delta(double(f64::INFINITY, &LABELS)), "dropped: values that are NaN or infinite"),
        (delta(double(f64::NEG_INFINITY, &LABELS)), "dropped: values that are NaN or infinite"),
        (delta(integer(-5, &LABELS)), "dropped: negative values of monotonic sums"),
        (delta(double(-5.5, &LABELS)), "dropped: negative values of monotonic sums"),
        (unspecified, "dropped: points of sums or histograms that are neither delta nor cumulative"),
    ];
    for (number, (metric, reason)) in (1_u8..).zip(cases) {
        let logged = setup.log().matches(reason).count();
        host.accepts(&payload::metrics(vec![metric]))?;
        wait::until(reason, || Ok((setup.log().matches(reason).count() > logged).then_some(())))?;
        let labels = [("processor", "aggregate"), ("otel_signal", "metrics"), ("reason", "plugin")];
        let dropped = host.own_metrics()?.value("otelier_processor_dropped_items", &labels);
        assert_eq!(dropped, Some(f64::from(number)), "{reason}");
        survivor.goes_on()?;
    }
    Ok(())
}

#[test]
fn time_that_goes_backwards_counts_nothing() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let mut survivor = Survivor::new(&host)?;
    let (start, later) = (payload::now(), payload::now() + 1_000_000_000);
    let send = |value, time, start| {
        let labels = [("work.type", "cumulative"), ("work.id", "one")];
        let mut point = since(start, integer(value, &labels));
        point.time_unix_nano = time;
        host.accepts(&payload::metrics(vec![payload::counter("work.done", Temporality::Cumulative, vec![point])]))
    };
    let shows = |value| host.wait_for("work_done_batched_total", &[("work_type", "cumulative")], value);
    send(10, later, start)?;
    shows(10.0)?;
    for (reason, value, time, start) in [
        ("dropped: points of cumulative streams that are older than the last one", 7, later - 1, start),
        ("dropped: points of cumulative streams that are older than the last one", 700, later + 1, start - 1),
        ("dropped: repeated points of cumulative streams", 11, later, start),
        ("dropped: cumulative points without a time", 12, 0, start),
    ] {
        let logged = setup.log().matches(reason).count();
        send(value, time, start)?;
        wait::until(reason, || Ok((setup.log().matches(reason).count() > logged).then_some(())))?;
        shows(10.0)?;
    }
    // The stream itself goes on, over a reset as well.
    send(15, later + 2, start)?;
    shows(15.0)?;
    send(4, later + 4, later + 3)?;
    shows(19.0)?;
    // Deltas have no order: one from long ago counts like any other.
    let mut old = integer(1, &[("work.type", "old")]);
    old.time_unix_nano = 1;
    old.start_time_unix_nano = 2;
    host.accepts(&payload::metrics(vec![delta(old)]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "old")], 1.0)?;
    survivor.goes_on()
}
