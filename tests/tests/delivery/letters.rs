//! Dead letters from the command line: what a destination refuses for good is kept, shown, sent again or thrown away.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::Setup;
use otelier_tests::{grpc, payload, wait};
use serde_json::json;

use crate::forwarding;

#[test]
fn a_refused_batch_is_kept_shown_and_sent_again() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    // One after the other, so that the first is the first.
    let body = json!({"sending_queue": {"storage": "rocksdb", "num_consumers": 1}});
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &body))?;
    let host = setup.start()?;
    for text in ["first poison", "second poison"] {
        let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[text]));
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
    }
    wait::until("both are dead letters", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(2.0)).then_some(()))
    })?;
    let list = setup.prints(&["dlq", "ls"])?;
    ensure!(list.matches("otlphttp").count() == 2 && list.contains("400") && list.contains("permanent"), "{list}");
    ensure!(list.contains("\n2 dead letters: 2 items, "), "{list}");
    let shown = setup.prints(&["dlq", "show", "0"])?;
    ensure!(shown.contains("first poison") && shown.contains("reason: "), "{shown}");
    let error = setup.is_told(&["dlq", "show", "7"])?;
    ensure!(error.contains("there is no dead letter 7"), "{error}");
    let replayed = setup.prints(&["dlq", "drop", "1"])?;
    ensure!(replayed == "1 dead letter dropped\n", "{replayed}");
    downstream.follow(|_| Fate::Taken);
    let replayed = setup.prints(&["dlq", "replay", "--exporter", "otlphttp"])?;
    ensure!(replayed == "1 dead letter put back into the queue of their exporter\n", "{replayed}");
    wait::until("it arrives", || Ok(downstream.memory().taken.contains_key("first poison").then_some(())))?;
    ensure!(!downstream.memory().taken.contains_key("second poison"));
    ensure!(setup.prints(&["dlq", "ls"])? == "there are no dead letters\n");
    Ok(())
}

#[test]
fn without_a_host_the_store_itself_is_read() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let setup = Setup::without_plugins(&forwarding("otlp", downstream.address(), &json!({})))?;
    let host = setup.start()?;
    ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&["poison"])).is_acknowledged());
    wait::until("it is a dead letter", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(1.0)).then_some(()))
    })?;
    host.kill()?;
    let shown = setup.prints(&["dlq", "show", "0"])?;
    ensure!(shown.contains("poison"), "{shown}");
    let error = setup.is_told(&["dlq", "replay", "--all"])?;
    ensure!(error.contains("no collector is running"), "{error}");
    ensure!(setup.prints(&["dlq", "drop", "--all"])? == "1 dead letter dropped\n");
    Ok(())
}
