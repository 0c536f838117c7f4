//! A wall clock that is set forwards and back under a host with a queue: nothing is given up, held back or reordered for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Host, Setup};
use otelier_tests::jumping_clock::JumpingClock;
use otelier_tests::{grpc, payload, wait};
use serde_json::json;

use crate::forwarding;

const DAY_S: i64 = 24 * 3600;

fn sends(host: &Host<'_>, text: &str) -> Result<()> {
    let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[text]));
    ensure!(outcome.is_acknowledged(), "{text}: {outcome:?}");
    Ok(())
}

#[test]
fn a_clock_that_jumps_gives_nothing_up_and_holds_nothing_back() -> Result<()> {
    let downstream = Downstream::start(|_| Fate::Unavailable)?;
    // An hour of retries: by the wall clock it would be over at once.
    let retries = json!({"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "1h"});
    let queue = json!({"storage": "rocksdb", "num_consumers": 1, "batch": {"flush_timeout": "20ms", "min_size": 1}});
    let body = json!({"retry_on_failure": retries, "sending_queue": queue, "breaker": "consecutive-failures"});
    let configuration = forwarding("otlphttp", downstream.address(), &body)
        .set("extensions/consecutive-failures", json!({"timeout": "100ms"}))
        .set("service/extensions", json!(["health_check", "rocksdb", "consecutive-failures"]));
    let clock = JumpingClock::new()?;
    let words = clock.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plugin = otelier_tests::environment::plugin("consecutive-failures")?;
    let manifest =
        otelier_tests::host::manifest(&[("consecutive-failures", &plugin, json!({"world": "breaker-policy@0.1.0"}))]);
    let setup = Setup::new(&configuration.text(), &manifest)?.launched_by(&words);
    let host = setup.start()?;
    let jumps = [("right", 0), ("a day ahead", DAY_S), ("a day behind", -DAY_S), ("ten years ahead", 3650 * DAY_S)];
    for (text, shift) in jumps {
        clock.set(shift)?;
        sends(&host, text)?;
        let before = downstream.memory().fates.values().sum::<u64>();
        wait::until("the destination is tried again", || {
            Ok((downstream.memory().fates.values().sum::<u64>() > before + 1).then_some(()))
        })?;
    }
    let own = host.own_metrics()?;
    ensure!(own.value("otelier_dead_letters", &[]) == Some(0.0), "given up because of the clock");
    clock.set(-DAY_S)?;
    downstream.follow(|_| Fate::Taken);
    for (text, _) in jumps {
        wait::within(Duration::from_secs(30), "it arrives", || {
            Ok(downstream.memory().taken.contains_key(text).then_some(()))
        })?;
    }
    // What is refused for good now has the date of the clock that the host has now.
    downstream.follow(|_| Fate::Refused);
    sends(&host, "poison")?;
    wait::until("it is a dead letter", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(1.0)).then_some(()))
    })?;
    ensure!(host.terminate()?.success());
    clock.set(DAY_S)?;
    let host = setup.start()?;
    downstream.follow(|_| Fate::Taken);
    sends(&host, "after a restart two days later")?;
    wait::until("it arrives", || {
        Ok(downstream.memory().taken.contains_key("after a restart two days later").then_some(()))
    })?;
    host.kill()
}
