//! Versions that cannot run: the one that runs goes on, with its state, and the reason is told. Beside the plugin runs another one, which
//! notices nothing.

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, beside_aggregate, restarted};
use otelier_tests::component::{self, AT_INSTANTIATION};
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::{Value, json};

use crate::{Plugin, swaps, until_swaps, while_sent};

const SEEN: &str = "rows_seen_total";

const GUEST: &str = "guest";

/// Rows of this value break it.
const BAD: i64 = 666;

fn setup(plugin: &Plugin, body: Value) -> Result<Setup> {
    setup_as(plugin, body, json!({}))
}

fn setup_as(plugin: &Plugin, body: Value, entry: Value) -> Result<Setup> {
    let neighbour = environment::plugin("aggregate")?;
    let plugins = manifest(&[(GUEST, &plugin.file, entry), ("aggregate", &neighbour, json!({}))]);
    Setup::new(&beside_aggregate(GUEST, body).text(), &plugins)
}

/// A guest of the tests takes the place of the one that runs.
fn becomes(plugin: &Plugin, guest: &str) -> Result<()> {
    plugin.exchange(&std::fs::read(environment::guest(guest)?)?)
}

/// The log says that a version is refused, and why.
fn is_told(setup: &Setup, words: &str) -> Result<()> {
    wait::until(&format!("the log says {words}"), || {
        let log = setup.log();
        Ok((log.contains("is refused") && log.contains("runs on") && log.contains(words)).then_some(()))
    })
}

/// The history has the reason of the last refusal.
fn is_kept(setup: &Setup, words: &str) -> Result<()> {
    let history = otelier::updates::read_history(setup.state())?;
    let last = history.last().context("nothing is in the history")?;
    let reason = last["reason"].as_str().unwrap_or_default();
    ensure!(last["outcome"] == "refused" && reason.contains(words), "{words} is not in {last:#}");
    Ok(())
}

/// So many rows are seen, of one point each with the value 1, by both plugins, and by the host's successor at its first scrape, which has
/// the honest version again.
fn goes_on_from(plugin: &Plugin, setup: &Setup, host: Host<'_>, rows: f64) -> Result<()> {
    let sums = [("a", rows)];
    host.wait_for(SEEN, &[], rows)?;
    after(&host, &sums)?;
    host.kill()?;
    becomes(plugin, "honest")?;
    let host = restarted(setup, &sums)?;
    let shown = host.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(rows), "{shown:?} after the restart");
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    host.wait_for(SEEN, &[], rows + 1.0)?;
    after(&host, &[("a", rows + 1.0)])
}

/// Sends two rows again and again while something else goes on, one of them bad. Returns how many requests were accepted.
fn while_bad_rows_come(host: &Host<'_>, other: impl FnOnce() -> Result<()>) -> Result<f64> {
    while_sent(host, &payload::work("a", Temporality::Delta, &[1, BAD]), other)
}

/// A new version follows the running one before it takes over: what it breaks on there costs nobody anything.
#[test]
fn a_version_that_breaks_on_what_the_running_one_takes() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let body = json!({"way": "after-write", "when": BAD, "start_slowly": 500_000_000, "metrics": ["work.done"]});
    let setup = setup(&plugin, body)?;
    let host = setup.start()?;
    let sent = while_bad_rows_come(&host, || {
        becomes(&plugin, "trap")?;
        until_swaps(&host, GUEST, "refused", 1.0)
    })?;
    host.wait_for(SEEN, &[], sent * 2.0)?;
    is_told(&setup, "trapped")?;
    ensure!(host.own_metrics()?.total("otelier_processor_traps", &[]) == 0.0);
    let sums = [("a", sent * 667.0)];
    after(&host, &sums)?;
    host.kill()?;
    becomes(&plugin, "honest")?;
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(sent * 2.0), "{shown:?} after the restart");
    Ok(())
}

/// One that breaks again and again cannot be followed for long: the mended version takes its place all the same.
#[test]
fn a_version_takes_over_from_one_that_breaks_on_every_request() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("trap")?)?;
    let setup = setup(&plugin, json!({"way": "after-write", "when": BAD, "metrics": ["work.done"]}))?;
    let host = setup.start()?;
    let sent = while_bad_rows_come(&host, || {
        becomes(&plugin, "honest")?;
        until_swaps(&host, GUEST, "swapped", 1.0)
    })?;
    let poison = host.own_metrics()?.total("otelier_processor_dropped_items", &[("reason", "poison")]);
    ensure!(poison > 0.0);
    let (rows, sums) = (sent * 2.0 - poison, [("a", sent * 667.0)]);
    host.wait_for(SEEN, &[], rows)?;
    after(&host, &sums)?;
    host.kill()?;
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(rows), "{shown:?} after the restart");
    Ok(())
}

/// The running version is honest; the next one meets its state.
fn is_refused(guest: &str, words: &str) -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"way": "state", "metrics": ["work.done"]}))?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 1, 1]))?;
    host.wait_for(SEEN, &[], 3.0)?;
    becomes(&plugin, guest)?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_told(&setup, words)?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    ensure!(swaps(&host, GUEST, "swapped")? == 0.0);
    goes_on_from(&plugin, &setup, host, 4.0)
}

#[test]
fn a_version_that_refuses_the_state() -> Result<()> {
    is_refused("decline", "this state is refused, as the configuration asks for")
}

#[test]
fn a_version_that_traps_on_the_state() -> Result<()> {
    is_refused("trap", "trapped")
}

#[test]
fn a_version_that_never_returns_from_its_start() -> Result<()> {
    is_refused("endless-loop", "deadline exceeded")
}

/// It does not come so far as to meet any state.
#[test]
fn a_version_that_declares_too_much() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"way": "huge", "metrics": ["work.done"]}))?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 1, 1]))?;
    becomes(&plugin, "describe-flood")?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_told(&setup, "more than 1024 metric patterns")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    goes_on_from(&plugin, &setup, host, 4.0)
}

/// What the manifest does not grant to the plugin it does not grant to its next version.
#[test]
fn a_version_that_imports_what_is_not_granted() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let grants = json!({"grants": {"interfaces": ["log", "storage"]}});
    let setup = setup_as(&plugin, json!({"metrics": ["work.done"]}), grants)?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 1, 1]))?;
    becomes(&plugin, "wasi")?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_kept(&setup, "imports wasi:")?;
    is_kept(&setup, "which is not granted; add `wasi` to `interfaces`")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    goes_on_from(&plugin, &setup, host, 4.0)
}

/// Nothing of it runs but what a component does by itself: that has limits too, and costs nobody anything.
#[test]
fn versions_that_break_at_their_instantiation() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"metrics": ["work.done"]}))?;
    let host = setup.start()?;
    let mut rows = 0.0;
    for (behind, words) in AT_INSTANTIATION {
        host.accepts(&payload::work("a", Temporality::Delta, &[1, 1]))?;
        rows += 2.0;
        plugin.exchange(&component::with(&plugin.component, behind)?)?;
        until_swaps(&host, GUEST, "refused", rows / 2.0).with_context(|| format!("{behind:?}"))?;
        is_kept(&setup, words).with_context(|| format!("{behind:?}"))?;
        host.wait_for(SEEN, &[], rows)?;
        after(&host, &[("a", rows)]).with_context(|| format!("{behind:?}"))?;
    }
    goes_on_from(&plugin, &setup, host, rows)
}

/// Its pipeline answers and orders requests as one without state does.
#[test]
fn a_version_that_begins_to_keep_state() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("stateless")?)?;
    let setup = setup(&plugin, json!({"metrics": ["work.done"]}))?;
    let host = setup.start()?;
    becomes(&plugin, "honest")?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_told(&setup, "this version keeps state, and the collector was started with one that keeps none; restart")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    after(&host, &[("a", 1.0)])?;
    host.kill()?;
    let host = restarted(&setup, &[("a", 1.0)])?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 2]))?;
    host.wait_for(SEEN, &[], 2.0)?;
    // The other way round is no trouble.
    becomes(&plugin, "stateless")?;
    until_swaps(&host, GUEST, "swapped", 1.0)?;
    after(&host, &[("a", 4.0)])
}

#[test]
fn a_file_that_is_no_plugin() -> Result<()> {
    let plugin = Plugin::copy(&environment::guest("honest")?)?;
    let setup = setup(&plugin, json!({"metrics": ["work.done"]}))?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1, 1, 1]))?;
    plugin.exchange(b"<html>not found</html>")?;
    until_swaps(&host, GUEST, "refused", 1.0)?;
    is_kept(&setup, "is no WebAssembly component")?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    goes_on_from(&plugin, &setup, host, 4.0)
}
