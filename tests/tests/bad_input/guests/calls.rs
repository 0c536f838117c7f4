//! Calls of `process` that break: nothing of them counts, and the instance after them goes on from what was committed.

use anyhow::{Context, Result, ensure};
use otelier_tests::grpc::{self, Refusal};
use otelier_tests::host::{Host, aggregate};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;
use serde_json::json;

use super::{BAD, SEEN, hasty, misbehaving, send_good, setup, traps};

fn send_bad(host: &Host<'_>) -> Result<Refusal> {
    host.grpc()?.send(grpc::METRICS, &payload::work("bad", Temporality::Delta, &[1, BAD, 2])).refusal()
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
    breaks_alone("memory-bomb", "more memory than `memory_mib`").context("memory-bomb")?;
    // Which of a guest's two stacks ends first, its own or the one in its memory, is the compiler's choice.
    breaks_alone("deep-recursion", "").context("deep-recursion")
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
fn a_gigabyte_of_log_is_cut_counted_and_told_once() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "60s", "log_bytes": 10_000}});
    let setup = setup(&misbehaving("log-gigabyte"), entry)?;
    let host = setup.start()?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 3.0)?;
    let log = wait::until("the log says what was left out", || {
        let log = setup.log();
        Ok(log.contains("`log_bytes` of the manifest").then_some(log))
    })?;
    assert!(log.matches("xxxx").count() > 0 && log.matches('x').count() < 11_000, "{} bytes of log", log.len());
    assert_eq!(log.matches("`log_bytes` of the manifest").count(), 1);
    let left_out = (1_u64 << 30) - 10_000;
    assert!(log.contains("lines=1024") && log.contains(&format!("bytes={left_out}")), "{}", log.replace("xxxx", ""));
    Ok(())
}

#[test]
fn a_call_that_asks_for_ever_is_ended() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "60s", "host_calls": 10_000}});
    let setup = setup(&misbehaving("call-for-ever"), entry)?;
    let host = setup.start()?;
    for attempt in 1..=2 {
        send_good(&host)?;
        let refusal = send_bad(&host)?;
        ensure!(refusal.message.contains("too many host calls: more than 10000 imports"), "{refusal:?}");
        ensure!(traps(&host)? == f64::from(attempt), "{} traps are counted", traps(&host)?);
    }
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(host.health()?.status == 200, "{}", host.health()?.text());
    Ok(())
}

/// The quota is reached, and what was there before can still be written over: the count goes on, and after a kill as well.
#[test]
fn a_store_that_is_full_goes_on() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "10s", "storage_mib": 4}});
    let setup = setup(&misbehaving("store-until-full"), entry)?;
    let host = setup.start()?;
    for _ in 0..3 {
        send_good(&host)?;
        host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    }
    host.wait_for(SEEN, &[], 9.0)?;
    host.kill()?;
    let host = setup.start()?;
    host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    send_good(&host)?;
    host.wait_for(SEEN, &[], 12.0)?;
    ensure!(traps(&host)? == 0.0, "it went on writing");
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
