//! `otelier plugin`: plugins on the command line.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use otelier::contract::{ComponentId, Signal};
use otelier::inspect::{self, Question};

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the plugins of a manifest: world, version, content, size, and what is not as by default.
    List {
        /// The manifest.
        #[arg(long, value_name = "FILE", default_value = "plugins.yaml")]
        manifest: PathBuf,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Look at a plugin's file: its world, what it imports and exports, its sizes, who made it.
    ///
    /// With a configuration it also says what it declares to read: columns, keyings, metrics, the format of its state. A file that no
    /// collector would load ends the command with an error that says why.
    Inspect(Inspect),
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
        PluginCommand::List { manifest, json } => {
            let rows = inspect::list(manifest)?;
            match json {
                true => rows.iter().for_each(|row| println!("{row}")),
                false => print!("{}", inspect::list_text(&rows)),
            }
        }
        PluginCommand::Inspect(wanted) => {
            let found = inspect::inspect(&wanted.file, wanted.question().as_ref())?;
            match wanted.json {
                true => println!("{}", found.report),
                false => print!("{}", inspect::text(&found.report)),
            }
            if let Some(misfit) = found.misfit {
                bail!("{misfit}");
            }
        }
    }
    Ok(())
}
