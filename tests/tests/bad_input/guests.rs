//! Plugins that break: each way of breaking costs that call and nothing else. The guest `misbehave` counts rows in its
//! state, so a test can see what a failed call left behind; it breaks when a row has the value 666.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use otelier_tests::grpc::{self, Refusal};
use otelier_tests::host::{Configuration, Host, Setup, aggregate, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::{Value, json};

const SEEN: &str = "rows_seen_total";
const TRAPS: &str = "otelier_processor_traps";
const BAD: i64 = 666;

fn setup(config: &Configuration, entry: Value) -> Result<Setup> {
    let (guest, plugin) = (environment::guest("misbehave")?, environment::plugin("aggregate")?);
    let plugins = manifest(&[("misbehave", &guest, entry), ("aggregate", &plugin, json!({}))]);
    Setup::new(&config.text(), &plugins)
}

/// A call may take this long: nothing for a machine that is busy, and for ever for one that waits.
fn hasty() -> Value {
    json!({"limits": {"call_timeout": "500ms"}})
}

fn misbehaving(mode: &str) -> Configuration {
    let body = json!({"mode": mode, "when": BAD, "metrics": ["work.done"]});
    Configuration::default().processor("misbehave", body).pipeline("metrics", &["misbehave"], &["prometheus"])
}

fn send_bad(host: &Host<'_>) -> Result<Refusal> {
    host.grpc()?.send(grpc::METRICS, &payload::work("bad", Temporality::Delta, &[1, BAD, 2])).refusal()
}

fn send_good(host: &Host<'_>) -> Result<()> {
    host.accepts(&payload::work("good", Temporality::Delta, &[1, 2]))
}

fn traps(host: &Host<'_>) -> Result<f64> {
    Ok(host.own_metrics()?.total(TRAPS, &[("processor", "misbehave")]))
}

/// Good, bad, good: the bad is refused, the good counts, after a kill as well.
fn breaks_alone(mode: &str, says: &str) -> Result<()> {
    let setup = setup(&misbehaving(mode), hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    for attempt in 1..=2 {
        let refusal = send_bad(&host)?;
        ensure!(refusal.code == grpc::UNAVAILABLE && refusal.retry_after.is_some(), "{refusal:?}");
        ensure!(refusal.message.contains("processor misbehave failed on this request"), "{refusal:?}");
        ensure!(refusal.message.contains(says), "{says} is not in {refusal:?}");
        ensure!(traps(&host)? == f64::from(attempt), "{} traps are counted", traps(&host)?);
        ensure!(host.refused("grpc", "unavailable")? == f64::from(attempt), "the refusal is not counted");
        send_good(&host)?;
    }
    host.wait_for(SEEN, &[], 6.0)?;
    ensure!(host.health()?.status == 200, "{}", host.health()?.text());
    host.kill()?;
    let shown = setup.start()?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(6.0), "{shown:?} after the kill");
    Ok(())
}

#[test]
fn a_call_that_panics_leaves_nothing_behind() -> Result<()> {
    for mode in ["trap-in-process", "trap-after-write"] {
        breaks_alone(mode, "trapped").context(mode)?;
    }
    Ok(())
}

#[test]
fn a_call_that_never_returns_is_ended() -> Result<()> {
    for mode in ["loop-in-process", "loop-after-write"] {
        breaks_alone(mode, "deadline exceeded").context(mode)?;
    }
    Ok(())
}

#[test]
fn a_call_that_takes_too_much_is_ended() -> Result<()> {
    for (mode, says) in [("memory-bomb", "out of memory"), ("deep-recursion", "stack overflow")] {
        breaks_alone(mode, says).context(mode)?;
    }
    Ok(())
}

#[test]
fn results_that_break_the_contract_are_discarded_whole() -> Result<()> {
    for mode in [
        "emit-bad-code",
        "emit-bad-descriptor",
        "emit-too-much",
        "emit-uneven",
        "undeclared-column",
        "pull-twice",
        "drop-beyond",
        "drop-and-absorb",
        "intern-bad-key",
        "declare-in-process",
    ] {
        breaks_alone(mode, "contract violated").context(mode)?;
    }
    Ok(())
}

/// Good, bad, good for a guest that says itself that it fails.
fn declines(mode: &str, code: u32, reason: &str, says: &str) -> Result<()> {
    let setup = setup(&misbehaving(mode), hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?;
    ensure!(refusal.code == code && refusal.message.contains(says), "{refusal:?}");
    ensure!(refusal.retry_after.is_some() == (code == grpc::UNAVAILABLE), "{refusal:?}");
    ensure!(host.refused("grpc", reason)? == 1.0 && traps(&host)? == 0.0, "{reason} is not counted, or as a trap");
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    host.kill()?;
    let shown = setup.start()?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(4.0), "{shown:?} after the kill");
    Ok(())
}

#[test]
fn a_guest_that_declines_is_heard() -> Result<()> {
    declines("fail", grpc::UNAVAILABLE, "unavailable", "processor misbehave: not now")?;
    declines("fail-for-good", grpc::INVALID_ARGUMENT, "declined", "processor misbehave: never")
}

#[test]
fn a_call_that_writes_more_than_it_may_is_declined() -> Result<()> {
    let setup = setup(&misbehaving("write-too-much"), hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?;
    assert!(refusal.message.contains("processor misbehave"), "{refusal:?}");
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)
}

#[test]
fn a_flood_of_log_lines_is_cut() -> Result<()> {
    let setup = setup(&misbehaving("log-flood"), hasty())?;
    let host = setup.start()?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    host.wait_for(SEEN, &[], 1.0)?;
    let log = setup.log();
    assert!(log.contains("line 1") && !log.contains("line 999"), "{}", log.len());
    assert!(log.len() < 64 * 5 * 1024, "{} bytes of log", log.len());
    Ok(())
}

#[test]
fn on_trap_pass_lets_the_batch_go_on_and_drop_drops_it() -> Result<()> {
    for (on_trap, passes) in [("pass", true), ("drop", false)] {
        let entry = json!({"on_trap": on_trap, "limits": {"call_timeout": "500ms"}});
        let setup = setup(&misbehaving("trap-after-write"), entry)?;
        let host = setup.start()?;
        send_good(&host)?;
        host.accepts(&payload::work("bad", Temporality::Delta, &[1, BAD, 2]))?;
        send_good(&host)?;
        host.wait_for(SEEN, &[], 4.0)?;
        wait::until("the exporter has what passed", || {
            let shown =
                host.scrape()?.named("work_done_total").filter(|sample| sample.labels["work_type"] == "bad").count();
            Ok((shown == if passes { 3 } else { 0 }).then_some(()))
        })
        .context(on_trap)?;
        let own = host.own_metrics()?;
        let of = |name| own.total(name, &[("processor", "misbehave")]);
        let dropped = own.total("otelier_processor_dropped_items", &[("processor", "misbehave"), ("reason", "trap")]);
        assert_eq!(dropped, if passes { 0.0 } else { 3.0 }, "{on_trap}");
        assert_eq!(of("otelcol_processor_incoming_items"), 7.0, "{on_trap}");
        let went = of("otelcol_processor_outgoing_items")
            + of("otelier_processor_absorbed_items")
            + of("otelier_processor_dropped_items");
        assert_eq!(went, 7.0 + of("otelier_processor_emitted_items"), "{on_trap}");
    }
    Ok(())
}

/// The start fails for a guest that breaks then, with the file and line of its configuration or its component id.
#[test]
fn a_guest_that_breaks_before_it_runs_keeps_the_host_from_starting() -> Result<()> {
    for (mode, says) in [
        ("trap-in-describe", "trapped"),
        ("loop-in-describe", "deadline exceeded"),
        ("fail-in-describe", "this configuration is refused, as it asks for"),
        ("bad-pattern", "a["),
        ("trap-in-start", "trapped"),
        ("loop-in-start", "deadline exceeded"),
    ] {
        let setup = setup(&misbehaving(mode), hasty())?;
        let error = setup.fails_to_start().context(mode)?;
        assert!(error.contains("processor misbehave: ") && error.contains(says), "{mode}: {error}");
        if !mode.ends_with("start") {
            assert!(error.contains("config.yaml:"), "{mode}: {error}");
            assert!(!setup.state().exists(), "{mode}: the state was touched");
        }
    }
    Ok(())
}

#[test]
fn a_guest_that_refuses_its_state_keeps_the_host_from_starting_and_the_state_stays() -> Result<()> {
    let setup = setup(&misbehaving("behave"), hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    host.kill()?;
    setup.reconfigure(&misbehaving("fail-in-start"))?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("processor misbehave: this state is refused"), "{error}");
    setup.reconfigure(&misbehaving("behave"))?;
    assert_eq!(setup.start()?.scrape()?.value(SEEN, &[]), Some(2.0));
    Ok(())
}

/// A flush that breaks costs what it would have shown, and no points: they are in the state. It is tried again at its
/// interval, and not without a pause.
#[test]
fn a_flush_that_breaks_loses_no_points() -> Result<()> {
    for mode in ["trap-in-flush", "loop-in-flush", "flush-forever"] {
        let setup = setup(&misbehaving(mode), hasty())?;
        let host = setup.start().context(mode)?;
        let since = Instant::now();
        send_until_accepted(&host).context(mode)?;
        if mode != "flush-forever" {
            wait::until("the trap is counted", || Ok((traps(&host)? >= 1.0).then_some(()))).context(mode)?;
        }
        send_until_accepted(&host).context(mode)?;
        // The guest asks for a flush every 200 ms.
        let tries = 10.0 + since.elapsed().as_secs_f64() * 10.0;
        let traps = traps(&host)?;
        assert!(traps < tries, "{mode}: {traps} flushes were tried in {:?}", since.elapsed());
        // It drains all the same.
        assert_eq!(host.terminate().context(mode)?.code(), Some(0), "{mode}");
        setup.reconfigure(&misbehaving("behave"))?;
        assert_eq!(setup.start()?.scrape()?.value(SEEN, &[]), Some(4.0), "{mode}");
    }
    Ok(())
}

/// A request goes through two pipelines; when the second refuses it, the first has not counted it.
#[test]
fn a_request_counts_in_all_pipelines_or_in_none() -> Result<()> {
    let config = misbehaving("trap-after-write")
        .pipeline("metrics", &["aggregate"], &["prometheus"])
        .processor("aggregate", aggregate())
        .pipeline("metrics/second", &["misbehave"], &["prometheus"]);
    let setup = setup(&config, hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    let refusal = send_bad(&host)?;
    assert_eq!(refusal.code, grpc::UNAVAILABLE, "{refusal:?}");
    send_good(&host)?;
    let check = |host: &Host<'_>| -> Result<()> {
        let scrape = host.scrape()?;
        let total = |work_type| scrape.value("work_done_batched_total", &[("work_type", work_type)]);
        ensure!((total("good"), total("bad")) == (Some(6.0), None), "{scrape:#?}");
        ensure!(scrape.value(SEEN, &[]) == Some(4.0), "{scrape:#?}");
        Ok(())
    };
    wait::until("both have counted the good ones", || check(&host).map(Some))?;
    host.kill()?;
    check(&setup.start()?)
}

/// One connection sends what loops, the others what is good: each gets its own answer.
#[test]
fn a_call_that_loops_is_no_answer_to_others() -> Result<()> {
    let setup = setup(&misbehaving("loop-in-process"), hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    std::thread::scope(|scope| -> Result<()> {
        let bad = scope.spawn(|| send_bad(&host));
        let good: Vec<_> = (0..4).map(|_| scope.spawn(|| send_until_accepted(&host))).collect();
        for sender in good {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        let refusal = bad.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        ensure!(refusal.message.contains("deadline exceeded"), "{refusal:?}");
        Ok(())
    })?;
    host.wait_for(SEEN, &[], 10.0)
}

/// A request that ran before the loop, and was not committed yet, is refused with it: its sender tries again.
fn send_until_accepted(host: &Host<'_>) -> Result<()> {
    let (mut client, request) = (host.grpc()?, payload::work("good", Temporality::Delta, &[1, 2]));
    wait::until("it is accepted", || Ok(client.send(grpc::METRICS, &request).is_acknowledged().then_some(())))
}
