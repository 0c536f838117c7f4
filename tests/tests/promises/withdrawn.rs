//! A sender that has gone sends again: what still waited for a plugin then must not count, however long the host was stalled.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::faulty_disk::FaultyDisk;
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, http, wait};
use serde_json::{Value, json};

use crate::{TOTAL, borrowed};

/// How long a sender waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the disk takes for one sync: many times as long.
const STALL: Duration = Duration::from_secs(6);
/// So many attempts of a sender may be in the disk's hands when it gives them up: the one that is being written, and one that is taken at the
/// very moment in which its sender goes.
const IN_DOUBT_MAX: f64 = 2.0;

/// What one sender saw.
#[derive(Debug, Default)]
struct Sender {
    attempts: u32,
    acknowledged: u32,
}

/// One way to send a request and give it up.
type Export<'e> = dyn FnMut(&[u8]) -> Result<bool> + 'e;

/// Sends points of 1, each until it is acknowledged, until it has this many and the time is over.
fn send(name: &str, until: Instant, export: &mut Export<'_>) -> Result<Sender> {
    let mut sender = Sender::default();
    while sender.acknowledged < 3 || Instant::now() < until {
        let request = payload::work(name, Temporality::Delta, &[1]);
        sender.attempts += 1;
        if export(&request)? {
            sender.acknowledged += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        ensure!(sender.attempts < 1000, "{sender:?}");
    }
    Ok(sender)
}

fn over_grpc(host: &Host<'_>, name: &str, until: Instant) -> Result<Sender> {
    let mut client = host.grpc()?;
    send(name, until, &mut |request| match client.send_within(PATIENCE, grpc::METRICS, request) {
        Outcome::Acknowledged(_) => Ok(true),
        Outcome::Lost(_) => Ok(false),
        Outcome::Refused(refusal) => anyhow::bail!("{refusal:?}"),
    })
}

fn over_http(host: &Host<'_>, name: &str, until: Instant) -> Result<Sender> {
    let address = host.endpoints().http;
    send(name, until, &mut |request| match http::export_within(PATIENCE, address, "/v1/metrics", request) {
        Ok(answer) => {
            ensure!(answer.status == 200, "{}", answer.text());
            Ok(true)
        }
        Err(_) => Ok(false),
    })
}

#[test]
fn what_waits_for_a_stalled_disk_goes_with_its_sender() -> Result<()> {
    let disk = FaultyDisk::new()?;
    let setup = Setup::with_aggregate(&Configuration::aggregate())?.launched_by(&borrowed(&disk.words()));
    let host = setup.start()?;
    host.accepts(&payload::work("first", Temporality::Delta, &[1]))?;
    disk.delay_syncs(1, STALL)?;
    let until = Instant::now() + STALL + PATIENCE;
    let senders = std::thread::scope(|scope| {
        let host = &host;
        let names: Vec<String> = (0..8).map(|number| format!("sender-{number}")).collect();
        let start = |name: String| {
            scope.spawn(move || {
                let is_grpc = name.ends_with(['0', '2', '4', '6']);
                let sender = if is_grpc { over_grpc(host, &name, until) } else { over_http(host, &name, until) };
                (name, sender)
            })
        };
        let running: Vec<_> = names.into_iter().map(start).collect();
        running.into_iter().map(|thread| thread.join().expect("a sender panicked")).collect::<Vec<_>>()
    });
    let mut given_up = 0;
    for (name, sender) in senders {
        let sender = sender.with_context(|| format!("{name}; the host's log:\n{}", setup.log()))?;
        let acknowledged = f64::from(sender.acknowledged);
        let counted = wait::until("all of it is shown", || {
            Ok(host.scrape()?.value(TOTAL, &[("work_type", &name)]).filter(|value| *value >= acknowledged))
        })?;
        ensure!(counted <= acknowledged + IN_DOUBT_MAX, "{name}: {counted} counted of {sender:?}");
        given_up += sender.attempts - sender.acknowledged;
        ensure!(
            f64::from(sender.attempts - sender.acknowledged) > 2.0 * IN_DOUBT_MAX,
            "no stall to be seen: {sender:?}"
        );
    }
    let own = host.own_metrics()?;
    let withdrawn = |transport| {
        let labels = [("receiver", "otlp"), ("transport", transport)];
        own.value("otelier_receiver_withdrawn_requests", &labels).unwrap_or_default()
    };
    let (grpc, http) = (withdrawn("grpc"), withdrawn("http"));
    ensure!(grpc > 4.0 && http > 4.0 && grpc + http <= f64::from(given_up), "{grpc} and {http} of {given_up}");
    Ok(())
}

#[test]
fn what_waits_for_room_in_a_queue_goes_with_its_sender() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    let exporter = json!({
        "endpoint": format!("http://{}", downstream.address()),
        "compression": "none",
        "sending_queue": {"queue_size": 1, "num_consumers": 1, "block_on_overflow": true},
        "retry_on_failure": {"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "0s"},
    });
    let configuration =
        Configuration::default().set("exporters/otlphttp", exporter).pipeline("logs", &[], &["otlphttp"]);
    let setup = Setup::without_plugins(&configuration)?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    ensure!(client.send(grpc::LOGS, &payload::logs(&["fills the queue"])).is_acknowledged());
    for number in 0..4 {
        let (over_grpc, over_http) = (format!("grpc {number}"), format!("http {number}"));
        let outcome = client.send_within(PATIENCE, grpc::LOGS, &payload::logs(&[&over_grpc]));
        ensure!(matches!(outcome, Outcome::Lost(_)), "{over_grpc}: {outcome:?}");
        let answer = http::export_within(PATIENCE, host.endpoints().http, "/v1/logs", &payload::logs(&[&over_http]));
        ensure!(answer.is_err(), "{over_http}: {answer:?}");
    }
    downstream.follow(|_| Fate::Taken);
    // It comes behind all of them.
    ensure!(client.send(grpc::LOGS, &payload::logs(&["last"])).is_acknowledged());
    wait::until("the last one arrives", || Ok(downstream.memory().taken.contains_key("last").then_some(())))?;
    let mut taken: Vec<String> = downstream.memory().taken.keys().cloned().collect();
    taken.sort();
    ensure!(taken == ["fills the queue", "last"], "{taken:?}");
    Ok(())
}

/// The OpenTelemetry SDK for Python with a timeout that is shorter than the stall, over one of its transports. Returns attempts and successes.
fn sdk(host: &Host<'_>, transport: &str, name: &str) -> Result<Sender> {
    let endpoint = match transport {
        "grpc" => host.endpoints().grpc.to_string(),
        _ => format!("http://{}/v1/metrics", host.endpoints().http),
    };
    let mut command = Command::new(environment::test_python()?);
    command.arg(environment::test_client("python/impatient.py")?);
    command.args(["--transport", transport, "--endpoint", &endpoint, "--work-type", name]);
    command.args(["--timeout", &PATIENCE.as_secs_f64().to_string(), "--successes", "3"]);
    let output = command.output().context("cannot start the SDK's client")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| said[key].as_u64().and_then(|number| u32::try_from(number).ok()).context("no number");
    Ok(Sender { attempts: number("attempts")?, acknowledged: number("acknowledged")? })
}

#[test]
fn what_waits_for_a_stalled_disk_goes_with_an_sdk_whose_time_runs_out() -> Result<()> {
    for transport in ["grpc", "http"] {
        let disk = FaultyDisk::new()?;
        let setup = Setup::with_aggregate(&Configuration::aggregate())?.launched_by(&borrowed(&disk.words()));
        let host = setup.start()?;
        host.accepts(&payload::work("first", Temporality::Delta, &[1]))?;
        disk.delay_syncs(1, STALL)?;
        let sender = sdk(&host, transport, transport)?;
        let acknowledged = f64::from(sender.acknowledged);
        let counted = wait::until("all of it is shown", || {
            Ok(host.scrape()?.value(TOTAL, &[("work_type", transport)]).filter(|value| *value >= acknowledged))
        })?;
        ensure!(counted <= acknowledged + IN_DOUBT_MAX, "{transport}: {counted} counted of {sender:?}");
        // The SDK tries again by itself within an attempt.
        let withdrawn = host.own_metrics()?.total("otelier_receiver_withdrawn_requests", &[("transport", transport)]);
        ensure!(withdrawn > IN_DOUBT_MAX, "no stall to be seen: {sender:?}, {withdrawn} withdrawn");
    }
    Ok(())
}
