//! Secrets that a host is given, in headers, in its environment and in files, are nowhere in what it stores, shows and logs.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use otelier::otlp::json::to_base64;
use otelier::storage::{Family, StateStore, Store};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, http, wait};
use serde_json::json;

use crate::forwarding;

/// In a header of senders, and in the file with tokens.
const IN_HEADER: &str = "HeaderSecret4711x";
/// In the file alone.
const IN_FILE: &str = "FileSecret4712x";
/// In the environment.
const IN_ENVIRONMENT: &str = "EnvironmentSecret4713x";
const SECRETS: [&str; 3] = [IN_HEADER, IN_FILE, IN_ENVIRONMENT];
/// How the store has a secret: these words and 64 digits.
const HIDDEN: &str = "otelier-hidden:";

/// A secret as it may lie somewhere.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // Within other bytes, base64 has one of three forms; what shares a digit with a neighbour is left away.
    let base64 = (0..3).map(|before| {
        let digits = to_base64(&[&vec![0; before][..], bytes].concat());
        let digits = digits.trim_end_matches('=');
        let from = if before == 0 { 0 } else { before + 1 };
        digits.get(from..digits.len() - 1).unwrap_or_default().as_bytes().to_vec()
    });
    [bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()].into_iter().chain(base64).collect()
}

fn has_none(what: &str, bytes: &[u8]) -> Result<()> {
    for secret in SECRETS {
        for form in forms(secret) {
            let is_there = bytes.windows(form.len()).any(|window| window == form);
            ensure!(!is_there, "{what} has {secret}, as {}", String::from_utf8_lossy(&form));
        }
    }
    Ok(())
}

/// Every record of the store, decoded.
fn each_record(state: &Path, mut each: impl FnMut(Family, &Bytes, &Bytes) -> Result<()>) -> Result<()> {
    let store = Store::open(state)?;
    for family in Family::ALL {
        let mut failed = Ok(());
        store.backend().range(family, &[], &[u8::MAX; 4], &mut |key, value| {
            failed = each(family, &key, &value);
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed?;
    }
    Ok(())
}

fn files_have_none(path: &Path) -> Result<()> {
    if path.is_dir() {
        return std::fs::read_dir(path)?.try_for_each(|entry| files_have_none(&entry?.path()));
    }
    // A socket is none.
    if path.is_file() { has_none(&path.display().to_string(), &std::fs::read(path)?) } else { Ok(()) }
}

fn state_has_none(setup: &Setup) -> Result<()> {
    let mut records = 0;
    each_record(setup.state(), |family, key, value| {
        records += 1;
        let what = format!("{family:?} {}", key.escape_ascii());
        has_none(&what, key).and_then(|()| has_none(&what, value))
    })?;
    ensure!(records > 3, "only {records} records");
    files_have_none(setup.state())
}

/// A tenant that is kept, beside a token that is not: through the port that wants it, and through one that does not.
fn configuration(tokens: &Path, destination: std::net::SocketAddr) -> Configuration {
    let aggregate = json!({
        "metrics": ["work.done", "${env:OTELIER_TEST_SECRET}"],
        "group_by": ["work.type"],
        "interval": "100ms",
    });
    forwarding("otlphttp", destination, &json!({"headers": {"x-next": "${env:OTELIER_TEST_SECRET}"}}))
        .set("receivers/otlp/protocols/http/include_metadata", json!(true))
        .set("receivers/otlp/protocols/http/auth", json!({"authenticator": "bearertokenauth"}))
        .set("receivers/otlp/protocols/grpc/include_metadata", json!(true))
        .set("extensions/bearertokenauth", json!({"header": "x-api-key", "scheme": "", "filename": tokens}))
        .set("service/extensions", json!(["health_check", "rocksdb", "bearertokenauth"]))
        .processor("aggregate", aggregate)
        .pipeline("metrics", &["aggregate"], &["prometheus"])
}

fn send(host: &Host<'_>) -> Result<()> {
    let logs = payload::logs(&["a line"]);
    let key = [("x-api-key", IN_HEADER), ("x-tenant", "shop")];
    let protobuf = [&[("content-type", "application/x-protobuf")], &key[..]].concat();
    let answer = http::post(host.endpoints().http, "/v1/logs", &protobuf, &logs)?;
    ensure!(answer.status == 200, "{}", answer.text());
    let headers = [&[("content-type", "application/grpc")], &key[..]].concat();
    ensure!(host.grpc()?.call(grpc::LOGS, &headers, grpc::framed(0, &logs)).is_acknowledged());
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 1.0)
}

/// A host with a secret of each kind, and the file of one, which goes with what is returned.
fn planted(downstream: &Downstream) -> Result<(Setup, tempfile::NamedTempFile)> {
    let tokens = tempfile::NamedTempFile::new()?;
    std::fs::write(tokens.path(), format!("{IN_FILE}\n{IN_HEADER}\n"))?;
    let variable = format!("OTELIER_TEST_SECRET={IN_ENVIRONMENT}");
    let setup = Setup::with_aggregate(&configuration(tokens.path(), downstream.address()))?;
    let setup = setup.launched_by(&["env", &variable]);
    Ok((setup, tokens))
}

#[test]
fn secrets_are_in_no_record_in_no_file_and_in_no_answer() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let (setup, _tokens) = planted(&downstream)?;
    let host = setup.start()?;
    send(&host)?;
    wait::until("both are dead letters", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(2.0)).then_some(()))
    })?;
    // One stays in the queue.
    downstream.follow(|_| Fate::Unavailable);
    ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&["another line"])).is_acknowledged());
    let file = environment::guest("trap")?.display().to_string();
    let refused = setup.is_told(&["plugin", "swap", "aggregate", "--file", &file])?;
    for (what, answer) in [
        ("dlq ls", setup.prints(&["dlq", "ls"])?),
        ("dlq show 0", setup.prints(&["dlq", "show", "0"])?),
        ("dlq show 1", setup.prints(&["dlq", "show", "1"])?),
        ("plugin history", setup.prints(&["plugin", "history", "--json"])?),
        ("plugin swap", refused),
        ("/status", host.health("/status?verbose")?.text()),
    ] {
        has_none(what, answer.as_bytes())?;
        ensure!(!what.contains("show") || answer.contains("shop"), "the tenant is kept: {answer}");
    }
    ensure!(host.terminate()?.success());
    has_none("the log", setup.log().as_bytes())?;
    state_has_none(&setup)?;
    // It starts again with the same configuration: nothing has changed.
    ensure!(setup.start()?.terminate()?.success());
    state_has_none(&setup)
}

/// The stored configuration with its secret, as versions before have stored it.
fn store_plainly(state: &Path) -> Result<()> {
    let mut found = None;
    each_record(state, |_, key, value| {
        let at = value.windows(HIDDEN.len()).position(|window| window == HIDDEN.as_bytes());
        if let Some(at) = at {
            let (before, rest) = (value.get(..at), value.get(at + HIDDEN.len() + 64..));
            let plain = [before.context("cut")?, IN_ENVIRONMENT.as_bytes(), rest.context("cut")?].concat();
            found = Some((key.clone(), Bytes::from(plain)));
        }
        Ok(())
    })?;
    let (key, plain) = found.context("no hidden value is stored")?;
    Ok(Store::open(state)?.commit(&[StateStore::put(key, plain)], true)?)
}

#[test]
fn a_stored_configuration_with_a_plain_secret_is_replaced_at_the_next_start_and_counts_go_on() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Taken)?;
    let (setup, _tokens) = planted(&downstream)?;
    let host = setup.start()?;
    send(&host)?;
    ensure!(host.terminate()?.success());
    store_plainly(setup.state())?;
    ensure!(state_has_none(&setup).is_err(), "the test's own eyes");
    let host = setup.start()?;
    let total = host.scrape()?.value("work_done_batched_total", &[("work_type", "a")]);
    ensure!(total == Some(1.0), "{total:?}");
    ensure!(host.terminate()?.success());
    state_has_none(&setup)
}

#[test]
fn a_header_in_which_a_secret_is_looked_for_cannot_be_asked_for() -> Result<()> {
    let keys = json!({"header": "X-Api-Key", "scheme": "", "token": IN_FILE});
    let setter = json!({"headers": [{"key": "x-out", "from_context": "x-api-key"}]});
    let batch = json!({"batch": {"partition": {"metadata_keys": ["x-api-key"]}}});
    let with_keys = |config: Configuration, more: &str| {
        config
            .set("extensions/bearertokenauth", keys.clone())
            .set("service/extensions", json!(["health_check", "rocksdb", "bearertokenauth", more]))
    };
    let destination = "127.0.0.1:1".parse()?;
    let set = forwarding("otlphttp", destination, &json!({"auth": {"authenticator": "headers_setter"}}));
    let set = with_keys(set.set("extensions/headers_setter", setter), "headers_setter");
    let split = with_keys(forwarding("otlphttp", destination, &json!({"sending_queue": batch})), "rocksdb/other");
    let split = split.set("extensions/rocksdb~1other", json!({}));
    for (config, key) in [(set, "from_context"), (split, "metadata_keys")] {
        let error = Setup::without_plugins(&config)?.fails_to_start()?;
        let words =
            format!("`{key}` names `x-api-key`, in which an authenticator of this configuration looks for a secret");
        ensure!(error.contains(&words) && !error.contains(IN_FILE), "{error}");
    }
    Ok(())
}
