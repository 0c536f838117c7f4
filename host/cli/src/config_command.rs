//! `otelier config`: configurations on the command line.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use otelier::config::{Explanation, Node};
use otelier::run;

use crate::arguments::Files;
use crate::output::{print_text, tell};

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration as it is once everything is retrieved, merged and replaced. Secrets are left out.
    Print {
        #[command(flatten)]
        files: Files,
        /// How it looks.
        #[arg(long, value_name = "FORMAT", default_value = "yaml")]
        format: Format,
        /// Whether secrets are shown.
        #[arg(long, value_name = "MODE", default_value = "redacted")]
        mode: Mode,
    },
    /// Say of a value what it is, where it stands, what it replaced, and what its `${…}` named.
    Explain {
        /// Its keys, with dots between them: `exporters.otlp.endpoint`, `service.pipelines.traces.receivers.0`. Keys may have dots themselves.
        path: String,
        #[command(flatten)]
        files: Files,
    },
    /// Print the JSON Schema of a configuration, for an editor to check and complete one by.
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Redacted,
    Unredacted,
}

/// Carries it out and prints what came of it.
pub fn run(command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Print { files, format, mode } => {
            let tree = run::Files::from(files).tree()?;
            for warning in &tree.warnings {
                tell(&format!("warning: {warning}"));
            }
            let shown = match mode {
                Mode::Redacted => tree.root.redacted(),
                Mode::Unredacted => tree.root,
            };
            print_text(&match format {
                Format::Yaml => serde_saphyr::to_string(&shown)?,
                Format::Json => format!("{:#}\n", shown.to_json()),
            })
        }
        ConfigCommand::Explain { path, files } => {
            let tree = run::Files::from(files).tree()?;
            match tree.root.explain(&path) {
                Some(explanation) => print_text(&told(&path, &explanation)),
                None => bail!("nothing stands at `{path}`{}", nearest(&tree.root, &path)),
            }
        }
        ConfigCommand::Schema => print_text(&format!("{:#}\n", run::Components::with(&[]).schema())),
    }
}

fn told(path: &str, explanation: &Explanation) -> String {
    // Writing to a String cannot fail.
    let mut text = format!("{path}: {}\n  stands at {}\n", explanation.value, explanation.position);
    for retrieved in &explanation.via {
        let _ = writeln!(text, "  from {} (revision {})", retrieved.uri, retrieved.revision);
    }
    for replaced in &explanation.replaced {
        let _ = writeln!(text, "  replaces what stands at {replaced}");
    }
    text
}

/// What there is as far as the path leads.
fn nearest(root: &Node, path: &str) -> String {
    let keys = root.keys_near(path);
    if keys.is_empty() { String::new() } else { format!("; there: `{}`", keys.join("`, `")) }
}
