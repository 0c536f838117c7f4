//! `otelier plugin`: plugins on the command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use otelier::clock;
use otelier::contract::{ComponentId, Signal};
use otelier::control::{self, Request};
use otelier::inspect::{self, Question};
use otelier::updates;
use serde_json::{Value, json};

use crate::arguments::Host;
use crate::built_in::BUILT_IN;
use crate::output::{print_line, print_text};
use crate::{plugin_build, plugin_new, plugin_test};

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Make a folder with a plugin that builds at once: its source, a test, cases, a manifest and a configuration.
    ///
    /// It needs this program, Rust and crates.io: the SDK comes with the program.
    New(plugin_new::New),
    /// Build a plugin with cargo alone: compile its crate, make a component of it, and check that a collector would load it.
    ///
    /// It needs the compiler's target for WebAssembly: `rustup target add wasm32-unknown-unknown`.
    Build(plugin_build::Build),
    /// Run a plugin's cases in the sandbox, and say item by item what is different from what was expected.
    ///
    /// A case is a folder below `cases`. Of a processor it has `case.yaml`, the configuration and what happens, and `expected.json`, what comes
    /// out. Of a breaker policy it has `config.yaml`, `trace.jsonl` and `expected.txt`, what `otelier breaker simulate` says.
    Test(plugin_test::Test),
    /// List the plugins of a manifest: world, version, content, size, and what is not as by default. Where a collector is running, also
    /// which version of each runs.
    List {
        /// The manifest; without one, the plugins that are built in.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Host,
    },
    /// Look at a plugin's file: its world, what it imports and exports, its sizes, who made it.
    ///
    /// With a configuration it also says what it declares to read: columns, keyings, metrics, the format of its state. A file that no
    /// collector would load ends the command with an error that says why.
    Inspect(Inspect),
    /// Put another version into the place of the one that runs. Needs a running collector.
    ///
    /// With `--file` it lasts until the file that the manifest names has another content, across restarts; without, that file's version
    /// runs again. Where no collector runs, the latter makes the next start take the file.
    Swap {
        /// Its name in the manifest.
        plugin: String,
        /// Its file; without it, what the manifest names is loaded once more.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        host: Host,
    },
    /// Put back the version before the present one. Needs a running collector.
    ///
    /// Once more goes one further back: up to eight versions of a plugin are kept. It lasts until the file that the manifest names has
    /// another content, across restarts; `swap` without `--file` takes it back.
    Rollback {
        /// Its name in the manifest.
        plugin: String,
        #[command(flatten)]
        host: Host,
    },
    /// List which versions were put into place, and which were refused and why.
    History {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Host,
    },
}

#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The plugin, a `.wasm`.
    file: PathBuf,
    /// A configuration that has the component; needs `--component`.
    #[arg(long, value_name = "FILE", requires = "component")]
    config: Option<PathBuf>,
    /// The id of a processor in the configuration.
    #[arg(long, value_name = "ID", requires = "config")]
    component: Option<ComponentId>,
    /// A processor's configuration, as JSON.
    #[arg(long, value_name = "JSON", conflicts_with = "config")]
    config_json: Option<String>,
    /// The signal of its pipeline, with `--config-json`.
    #[arg(long, value_name = "SIGNAL", requires = "config_json", default_value = "metrics")]
    signal: SignalName,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SignalName {
    Metrics,
    Traces,
    Logs,
}

impl Inspect {
    fn question(&self) -> Option<Question> {
        if let (Some(config), Some(id)) = (&self.config, &self.component) {
            return Some(Question::Component { config: config.clone(), id: id.clone() });
        }
        let signal = match self.signal {
            SignalName::Metrics => Signal::Metrics,
            SignalName::Traces => Signal::Traces,
            SignalName::Logs => Signal::Logs,
        };
        self.config_json.clone().map(|config| Question::Json { config, signal })
    }
}

/// Carries it out and prints what came of it.
pub fn run(command: &PluginCommand) -> Result<()> {
    match command {
        PluginCommand::Test(test) => plugin_test::run(test)?,
        PluginCommand::New(new) => plugin_new::run(new)?,
        PluginCommand::Build(build) => plugin_build::run(build)?,
        PluginCommand::List { manifest, json, host } => {
            let (mut rows, checked) = inspect::list(manifest.as_deref(), BUILT_IN);
            add_running(&mut rows, host);
            match json {
                true => print_text(&rows.iter().map(|row| format!("{row}\n")).collect::<String>())?,
                false if rows.is_empty() && checked.is_err() => {}
                false => print_text(&inspect::list_text(&rows))?,
            }
            checked?;
        }
        PluginCommand::Inspect(wanted) => {
            let found = inspect::inspect(&wanted.file, wanted.question().as_ref())?;
            match wanted.json {
                true => print_line(&found.report.to_string())?,
                false => print_text(&inspect::text(&found.report))?,
            }
            if let Some(misfit) = found.misfit {
                bail!("{misfit}");
            }
        }
        PluginCommand::Swap { plugin, file, host } => {
            // The collector has a working directory of its own.
            let file = file.as_ref().map(std::path::absolute).transpose()?;
            if let Some(file) = &file {
                // A slip of the hand is no version that was refused.
                std::fs::metadata(file).with_context(|| format!("cannot read {}; check the path", file.display()))?;
            }
            let is_the_files = file.is_none();
            let asked = control::ask(&host.state_dir, &Request::PluginSwap { plugin: plugin.clone(), file })?;
            match asked {
                Some(line) => print_line(&told(&line))?,
                None if is_the_files && updates::forget_choice(&host.state_dir, plugin)? => {
                    print_line(&format!("no collector is running; the next start takes the file of plugin {plugin}"))?;
                }
                None => return Err(host.not_running()),
            }
        }
        PluginCommand::Rollback { plugin, host } => {
            let asked = control::ask(&host.state_dir, &Request::PluginRollback { plugin: plugin.clone() })?;
            print_line(&told(&asked.ok_or_else(|| host.not_running())?))?;
        }
        PluginCommand::History { json, host } => {
            let lines = updates::read_history(&host.state_dir)?;
            if lines.is_empty() && !json {
                let directory = host.state_dir.display();
                print_line(&format!(
                    "no plugin has been changed while a collector ran on state directory {directory}"
                ))?;
            }
            let shown = |line: &Value| if *json { format!("{line}\n") } else { format!("{}\n", told(line)) };
            print_text(&lines.iter().map(shown).collect::<String>())?;
        }
    }
    Ok(())
}

/// What runs, where a collector says so: each row of a plugin that it uses gets `running`, and one that has no row gets one. Without one, what a command chose for the next
/// start is `next`.
fn add_running(rows: &mut Vec<Value>, host: &Host) {
    let (key, found) = match control::ask(&host.state_dir, &Request::PluginList) {
        Ok(Some(Value::Array(running))) => ("running", running),
        _ => ("next", updates::choices(&host.state_dir).unwrap_or_default()),
    };
    // The collector may have been started with another manifest.
    for found in &found {
        if !rows.iter().any(|row| row["name"] == found["plugin"]) {
            rows.push(json!({"name": found["plugin"], "file": found["file"], "sha256": found["sha256"]}));
        }
    }
    for row in rows {
        if let Some(found) = found.iter().find(|found| found["plugin"] == row["name"]) {
            let mut found = found.clone();
            for (date, place) in [("since", "/since_unix_nano"), ("chosen_at", "/chosen/time_unix_nano")] {
                if let Some(time) = found.pointer(place).and_then(Value::as_u64) {
                    found[date] = clock::date(time).into();
                }
            }
            row[key] = found;
        }
    }
}

/// A line of the history in words.
fn told(line: &Value) -> String {
    let text = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
    let time = clock::date(line["time_unix_nano"].as_u64().unwrap_or(0));
    let (plugin, from, to) = (text("plugin"), text("from"), text("to"));
    match line["outcome"].as_str() {
        Some("swapped") => {
            let pause = line["pause_ms"].as_f64().unwrap_or(0.0);
            let how = match line["cause"].as_str() {
                Some("rollback") => "rolled back, ",
                Some("command") => "by command, ",
                _ => "",
            };
            let lasts = line["lasts"].as_str().map(|lasts| format!("; lasts {lasts}")).unwrap_or_default();
            format!("{time}  {plugin}: {from} -> {to}, {how}batches waited {pause:.2} ms  ({}){lasts}", text("file"))
        }
        _ => format!("{time}  {plugin}: {to} refused, {from} runs on: {}", text("reason")),
    }
}
