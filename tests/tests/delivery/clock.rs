//! A wall clock that is set forwards and back under a host with a queue: nothing is given up, held back or reordered for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::jumping_clock::JumpingClock;
use otelier_tests::{environment, grpc, payload, wait};
use serde_json::json;

use crate::forwarding;

const DAY_S: i64 = 24 * 3600;

/// Where the clock jumps to, and the record that is sent then.
const JUMPS: [(&str, i64); 4] =
    [("right", 0), ("a day ahead", DAY_S), ("a day behind", -DAY_S), ("ten years ahead", 3650 * DAY_S)];

/// A destination that fails, and the clock of the hosts that send to it through a queue and a breaker.
struct Jumping {
    downstream: Downstream,
    clock: JumpingClock,
    setup: Setup,
}

impl Jumping {
    fn new() -> Result<Jumping> {
        let downstream = Downstream::start(|_| Fate::Unavailable)?;
        // An hour of retries: by the wall clock it would be over at once.
        let retries = json!({"initial_interval": "10ms", "max_interval": "50ms", "max_elapsed_time": "1h"});
        let queue =
            json!({"storage": "rocksdb", "num_consumers": 1, "batch": {"flush_timeout": "20ms", "min_size": 1}});
        let body = json!({"retry_on_failure": retries, "sending_queue": queue, "breaker": "consecutive-failures"});
        let configuration = forwarding("otlphttp", downstream.address(), &body)
            .set("extensions/consecutive-failures", json!({"timeout": "100ms"}))
            .set("service/extensions", json!(["health_check", "rocksdb", "consecutive-failures"]));
        let clock = JumpingClock::new()?;
        let words = clock.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let plugin = environment::plugin("consecutive-failures")?;
        let manifest = manifest(&[("consecutive-failures", &plugin, json!({"world": "breaker-policy@0.1.0"}))]);
        let setup = Setup::new(&configuration.text(), &manifest)?.launched_by(&words);
        Ok(Jumping { downstream, clock, setup })
    }

    /// Sends a record after each jump, while the destination fails.
    fn jumps(&self, host: &Host<'_>) -> Result<()> {
        for (text, shift) in JUMPS {
            self.clock.set(shift)?;
            sends(host, text)?;
            let before = self.attempts();
            wait::until("the destination is tried again", || Ok((self.attempts() > before + 1).then_some(())))?;
        }
        Ok(())
    }

    fn attempts(&self) -> u64 {
        self.downstream.memory().fates.values().sum()
    }

    /// Once the destination works and the clock is a day behind, what waited arrives.
    fn recovers(&self) -> Result<()> {
        self.clock.set(-DAY_S)?;
        self.downstream.follow(|_| Fate::Taken);
        JUMPS.iter().try_for_each(|(text, _)| self.arrives(text))
    }

    fn arrives(&self, text: &str) -> Result<()> {
        wait::within(Duration::from_secs(30), "it arrives", || {
            Ok(self.downstream.memory().taken.contains_key(text).then_some(()))
        })
    }
}

fn sends(host: &Host<'_>, text: &str) -> Result<()> {
    let outcome = host.grpc()?.send(grpc::LOGS, &payload::logs(&[text]));
    ensure!(outcome.is_acknowledged(), "{text}: {outcome:?}");
    Ok(())
}

#[test]
fn a_clock_that_jumps_gives_nothing_up() -> Result<()> {
    let jumping = Jumping::new()?;
    let host = jumping.setup.start()?;
    jumping.jumps(&host)?;
    let own = host.own_metrics()?;
    ensure!(own.value("otelier_dead_letters", &[]) == Some(0.0), "given up because of the clock");
    jumping.recovers()
}

/// What is refused for good has the date of the clock that the host has then.
#[test]
fn a_dead_letter_and_a_restart_after_jumps_hold_nothing_back() -> Result<()> {
    let jumping = Jumping::new()?;
    let host = jumping.setup.start()?;
    jumping.jumps(&host)?;
    jumping.recovers()?;
    jumping.downstream.follow(|_| Fate::Refused);
    sends(&host, "poison")?;
    wait::until("it is a dead letter", || {
        Ok((host.own_metrics()?.value("otelier_dead_letters", &[]) == Some(1.0)).then_some(()))
    })?;
    ensure!(host.terminate()?.success());
    jumping.clock.set(DAY_S)?;
    let host = jumping.setup.start()?;
    jumping.downstream.follow(|_| Fate::Taken);
    sends(&host, "after a restart two days later")?;
    jumping.arrives("after a restart two days later")?;
    host.kill()
}
