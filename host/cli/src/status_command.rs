//! `otelier status`: what a running collector tells of itself.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use otelier::control::{self, Request};
use otelier::status::{self, Report};

use crate::arguments::Host;
use crate::output;

/// Puts the cursor into the corner and clears what is there.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// The command and how it shows what it finds.
#[derive(Debug, clap::Args)]
pub struct StatusCommand {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Again and again, until the command is ended or the collector is gone.
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks, with `--watch`.
    #[arg(long, value_name = "SECONDS", default_value = "2", requires = "watch", value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    host: Host,
}

/// Asks the host and prints what it says.
pub fn run(command: &StatusCommand) -> Result<()> {
    let is_screen = command.watch && !command.json && std::io::stdout().is_terminal();
    let mut between = if is_screen { CLEAR } else { "" };
    loop {
        let text = format!("{between}{}", shown(command)?);
        if !output::print_to_reader(&text)? || !command.watch {
            return Ok(());
        }
        if !is_screen && !command.json {
            between = "\n";
        }
        std::thread::sleep(Duration::from_secs(command.interval));
    }
}

fn shown(command: &StatusCommand) -> Result<String> {
    let answer = control::ask(&command.host.state_dir, &Request::Status)?;
    let answer = answer.ok_or_else(|| command.host.not_running())?;
    if command.json {
        return Ok(format!("{answer}\n"));
    }
    let report: Report = serde_json::from_value(answer).context("the collector is of another version")?;
    Ok(status::text(&report))
}
