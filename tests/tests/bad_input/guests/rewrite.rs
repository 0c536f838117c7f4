//! A guest whose `start` writes its keys anew, in the middle of a trip that has written some of them already.

use anyhow::{Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

use super::BAD;

const COUNTED: &str = "rows_counted_total";

fn point(name: &str, work_type: &str) -> Vec<u8> {
    let point = payload::integer(1, &[("work.type", work_type)]);
    payload::metrics(vec![payload::counter(name, Temporality::Delta, vec![point])])
}

/// A request goes on as two batches: its own point, and behind it a good and a bad one that a processor on the way has made. The guest
/// counts the first, breaks on the second, and its next instance starts: what that writes must not take back what the first counted.
#[test]
fn what_a_start_writes_in_the_middle_of_a_trip_takes_nothing_back() -> Result<()> {
    let behind = json!({"metrics": ["work.trigger"], "work_type": "made", "bad": BAD});
    let configuration = Configuration::default()
        .processor("emit-behind", behind)
        .processor("rewriter", json!({"metrics": ["work.*"], "bad": BAD}))
        .pipeline("metrics", &["emit-behind", "rewriter"], &["prometheus"]);
    let plugins = manifest(&[
        ("emit-behind", &environment::guest("emit-behind")?, json!({})),
        ("rewriter", &environment::guest("rewriter")?, json!({})),
    ]);
    let setup = Setup::new(&configuration.text(), &plugins)?;
    let mut host = setup.start()?;
    let mut sent = 0.0;
    for round in 1..=3 {
        host.accepts(&point("work.done", "sent"))?;
        host.accepts(&point("work.trigger", "sent"))?;
        sent += 2.0;
        for is_restarted in [false, true] {
            if is_restarted {
                host.kill()?;
                host = setup.start()?;
            }
            host.wait_for(COUNTED, &[("work_type", "sent")], sent)?;
            host.wait_for(COUNTED, &[("work_type", "made")], f64::from(round))?;
        }
    }
    let letters = host.own_metrics()?.total("otelier_dead_letters", &[]);
    ensure!(letters == 3.0, "{letters} dead letters: the bad points alone");
    Ok(())
}
