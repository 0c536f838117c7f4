//! `on_trap` is about a plugin that breaks. A store that fails is none of its business: requests are refused then, whatever it says.

use anyhow::{Context, Result, ensure};
use otelier_tests::grpc::Outcome;
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::mount::{Namespace, fill};
use otelier_tests::{environment, wait};
use serde_json::json;

use crate::Outcomes;

/// Far more requests than the store has reserved room for before the disk became full.
const REQUESTS_MAX: usize = 20_000;
/// How many are sent while the disk is full: over several pauses of the plugin.
const REFUSED_MIN: usize = 300;

/// Items that followed `on_trap`.
fn set_aside(host: &Host<'_>) -> Result<f64> {
    let own = host.own_metrics()?;
    let dropped = own.total("otelier_processor_dropped_items", &[("reason", "trap")]);
    Ok(dropped + own.total("otelier_processor_unprocessed_items", &[]) + own.total("otelier_processor_traps", &[]))
}

fn a_full_disk_refuses(on_trap: &str, instances: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mount = format!("mount -t tmpfs -o size=64m none {}", folder.path().display());
    let Some(disk) = Namespace::if_permitted(&mount)? else {
        println!("no file system may be mounted here: nothing is tried");
        return Ok(());
    };
    let file = environment::plugin("aggregate")?;
    let mut entry = json!({"on_trap": on_trap});
    if instances > 1 {
        entry["instances"] = json!(instances);
        entry["partition_by"] = json!(["work.type"]);
    }
    let setup = Setup::new(&Configuration::aggregate().text(), &manifest(&[("aggregate", &file, entry)]))?
        .divided(instances)
        .state_in(&folder.path().join("state"))
        .launched_by(&disk.enter());
    let mut host = setup.start()?;
    let (mut client, mut outcomes) = (host.grpc()?, Outcomes::default());
    ensure!(matches!(outcomes.send(&mut client, 5000), Outcome::Acknowledged(_)), "there is room in the beginning");
    let fat = disk.outside(&folder.path().join("fat"));
    fill(&fat)?;
    while outcomes.refused.len() < REFUSED_MIN && outcomes.acknowledged.len() < REQUESTS_MAX {
        outcomes.send(&mut client, 5000);
    }
    ensure!(outcomes.refused.len() >= REFUSED_MIN, "only {} were refused", outcomes.refused.len());
    std::fs::remove_file(&fat)?;
    wait::until("a request is acknowledged again", || {
        Ok(matches!(outcomes.send(&mut client, 5000), Outcome::Acknowledged(_)).then_some(()))
    })?;
    host.wait_until_healthy()?;
    wait::until("what was acknowledged is shown", || outcomes.check(&host).map(Some))
        .with_context(|| format!("on_trap: {on_trap}"))?;
    ensure!(set_aside(&host)? == 0.0, "a trap is counted, and no plugin has broken");
    host.kill()?;
    outcomes.check(&setup.start()?)
}

#[test]
fn a_full_disk_drops_nothing_under_on_trap_drop() -> Result<()> {
    a_full_disk_refuses("drop", 1)
}

#[test]
fn a_full_disk_lets_nothing_pass_raw_under_on_trap_pass() -> Result<()> {
    a_full_disk_refuses("pass", 1)
}

#[test]
fn a_full_disk_drops_nothing_of_several_instances() -> Result<()> {
    a_full_disk_refuses("drop", 3)
}
