//! Versions of a plugin change while the host runs: nothing is lost, doubled or refused, and what cannot run is not put into place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod choices;
mod commands;
mod files;
mod load;
mod memory;
mod policies;
mod refusals;
mod together;

#[path = "../crash/cumulative.rs"]
mod cumulative;
#[path = "../crash/delta.rs"]
mod delta;
#[path = "../crash/reaper.rs"]
mod reaper;
#[path = "../crash/sender.rs"]
mod sender;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use otelier_tests::grpc::{self, Outcome};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::{environment, versions, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with the file of one plugin, which tests exchange.
struct Plugin {
    _folder: TempDir,
    file: PathBuf,
    component: Vec<u8>,
}

impl Plugin {
    /// A copy of that component.
    fn copy(component: &Path) -> Result<Plugin> {
        let folder = tempfile::Builder::new().prefix("otelier-plugin-").tempdir()?;
        let (file, component) = (folder.path().join("plugin.wasm"), fs::read(component)?);
        fs::write(&file, &component)?;
        Ok(Plugin { _folder: folder, file, component })
    }

    fn aggregate() -> Result<Plugin> {
        Plugin::copy(&environment::plugin("aggregate")?)
    }

    fn setup(&self, name: &str, configuration: &Configuration) -> Result<Setup> {
        self.setup_as(name, configuration, json!({}))
    }

    fn setup_as(&self, name: &str, configuration: &Configuration, entry: Value) -> Result<Setup> {
        Setup::new(&configuration.text(), &manifest(&[(name, &self.file, entry)]))
    }

    fn version(&self, label: &str) -> Vec<u8> {
        versions::labelled(&self.component, label)
    }

    fn exchange(&self, contents: &[u8]) -> Result<()> {
        versions::exchange(&self.file, contents)
    }
}

/// How many versions of a plugin had that outcome.
fn swaps(host: &Host<'_>, plugin: &str, outcome: &str) -> Result<f64> {
    let labels = [("plugin", plugin), ("outcome", outcome)];
    Ok(host.own_metrics()?.value("otelier_plugin_swaps", &labels).unwrap_or(0.0))
}

fn until_swaps(host: &Host<'_>, plugin: &str, outcome: &str, count: f64) -> Result<()> {
    wait::until_equal(&format!("{plugin}: {outcome}"), &count, || swaps(host, plugin, outcome))
}

/// Sends a request again and again while something else goes on. Returns how often it was accepted. A plugin may emit a request for each row, and
/// all of them at one flush: where the lane behind it is full, the sender comes back.
fn while_sent(host: &Host<'_>, request: &[u8], other: impl FnOnce() -> Result<()>) -> Result<f64> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| -> Result<f64> {
            let mut sent = 0.0;
            while !done.load(Ordering::SeqCst) {
                match host.grpc()?.send(grpc::METRICS, request) {
                    Outcome::Acknowledged(_) => sent += 1.0,
                    Outcome::Refused(refusal) if refusal.message.contains(" is full") => {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    other => anyhow::bail!("not acknowledged: {other:?}"),
                }
            }
            Ok(sent)
        });
        let waited = other();
        done.store(true, Ordering::SeqCst);
        let sent = sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?;
        waited.and(sent)
    })
}
