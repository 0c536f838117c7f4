//! Calls of `process` that break: the items on which they do become dead letters, everything else counts, once.

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, after_and_down, restarted};
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, grpc, http, versions, wait};
use serde_json::json;

use super::alone::{breaks_alone, letters, poisoned};
use super::{BAD, GUEST, SEEN, beside_aggregate, breaking, hasty, send_bad, send_good, setup, setup_with};

#[test]
fn a_call_that_panics_leaves_nothing_behind() -> Result<()> {
    for guest in ["trap/process", "trap/after-write"] {
        breaks_alone(guest, hasty(), "as the configuration asks for (in <trap::Panic").context(guest)?;
    }
    Ok(())
}

/// The rows of [`send_rare_rows`].
const ALL: f64 = 4.0 * 4000.0;
/// Those of them on which the plugin breaks.
const POISON: f64 = 5.0;

/// Requests that a plugin reads whole, with a bad row here and there.
fn send_rare_rows(host: &Host<'_>) -> Result<()> {
    let bad: [&[usize]; 4] = [&[0], &[3999], &[17, 18, 2500], &[]];
    for places in bad {
        let values: Vec<i64> = (0..4000).map(|row| if places.contains(&row) { BAD } else { 1 }).collect();
        host.accepts(&payload::work("bad", Temporality::Delta, &values))?;
    }
    Ok(())
}

#[test]
fn rare_rows_are_found_in_large_requests() -> Result<()> {
    let setup = setup("trap/after-write", json!({}))?;
    let host = setup.start()?;
    send_rare_rows(&host)?;
    host.wait_for(SEEN, &[], ALL - POISON)?;
    ensure!(poisoned(&host)? == POISON, "{} items are poison", poisoned(&host)?);
    let kept = letters(&setup)?;
    let items: u64 = kept.iter().filter_map(|letter| letter["head"]["items"].as_u64()).sum();
    ensure!(items == 5 && kept.len() == 3, "{kept:#?}");
    // Rows that break it in the same way are one letter.
    let list = setup.prints(&["dlq", "ls"])?;
    ensure!(list.contains(GUEST) && list.contains("poison: trapped: panicked at"), "{list}");
    Ok(())
}

#[test]
fn a_letter_on_which_its_plugin_still_breaks_stays() -> Result<()> {
    let setup = setup("trap/after-write", json!({}))?;
    let host = setup.start()?;
    for _ in 0..3 {
        host.accepts(&payload::work("bad", Temporality::Delta, &[1, BAD, 2]))?;
    }
    let error = setup.is_told(&["dlq", "replay", "--all"])?;
    ensure!(error.contains("dead letter 0 stays") && error.contains("breaks on it"), "{error}");
    ensure!(letters(&setup)?.len() == 3, "a letter is gone that was refused");
    let error = setup.is_told(&["dlq", "replay", "--processor", "other"])?;
    ensure!(error.contains("no dead letter is from processor `other`; there are letters from: guest"), "{error}");
    Ok(())
}

/// What a person does: mend the plugin, and send the letters again.
#[test]
fn letters_count_once_through_a_mended_plugin_and_still_do_after_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("guest.wasm");
    std::fs::copy(environment::guest("trap")?, &file)?;
    let neighbour = environment::plugin("aggregate")?;
    let plugins = manifest(&[(GUEST, &file, json!({})), ("aggregate", &neighbour, json!({}))]);
    let setup = Setup::new(&breaking("trap/after-write").text(), &plugins)?;
    let host = setup.start()?;
    send_rare_rows(&host)?;
    versions::exchange(&file, &std::fs::read(environment::guest("honest")?)?)?;
    let labels = [("plugin", GUEST), ("outcome", "swapped")];
    let swapped = || Ok(host.own_metrics()?.value("otelier_plugin_swaps", &labels));
    wait::until_equal("the mended version runs", &Some(1.0), swapped)?;
    let told = setup.prints(&["dlq", "replay", "--processor", GUEST])?;
    ensure!(told == "3 dead letters sent through their processor, and gone\n", "{told}");
    host.wait_for(SEEN, &[], ALL)?;
    ensure!(letters(&setup)?.is_empty());
    // What went through the mended plugin was with the other one long ago.
    let sums = [("bad", ALL - POISON + POISON * BAD as f64)];
    after(&host, &sums)?;
    host.kill()?;
    ensure!(letters(&setup)?.is_empty());
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(ALL), "{shown:?} after the kill");
    Ok(())
}

/// The promise of a letter does not depend on its pipeline's: nobody else has the item.
#[test]
fn a_letter_is_on_disk_when_its_sender_is_answered() -> Result<()> {
    let config = breaking("trap/process").set("service/pipelines/metrics/durability", json!("memory"));
    let setup = setup_with("trap", &config, hasty())?;
    let host = setup.start()?;
    let outcome = send_bad(&host)?;
    ensure!(outcome.is_acknowledged(), "{outcome:?}");
    host.kill()?;
    ensure!(letters(&setup)?.len() == 1);
    let shown = setup.prints(&["dlq", "show", "0"])?;
    for says in ["processor: guest", "class: poison", "666"] {
        ensure!(shown.contains(says), "{says} is not in {shown}");
    }
    let error = setup.is_told(&["dlq", "replay", "--all"])?;
    ensure!(error.contains("no collector is running"), "{error}");
    Ok(())
}

/// A plugin that breaks on everything: at the third batch in a row it is left alone, and the manifest says what becomes of its batches.
#[test]
fn a_plugin_that_always_breaks_is_left_alone() -> Result<()> {
    for on_trap in ["pass", "drop", "refuse"] {
        let body = json!({"way": "after-write", "metrics": ["work.done"]});
        let entry = json!({"on_trap": on_trap, "limits": {"call_timeout": "500ms"}});
        let setup = setup_with("trap", &beside_aggregate(body), entry)?;
        let host = setup.start()?;
        let send = |work_type| {
            host.grpc()
                .map(|mut client| client.send(grpc::METRICS, &payload::work(work_type, Temporality::Delta, &[1, 2, 3])))
        };
        for work_type in ["first", "second"] {
            let outcome = send(work_type)?;
            ensure!(outcome.is_acknowledged(), "{on_trap}: {outcome:?}");
        }
        let outcome = send("third")?;
        ensure!(outcome.is_acknowledged() == (on_trap != "refuse"), "{on_trap}: {outcome:?}");
        if on_trap == "refuse" {
            let refusal = outcome.refusal()?;
            ensure!(refusal.code == grpc::UNAVAILABLE && refusal.retry_after.is_some(), "{refusal:?}");
        }
        wait::until("the exporter has what passed", || {
            let shown: Vec<String> =
                host.scrape()?.named("work_done_total").map(|sample| sample.labels["work_type"].clone()).collect();
            let passed = if on_trap == "pass" { vec!["third".to_owned(); 3] } else { Vec::new() };
            Ok((shown == passed).then_some(()))
        })
        .context(on_trap)?;
        ensure!(poisoned(&host)? == 6.0, "{on_trap}: {}", poisoned(&host)?);
        let labels = [("processor", GUEST), ("reason", "trap")];
        let dropped = host.own_metrics()?.total("otelier_processor_dropped_items", &labels);
        ensure!(dropped == if on_trap == "drop" { 3.0 } else { 0.0 }, "{on_trap}: {dropped}");
        let unprocessed = host.own_metrics()?.total("otelier_processor_unprocessed_items", &[("processor", GUEST)]);
        ensure!(unprocessed == if on_trap == "pass" { 3.0 } else { 0.0 }, "{on_trap}: {unprocessed}");
        let sums = [("first", 6.0), ("second", 6.0), ("third", 6.0)];
        let accepted = if on_trap == "refuse" { 2 } else { 3 };
        after_and_down(&host, GUEST, &sums[..accepted]).context(on_trap)?;
        ensure!(letters(&setup)?.len() == 2, "{on_trap}");
        let troubles = host.troubles()?;
        let words = troubles.get("pipeline:metrics/processor:guest").map_or("", String::as_str);
        ensure!(words.contains("left alone for 1 s") && words.contains("panicked"), "{troubles:?}");
        ensure!(setup.log().contains("the plugin is left alone, its batches follow `on_trap`"), "{}", setup.log());
    }
    Ok(())
}

/// Whether health says so of the guest.
fn is_told(host: &Host<'_>, words: &str) -> Result<bool> {
    Ok(host.troubles()?.get("pipeline:metrics/processor:guest").is_some_and(|told| told.contains(words)))
}

/// A sender learns that it is to come back, and nothing of what a plugin said when it broke.
#[test]
fn senders_are_not_told_what_a_plugin_says_when_it_breaks() -> Result<()> {
    let body = json!({"way": "after-write", "metrics": ["work.done"]});
    let setup = setup_with("trap", &beside_aggregate(body), json!({"on_trap": "refuse"}))?;
    let host = setup.start()?;
    let request = payload::work("a", Temporality::Delta, &[1]);
    let refusal = wait::until("a request is refused", || {
        let outcome = host.grpc()?.send(grpc::METRICS, &request);
        (!outcome.is_acknowledged()).then(|| outcome.refusal()).transpose()
    })?;
    let starts = refusal.message.starts_with("processor guest is unavailable; retry after ");
    ensure!(starts && refusal.message.ends_with(" ms") && refusal.retry_after.is_some(), "{refusal:?}");
    let kind = [("content-type", "application/x-protobuf")];
    let answer = http::post(host.endpoints().http, "/v1/metrics", &kind, &request)?;
    ensure!(answer.status == 503 && !answer.text().contains("panicked"), "{}", answer.text());
    ensure!(is_told(&host, "panicked")? && setup.log().contains("panicked"), "{:?}", host.troubles()?);
    Ok(())
}

/// That it can be built again says nothing: health tells of it until a batch passes, here that of a mended version.
#[test]
fn health_tells_of_a_plugin_that_is_left_alone_until_something_passes() -> Result<()> {
    let body = json!({"way": "after-write", "metrics": ["work.done"]});
    let setup = setup_with("trap", &beside_aggregate(body), json!({"on_trap": "drop"}))?;
    let host = setup.start()?;
    let mut sent = 0.0;
    let mut send = || -> Result<()> {
        host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
        sent += 1.0;
        Ok(())
    };
    let mut left_alone = |pause: &str| {
        wait::until(&format!("it is left alone for {pause}"), || {
            send()?;
            Ok(is_told(&host, &format!("left alone for {pause}"))?.then_some(()))
        })
    };
    for pause in ["1 s", "2 s"] {
        left_alone(pause)?;
        let built = setup.log().matches("instance rebuilt").count();
        wait::until("its pause is over", || {
            Ok((setup.log().matches("instance rebuilt").count() > built).then_some(()))
        })?;
        ensure!(is_told(&host, "left alone for")?, "{:?}", host.troubles()?);
    }
    let honest = environment::guest("honest")?.display().to_string();
    setup.prints(&["plugin", "swap", GUEST, "--file", &honest])?;
    wait::until("the log says so", || Ok(setup.log().contains("the plugin works again").then_some(())))?;
    send()?;
    host.wait_for(SEEN, &[], 1.0)?;
    after(&host, &[("a", sent)])
}

/// However many bad requests come in a row: as long as what passed once passes again, it is them and not the plugin.
#[test]
fn bad_requests_in_a_row_do_not_take_a_plugin_from_others() -> Result<()> {
    let setup = setup("trap/process", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    for _ in 0..6 {
        host.accepts(&payload::work("bad", Temporality::Delta, &[BAD]))?;
    }
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(letters(&setup)?.len() == 6 && poisoned(&host)? == 6.0);
    after(&host, &[("good", 6.0), ("bad", 6.0 * 666.0)])
}

/// While a plugin is left alone, nothing is sent through it: a letter stays one, whatever `on_trap` says of batches.
#[test]
fn a_letter_is_not_lost_to_a_plugin_that_is_down() -> Result<()> {
    let body = json!({"way": "after-write", "metrics": ["work.done"]});
    let setup =
        setup_with("trap", &beside_aggregate(body), json!({"on_trap": "drop", "limits": {"call_timeout": "500ms"}}))?;
    let host = setup.start()?;
    for _ in 0..4 {
        send_good(&host)?;
    }
    let error = setup.is_told(&["dlq", "replay", "--all"])?;
    ensure!(error.matches(" stays: processor guest").count() == 2, "{error}");
    ensure!(letters(&setup)?.len() == 2);
    Ok(())
}

/// A plugin that declines what is left without the bad row is heard, and does not count as broken.
#[test]
fn a_batch_of_which_a_part_is_declined_is_refused_in_the_plugins_words() -> Result<()> {
    let setup = setup("trap-or-decline", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    for _ in 0..4 {
        let request = payload::work("bad", Temporality::Delta, &[1, BAD, BAD + 1]);
        let refusal = host.grpc()?.send(grpc::METRICS, &request).refusal()?;
        ensure!(refusal.code == grpc::INVALID_ARGUMENT && refusal.message.contains("never"), "{refusal:?}");
    }
    send_good(&host)?;
    host.wait_for(SEEN, &[], 4.0)?;
    ensure!(letters(&setup)?.is_empty() && poisoned(&host)? == 0.0);
    after(&host, &[("good", 6.0)])
}

/// A plugin that breaks more often than it is flushed is flushed all the same.
#[test]
fn rebuilding_does_not_put_off_the_flush() -> Result<()> {
    let setup = setup("trap/process", hasty())?;
    let host = setup.start()?;
    // The guest asks for a flush every 200 ms.
    let mut rows = 0.0;
    wait::until("what counts is shown while bad rows come", || {
        let outcome = send_bad(&host)?;
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
        rows += 2.0;
        Ok(host.scrape()?.value(SEEN, &[]).filter(|seen| *seen > 0.0 && rows > 10.0))
    })?;
    host.wait_for(SEEN, &[], rows)?;
    after(&host, &[("bad", rows / 2.0 * 669.0)])
}

/// What the author of a plugin needs is in the log, once.
#[test]
fn a_panic_is_told_once_with_its_place_stack_version_and_batch() -> Result<()> {
    let setup = setup("trap/after-write", hasty())?;
    let host = setup.start()?;
    for _ in 0..5 {
        let outcome = send_bad(&host)?;
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
    }
    let log = setup.log();
    let hash = letters(&setup)?[0]["head"]["stage"]["plugin"].as_str().map(|hash| hash[..12].to_owned());
    let version = format!("version={}", serde_json::to_string(&hash)?);
    let version_bare = version.replace('"', "");
    for says in [
        "panicked at",
        "stack of guest, the innermost function first",
        "as the configuration asks for",
        "batch=",
        "   0: <trap::Panic as tally::Breakage>::happen",
        "1 of 3 items are dead letters",
    ] {
        ensure!(log.matches(says).count() == 1, "{says} is in the log {} times:\n{log}", log.matches(says).count());
    }
    ensure!(log.contains(&version) || log.contains(&version_bare), "{version} is not in\n{log}");
    Ok(())
}

/// One connection sends what loops, the others what is good: each gets its own answer.
#[test]
fn a_call_that_loops_is_no_answer_to_others() -> Result<()> {
    let setup = setup("endless-loop/process", hasty())?;
    let host = setup.start()?;
    send_good(&host)?;
    std::thread::scope(|scope| -> Result<()> {
        let bad = scope.spawn(|| send_bad(&host));
        let good: Vec<_> = (0..4).map(|_| scope.spawn(|| send_good(&host))).collect();
        for sender in good {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        let outcome = bad.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
        Ok(())
    })?;
    host.wait_for(SEEN, &[], 12.0)?;
    ensure!(letters(&setup)?.len() == 1);
    after(&host, &[("good", 15.0), ("bad", 669.0)])
}
