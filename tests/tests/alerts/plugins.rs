//! Faults of plugins: one that breaks on everything, and what becomes of its batches meanwhile.

use anyhow::Result;
use otelier_tests::beside::beside_aggregate;
use otelier_tests::environment;
use otelier_tests::host::{Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use serde_json::json;

use crate::recording::Recording;
use crate::{FORGOTTEN, promtool, until};

/// A guest that breaks on each batch, and `aggregate` in a pipeline beside it.
fn breaking(on_trap: &str) -> Result<Setup> {
    let config = beside_aggregate("guest", json!({"way": "after-write", "metrics": ["work.done"]}));
    let (guest, neighbour) = (environment::guest("trap")?, environment::plugin("aggregate")?);
    let plugins = [("guest", &*guest, json!({"on_trap": on_trap})), ("aggregate", &*neighbour, json!({}))];
    Setup::new(&config.text(), &manifest(&plugins))
}

fn send(host: &Host<'_>) -> Result<()> {
    host.accepts(&payload::work("manual", Temporality::Delta, &[1]))
}

#[test]
fn a_plugin_that_breaks_on_everything_is_told_until_another_version_works() -> Result<()> {
    let setup = breaking("pass")?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    // What it breaks on before it is left alone are dead letters.
    let fired = ["OtelierDeadLettersGrow", "OtelierPluginLeftAlone"];
    recording.add(&host, 8, || send(&host))?;
    promtool::fires(&recording, &fired, &fired)?;
    let honest = environment::guest("honest")?.display().to_string();
    setup.prints(&["plugin", "swap", "guest", "--file", &honest])?;
    until(&host, "otelier_processor_left_alone", |instances| instances == 0.0)?;
    recording.add(&host, FORGOTTEN, || send(&host))?;
    promtool::fires(&recording, &fired, &[])
}

#[test]
fn what_is_dropped_while_a_plugin_is_left_alone_is_told() -> Result<()> {
    let setup = breaking("drop")?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 2, || Ok(()))?;
    recording.add(&host, 8, || send(&host))?;
    let fired = ["OtelierDeadLettersGrow", "OtelierItemsDropped", "OtelierPluginLeftAlone"];
    promtool::fires(&recording, &fired, &fired)
}
