//! A guest on a standard library with WASI: it has a clock that stands, random numbers that come again, lines in the log, and nothing else.

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, beside_aggregate, restarted};
use otelier_tests::host::{Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, wait};
use serde_json::{Value, json};

fn setup(then: &str, entry: Value) -> Result<Setup> {
    setup_of("wasi", json!({"then": then}), entry)
}

fn setup_of(guest: &str, body: Value, entry: Value) -> Result<Setup> {
    let (file, neighbour) = (environment::guest(guest)?, environment::plugin("aggregate")?);
    let plugins = manifest(&[(guest, &file, entry), ("aggregate", &neighbour, json!({}))]);
    Setup::new(&beside_aggregate(guest, body).text(), &plugins)
}

/// What the guest of a new host says of what it has, up to the line that has no end.
fn seen() -> Result<String> {
    let setup = setup("look", json!({}))?;
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    wait::until("the last line is there", || {
        let log = setup.log();
        Ok(log.contains("a line without an end").then_some(log))
    })
}

#[test]
fn what_it_has_is_the_same_each_time() -> Result<()> {
    let log = seen()?;
    for expected in [
        "INFO clock is the call's: true component=wasi",
        "clock stands: true",
        "a map has 1 entries",
        "environment: 0, arguments: 0",
        "file: false",
        "connection: false",
        "input: false",
        "WARN a line without an end component=wasi",
    ] {
        ensure!(log.contains(expected), "no `{expected}`: {log}");
    }
    let random = |log: &str| -> Result<String> {
        Ok(log.lines().find_map(|line| line.split("random: ").nth(1)).context("no random number")?.to_owned())
    };
    ensure!(random(&log)? == random(&seen()?)?, "another number in another process");
    Ok(())
}

#[test]
fn what_it_has_not_ends_the_call_and_nothing_else() -> Result<()> {
    for (then, says) in [
        ("exit", "wasi:cli/exit: a plugin cannot end its host"),
        ("sleep", "WASI is virtual here, without files, sockets and waiting: wasi:"),
        ("panic", "as the configuration asks for"),
    ] {
        ends_the_call(&setup(then, json!({}))?, says).context(then)?;
    }
    Ok(())
}

#[test]
fn a_guest_that_keeps_every_handle_is_ended() -> Result<()> {
    ends_the_call(&setup_of("handle-flood", json!({}), json!({}))?, "store handle limit exceeded")
}

fn ends_the_call(setup: &Setup, says: &str) -> Result<()> {
    let host = setup.start()?;
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    let letters = setup.prints(&["dlq", "ls", "--json"])?;
    ensure!(letters.lines().count() == 1 && letters.contains(says), "{letters}");
    after(&host, &[("a", 1.0)])?;
    host.kill()?;
    restarted(setup, &[("a", 1.0)]).map(drop)
}

#[test]
fn it_is_granted_or_not() -> Result<()> {
    let error = setup("look", json!({"grants": {"interfaces": ["log", "storage"]}}))?.fails_to_start()?;
    ensure!(error.contains("imports wasi:") && error.contains("add `wasi` to `interfaces`"), "{error}");
    Ok(())
}
