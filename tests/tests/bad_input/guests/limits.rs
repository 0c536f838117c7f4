//! Calls that take more than the manifest or the host allows.

use anyhow::{Context, Result, ensure};
use otelier_tests::beside::{after, restarted};
use serde_json::json;

use super::alone::{breaks_alone, letters, poisoned};
use super::{SEEN, hasty, send_bad, send_good, setup};

#[test]
fn a_call_that_never_returns_is_ended() -> Result<()> {
    for guest in ["endless-loop/process", "endless-loop/after-write"] {
        breaks_alone(guest, hasty(), "deadline exceeded").context(guest)?;
    }
    Ok(())
}

#[test]
fn a_call_that_takes_too_much_is_ended() -> Result<()> {
    breaks_alone("memory-bomb", hasty(), "more memory than `memory_mib`").context("memory-bomb")?;
    // Which of a guest's two stacks ends first, its own or the one in its memory, is the compiler's choice.
    breaks_alone("deep-recursion", hasty(), "").context("deep-recursion")
}

#[test]
fn a_call_that_asks_for_ever_is_ended() -> Result<()> {
    let entry = json!({"limits": {"call_timeout": "60s", "host_calls": 10_000}});
    breaks_alone("endless-calls/process", entry, "too many host calls: more than 10000 imports")
}

/// A point is few bytes for the guest; the host writes the text of its metric once for each resource.
#[test]
fn points_that_would_fill_the_hosts_memory_are_refused() -> Result<()> {
    let setup = setup("emission-flood", json!({"limits": {"call_timeout": "20s"}}))?;
    let host = setup.start()?;
    send_good(&host)?;
    ensure!(send_bad(&host)?.is_acknowledged());
    send_good(&host)?;
    host.wait_for(SEEN, &[], 6.0)?;
    ensure!(poisoned(&host)? == 1.0, "{} items are poison", poisoned(&host)?);
    let peak = host.peak_memory_bytes()?;
    ensure!(peak.is_none_or(|peak| peak < 1 << 30), "{peak:?} bytes of memory at the peak");
    let sums = [("good", 6.0), ("bad", 669.0)];
    after(&host, &sums)?;
    host.kill()?;
    let kept = letters(&setup)?;
    let reason = kept[0]["head"]["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("with the texts of their metrics"), "{kept:#?}");
    let shown = restarted(&setup, &sums)?.scrape()?.value(SEEN, &[]);
    ensure!(shown == Some(6.0), "{shown:?} after the kill");
    Ok(())
}
