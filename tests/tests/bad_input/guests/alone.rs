//! A guest that breaks on one row: that row becomes a dead letter, everything else counts.

use anyhow::{Result, ensure};
use otelier_tests::beside::{after, restarted};
use otelier_tests::host::{Host, Setup};
use serde_json::Value;

use super::{GUEST, SEEN, send_bad, send_good, setup, traps};

/// Good, bad, good: one item of the bad becomes a dead letter, the others count, after a kill as well.
pub fn breaks_alone(guest: &str, entry: Value, says: &str) -> Result<()> {
    let setup = setup(guest, entry)?;
    let host = setup.start()?;
    send_good(&host)?;
    for attempt in 1..=2 {
        let outcome = send_bad(&host)?;
        ensure!(outcome.is_acknowledged(), "{outcome:?}");
        ensure!(traps(&host)? == f64::from(attempt), "{} traps are counted", traps(&host)?);
        ensure!(poisoned(&host)? == f64::from(attempt), "{} items are poison", poisoned(&host)?);
        send_good(&host)?;
    }
    host.wait_for(SEEN, &[], 10.0)?;
    let sums = [("good", 9.0), ("bad", 2.0 * 669.0)];
    after(&host, &sums)?;
    host.kill()?;
    let kept = letters(&setup)?;
    ensure!(kept.len() == 2, "{kept:#?}");
    for letter in kept {
        let (head, stage) = (&letter["head"], &letter["head"]["stage"]);
        ensure!(head["class"] == "poison" && head["items"] == 1, "{head:#}");
        ensure!(head["reason"].as_str().is_some_and(|reason| reason.contains(says)), "{says} is not in {head:#}");
        ensure!(stage["processor"] == GUEST && stage["pipeline"] == "metrics", "{stage:#}");
        ensure!(stage["plugin"].as_str().is_some_and(|hash| hash.len() == 64), "{stage:#}");
    }
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(10.0), "{shown:?} after the kill");
    Ok(())
}

/// The dead letters, oldest first.
pub fn letters(setup: &Setup) -> Result<Vec<Value>> {
    let text = setup.prints(&["dlq", "ls", "--json"])?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Items of the guest that became dead letters.
pub fn poisoned(host: &Host<'_>) -> Result<f64> {
    let labels = [("processor", GUEST), ("reason", "poison")];
    Ok(host.own_metrics()?.total("otelier_processor_dropped_items", &labels))
}
