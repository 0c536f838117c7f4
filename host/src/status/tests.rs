#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use super::*;
use crate::contract::{Health, Members, Phase, Topology};
use crate::telemetry::Registry;

fn topology() -> Topology {
    let member = Members {
        id: "metrics/a".into(),
        receivers: vec!["otlp".into()],
        processors: vec!["sum".into()],
        exporters: vec!["out".into()],
        ended_by: vec!["forward".into()],
        ..Members::default()
    };
    Topology { extensions: vec!["zpages".into()], pipelines: vec![member] }
}

fn flow<'p>(parts: &'p [Part], what: &str) -> &'p Flow {
    parts[0].flows.iter().find(|flow| flow.what == what).unwrap()
}

#[test]
fn rates_are_over_the_last_ten_seconds_and_totals_since_the_start() {
    let (registry, health) = (Registry::default(), Health::default());
    let board = Board::new(&registry, &health, &topology());
    let accepted = |transport| {
        let labels = [("receiver", "otlp"), ("transport", transport)];
        registry.counter("otelcol_receiver_accepted_metric_points", "", &labels)
    };
    let (grpc, http) = (accepted("grpc"), accepted("http"));
    let start = Instant::now();
    grpc.add(1000);
    for second in (0..20).step_by(2) {
        board.sample(start + Duration::from_secs(second));
        grpc.add(20);
        http.add(6);
    }
    let report = board.report_at(start + Duration::from_secs(20));
    let accepted = flow(&report.receivers, "accepted");
    assert_eq!(report.rate_seconds, 10.0);
    assert_eq!((accepted.total, accepted.per_second), (1260, 13.0), "both transports together");
    assert_eq!(board.report_at(start + Duration::from_secs(30)).receivers[0].flows[0].per_second, 6.5);
}

#[test]
fn a_report_has_what_stands_in_front_of_an_exporter() {
    let (registry, health) = (Registry::default(), Health::default());
    let board = Board::new(&registry, &health, &topology());
    let sized = [("exporter", "out"), ("sizer", "items")];
    registry.gauge("otelcol_exporter_queue_size", "", &sized).set(7);
    registry.gauge("otelcol_exporter_queue_capacity", "", &sized).set(1000);
    registry.gauge("otelcol_exporter_in_flight_requests", "", &[("exporter", "out"), ("data_type", "metrics")]).set(2);
    registry.gauge("otelier_breaker_state", "", &[("exporter", "out"), ("breaker", "cb")]).set(2);
    registry.counter("otelier_breaker_rejected", "", &[("exporter", "out"), ("breaker", "cb")]).add(4);
    registry.gauge("otelier_dead_letters", "", &[]).set(3);
    board.fill(Sources {
        plugins: Box::new(|| {
            vec![PluginShown { name: "sum".into(), sha256: "ab".repeat(32), ..PluginShown::default() }]
        }),
        queues: Box::new(|| [("out".to_owned(), (Some(Duration::from_millis(61_240)), true))].into()),
    });
    health.enter(Phase::Running);
    health.failed("sum in metrics/a", "wasm trap\u{1b}[2J");
    let report = board.report();
    let (queue, breaker) = (report.exporters[0].queue.as_ref().unwrap(), report.exporters[0].breaker.as_ref().unwrap());
    assert_eq!((queue.size, queue.capacity, queue.in_flight, queue.persistent), (7, Some(1000), 2, true));
    assert_eq!((queue.sizer.as_str(), queue.oldest_seconds), ("items", Some(61.2)));
    assert_eq!((breaker.id.as_str(), breaker.state.as_str(), breaker.rejected), ("cb", "open", 4));
    let text = text(&report);
    for line in [
        "3 dead letters",
        "metrics/a  otlp → sum → out, forward",
        "out  7 of 1000 items, 2 being sent, the oldest waits for 61.2 s, on disk",
        "cb of out: open, 4 attempts were made to wait",
        "sum                   abababababab",
        "sum in metrics/a failed since",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "what a plugin says cannot move the cursor: {text:?}");
}
