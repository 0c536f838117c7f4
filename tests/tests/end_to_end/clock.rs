//! A wall clock that is set under plugins that keep state: what they count, and what expires, goes by the steady clock.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup, aggregate, manifest};
use otelier_tests::jumping_clock::JumpingClock;
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, versions, wait};
use serde_json::json;

const DAY_S: i64 = 24 * 3600;
const TOTAL: &str = "work_done_batched_total";

/// A day forth and back, to 1970, and to the year 2100.
fn jumps() -> [(&'static str, i64); 5] {
    let now = i64::try_from(payload::now() / 1_000_000_000).unwrap_or_default();
    [("forth", DAY_S), ("back", -DAY_S), ("1970", 3600 - now), ("2100", 4_102_444_800 - now), ("right", 0)]
}

fn launched(setup: Setup, clock: &JumpingClock) -> Setup {
    let words = clock.words();
    setup.launched_by(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn expiring(after: &str) -> Configuration {
    let mut body = aggregate();
    body["expire_after"] = json!(after);
    Configuration::aggregate()
        .set("processors/aggregate", body)
        .set("exporters/prometheus/metric_expiration", json!("5s"))
}

/// A delta and a cumulative point of the same moment.
fn sends(host: &Host<'_>, start: u64, round: i64) -> Result<()> {
    let delta = payload::integer(1, &[("work.type", "delta")]);
    let total = payload::since(start, payload::integer(10 * round, &[("work.type", "cumulative")]));
    host.accepts(&payload::metrics(vec![
        payload::counter("work.done", Temporality::Delta, vec![delta]),
        payload::counter("work.done", Temporality::Cumulative, vec![total]),
    ]))
}

#[test]
fn a_wall_clock_that_is_set_loses_no_increment_and_delays_no_flush() -> Result<()> {
    let clock = JumpingClock::new()?;
    let setup = launched(Setup::with_aggregate(&expiring("10m"))?, &clock);
    let mut host = setup.start()?;
    let start = payload::now();
    let (mut round, mut before) = (0, 0);
    for (name, shift) in jumps() {
        clock.set(shift)?;
        round += 1;
        sends(&host, start, round)?;
        let totals = [("delta", round as f64), ("cumulative", 10.0 * round as f64)];
        for is_restarted in [false, true] {
            if is_restarted {
                host.kill()?;
                host = setup.start()?;
            }
            // To the exporter, whose memory is gone with a restart, points of an earlier time are old ones.
            if is_restarted || shift > before {
                for (work_type, total) in totals {
                    host.wait_for(TOTAL, &[("work_type", work_type)], total).context(name)?;
                }
            }
        }
        before = shift;
    }
    Ok(())
}

#[test]
fn what_falls_silent_expires_whatever_the_wall_clock_shows() -> Result<()> {
    for (name, shift) in jumps().into_iter().take(4) {
        let clock = JumpingClock::new()?;
        let setup = launched(Setup::with_aggregate(&expiring("2s"))?, &clock);
        let host = setup.start()?;
        sends(&host, payload::now(), 1)?;
        host.wait_for(TOTAL, &[("work_type", "delta")], 1.0).context(name)?;
        clock.set(shift)?;
        // Not emitted any more, for longer than a flush takes to come.
        wait::within(Duration::from_secs(60), "the series has expired", || {
            Ok(host.scrape()?.value(TOTAL, &[("work_type", "delta")]).is_none().then_some(()))
        })
        .context(name)?;
    }
    Ok(())
}

fn shown(host: &Host<'_>, name: &str) -> Result<f64> {
    wait::until(name, || Ok(host.scrape()?.value(name, &[])))
}

/// The steady clock in milliseconds, which a call has seen after this function was called.
fn steady_ms(host: &Host<'_>) -> Result<f64> {
    let before = shown(host, "steady_ms")?;
    wait::until("the clock goes on", || Ok(Some(shown(host, "steady_ms")?).filter(|now| *now > before)))
}

#[test]
fn the_steady_clock_goes_on_over_swaps_crashes_and_restarts_and_stands_still_while_the_host_is_down() -> Result<()> {
    let clock = JumpingClock::new()?;
    let component = std::fs::read(environment::guest("stopwatch")?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("stopwatch.wasm");
    std::fs::write(&file, &component)?;
    let configuration = Configuration::default().processor("stopwatch", json!({"metrics": ["work.*"]})).pipeline(
        "metrics",
        &["stopwatch"],
        &["prometheus"],
    );
    let setup = Setup::new(&configuration.text(), &manifest(&[("stopwatch", &file, json!({}))]))?;
    let setup = launched(setup, &clock);
    let mut spawned = Instant::now();
    let mut host = setup.start()?;
    let mut before = 0.0;
    for (name, shift) in jumps() {
        clock.set(shift)?;
        host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
        versions::exchange(&file, &versions::labelled(&component, name))?;
        let labels = [("plugin", "stopwatch"), ("outcome", "swapped")];
        wait::until(name, || Ok((host.own_metrics()?.total("otelier_plugin_swaps", &labels) > 0.0).then_some(())))?;
        let last = steady_ms(&host)?;
        ensure!(last > before, "{name}: {last} behind {before}");
        ensure!(last - before < spawned.elapsed().as_secs_f64() * 1e3 + 60.0, "{name}: from {before} to {last}");
        let seen = Instant::now();
        if name == "2100" {
            ensure!(host.terminate()?.success())
        } else {
            host.kill()?
        }
        let between = seen.elapsed();
        // Down for longer than a start takes to be noticed.
        std::thread::sleep(Duration::from_secs(2));
        spawned = Instant::now();
        host = setup.start()?;
        let next = steady_ms(&host)?;
        let up = (spawned.elapsed() + between).as_secs_f64() * 1e3 + 60.0;
        ensure!(next > last - 60.0 && next - last < up, "{name}: from {last} to {next} in {up} ms");
        before = next;
    }
    ensure!(shown(&host, "went_back")? == 0.0, "it went back");
    Ok(())
}
