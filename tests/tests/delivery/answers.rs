//! A sender that waits for the destination hears what it answered: the same status over gRPC, and over HTTP what the Collector makes
//! of it.

use anyhow::{Context, Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc::{self, Client};
use otelier_tests::host::{Endpoints, Host, Setup};
use otelier_tests::{http, payload};
use serde_json::{Value, json};

use crate::forwarding;

/// What the destination does, the status over gRPC, the one over HTTP, and whether the sender is to come back.
type Row = (Fate, u32, u16, bool);

/// Over gRPC, by its code.
const OF_CODES: [Row; 17] = [
    (Fate::Status(1), 1, 503, true),
    (Fate::Status(2), 2, 500, false),
    (Fate::Status(3), 3, 400, false),
    (Fate::Status(4), 4, 503, true),
    (Fate::Status(5), 5, 500, false),
    (Fate::Status(6), 6, 500, false),
    (Fate::Status(7), 7, 403, false),
    // Without a `RetryInfo` there is nothing to come back for.
    (Fate::Status(8), 8, 429, false),
    (Fate::Status(9), 9, 500, false),
    (Fate::Status(10), 10, 503, true),
    (Fate::Status(11), 11, 503, true),
    (Fate::Status(12), 12, 404, false),
    (Fate::Status(13), 13, 500, false),
    (Fate::Status(14), 14, 503, true),
    (Fate::Status(15), 15, 503, true),
    (Fate::Status(16), 16, 401, false),
    (Fate::Status(99), 2, 500, false),
];

/// A proxy's answer to gRPC (`doc/http-grpc-status-mapping.md`).
const OF_PROXIES: [Row; 9] = [
    (Fate::Proxy(400), 13, 500, false),
    (Fate::Proxy(401), 16, 401, false),
    (Fate::Proxy(403), 7, 403, false),
    (Fate::Proxy(404), 12, 404, false),
    (Fate::Proxy(429), 14, 503, true),
    (Fate::Proxy(502), 14, 503, true),
    (Fate::Proxy(503), 14, 503, true),
    (Fate::Proxy(504), 14, 503, true),
    (Fate::Proxy(500), 2, 500, false),
];

/// Over HTTP, by its status.
const OF_STATUSES: [Row; 16] = [
    (Fate::Status(302), 2, 500, false),
    (Fate::Status(400), 3, 400, false),
    (Fate::Status(401), 16, 401, false),
    (Fate::Status(403), 7, 403, false),
    (Fate::Status(404), 12, 404, false),
    (Fate::Status(405), 2, 500, false),
    (Fate::Status(408), 2, 500, false),
    (Fate::Status(413), 2, 500, false),
    (Fate::Status(415), 2, 500, false),
    (Fate::Status(429), 8, 429, true),
    (Fate::Throttled(7), 8, 429, true),
    (Fate::Status(500), 2, 500, false),
    (Fate::Status(501), 2, 500, false),
    (Fate::Status(502), 14, 503, true),
    (Fate::Status(503), 14, 503, true),
    (Fate::Status(504), 14, 503, true),
];

/// Where nothing is answered.
const UNANSWERED: [Row; 2] = [(Fate::Reset, 14, 503, true), (Fate::Stalled, 4, 503, true)];

/// Sends over both protocols, and compares what comes back with the row.
fn hears(host: &Host<'_>, client: &mut Client, exporter: &str, (fate, code, status, comes_back): Row) -> Result<()> {
    let request = payload::logs(&["a record"]);
    let refusal = client.send(grpc::LOGS, &request).refusal()?;
    ensure!((refusal.http_status, refusal.code) == (200, code), "{fate:?}: {refusal:?}");
    ensure!(refusal.message.starts_with(&format!("exporter {exporter}: ")), "{fate:?}: {refusal:?}");
    ensure!(refusal.retry_after.is_some() == comes_back, "{fate:?}: {refusal:?}");
    let kind = ("content-type", "application/json");
    let body = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#;
    let answer = http::post(host.endpoints().http, "/v1/logs", &[kind], body)?;
    let text = answer.text();
    ensure!(answer.status == status, "{fate:?}: {}: {text}", answer.status);
    ensure!(answer.header("retry-after").is_some() == comes_back, "{fate:?}: {:?}", answer.headers);
    let told: Value = serde_json::from_str(&text)?;
    ensure!(told["code"] == code, "{fate:?}: {text}");
    let words = told["message"].as_str().context("no message")?;
    ensure!(words.starts_with(&format!("exporter {exporter}: ")), "{fate:?}: {text}");
    Ok(())
}

fn sweep(exporter: &str, rows: impl Iterator<Item = Row> + Clone) -> Result<()> {
    for queue in [json!({"enabled": false}), json!({"wait_for_result": true})] {
        let downstream = Downstream::start(|_| Fate::Taken)?;
        let body = json!({"sending_queue": queue, "retry_on_failure": {"enabled": false}, "timeout": "500ms"});
        let setup = Setup::without_plugins(&forwarding(exporter, downstream.address(), &body))?;
        let host = setup.start()?;
        let mut client = host.grpc()?;
        ensure!(client.send(grpc::LOGS, &payload::logs(&["a record"])).is_acknowledged());
        for row in rows.clone() {
            downstream.follow(move |_| row.0);
            hears(&host, &mut client, exporter, row).with_context(|| format!("{exporter} with {queue}"))?;
        }
        let refused = host.own_metrics()?.total("otelcol_receiver_refused_log_records", &[]);
        ensure!(refused == 2.0 * rows.clone().count() as f64, "{refused} items are counted");
        ensure!(host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(0.0), "their senders still have them");
        host.kill()?;
    }
    Ok(())
}

#[test]
fn senders_hear_every_status_of_a_destination_over_grpc() -> Result<()> {
    sweep("otlp", OF_CODES.into_iter().chain(OF_PROXIES).chain(UNANSWERED))
}

#[test]
fn senders_hear_every_status_of_a_destination_over_http() -> Result<()> {
    sweep("otlphttp", OF_STATUSES.into_iter().chain(UNANSWERED))
}

#[test]
fn senders_hear_that_nobody_is_there() -> Result<()> {
    for exporter in ["otlp", "otlphttp"] {
        let body = json!({"sending_queue": {"enabled": false}, "retry_on_failure": {"enabled": false}});
        let setup = Setup::without_plugins(&forwarding(exporter, Endpoints::free()?.spare, &body))?;
        let host = setup.start()?;
        hears(&host, &mut host.grpc()?, exporter, (Fate::Reset, grpc::UNAVAILABLE, 503, true))?;
        host.kill()?;
    }
    Ok(())
}
