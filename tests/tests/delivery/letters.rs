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

/// Each finds all letters in its list, and takes a letter only where the other has not.
#[test]
fn two_commands_that_replay_the_same_letters_send_each_once() -> Result<()> {
    const LETTERS: usize = 150;
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &json!({})))?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    let texts: Vec<String> = (0..LETTERS).map(|number| format!("letter {number}")).collect();
    for text in &texts {
        ensure!(client.send(grpc::LOGS, &payload::logs(&[text])).is_acknowledged());
    }
    wait::until("all are dead letters", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(LETTERS as f64)).then_some(()))
    })?;
    downstream.follow(|_| Fate::Taken);
    let replay = || setup.prints(&["dlq", "replay", "--all"]);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(replay);
        (replay(), one.join())
    });
    let (one, other) = (one?, other.map_err(|_| anyhow::anyhow!("a command panicked"))??);
    let queued = |said: &str| -> Option<usize> {
        let line = said.lines().find(|line| line.contains("put back into the queue"))?;
        line.split(' ').next()?.parse().ok()
    };
    let all = queued(&one).unwrap_or(0) + queued(&other).unwrap_or(0);
    ensure!(all == LETTERS, "{LETTERS} letters, of which two commands say:\n{one}\n{other}");
    wait::until("all have arrived", || Ok((downstream.memory().taken.len() == LETTERS).then_some(())))?;
    ensure!(setup.prints(&["dlq", "ls"])? == "there are no dead letters\n");
    // Whatever is still on its way arrives before the end.
    ensure!(host.terminate()?.success());
    let memory = downstream.memory();
    let twice: Vec<&String> = memory.taken.iter().filter(|(_, times)| times.len() > 1).map(|(text, _)| text).collect();
    ensure!(twice.is_empty(), "sent twice: {twice:?}");
    Ok(())
}

#[test]
fn numbers_of_letters_go_on_when_all_are_gone_and_the_host_starts_again() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Refused)?;
    let setup = Setup::without_plugins(&forwarding("otlphttp", downstream.address(), &json!({})))?;
    for number in 0..3 {
        let host = setup.start()?;
        ensure!(host.grpc()?.send(grpc::LOGS, &payload::logs(&["poison"])).is_acknowledged());
        wait::until("it is a dead letter", || {
            Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(1.0)).then_some(()))
        })?;
        host.kill()?;
        let list = setup.prints(&["dlq", "ls"])?;
        ensure!(list.lines().nth(1).is_some_and(|row| row.trim_start().starts_with(&number.to_string())), "{list}");
        ensure!(setup.prints(&["dlq", "drop", &number.to_string()])? == "1 dead letter dropped\n");
    }
    Ok(())
}
