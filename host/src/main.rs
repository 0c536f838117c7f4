//! The command line: the only place that prints an error and exits.

mod dlq;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use otelier::config::LogEncoding;
use otelier::run::{self, Options};
use otelier::{plugins, wasm};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An OpenTelemetry collector whose processors are sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the collector in the foreground until SIGINT or SIGTERM.
    Run {
        #[command(flatten)]
        files: Files,
        /// Where plugins' state is kept; made where it does not exist.
        #[arg(long, value_name = "DIR", default_value = "./otelier-state")]
        state_dir: PathBuf,
        /// How log lines look; goes before the configuration's `encoding`.
        #[arg(long, value_name = "FORMAT")]
        log_format: Option<LogFormat>,
    },
    /// Check a configuration and its manifest, plugins included, without opening a port or the state.
    Validate {
        #[command(flatten)]
        files: Files,
    },
    /// List the component types this binary has. Processors come from the manifest.
    Components,
    /// Look at what could not be delivered, send it again, or throw it away.
    Dlq(dlq::Dlq),
}

#[derive(Debug, clap::Args)]
struct Files {
    /// The configuration: receivers, processors, exporters, extensions, service.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The manifest: which plugins exist and what each may use.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    match command(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("otelier: {}", told_once(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, each told once: many of ours speak of their cause themselves.
fn told_once(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn command(command: Command) -> Result<()> {
    match command {
        Command::Run { files, state_dir, log_format } => {
            let log_encoding = log_format.map(|format| match format {
                LogFormat::Text => LogEncoding::Console,
                LogFormat::Json => LogEncoding::Json,
            });
            let (config, manifest) = (files.config, files.manifest);
            let options = Options { config, manifest, state_dir, log_encoding, exporters: Vec::new() };
            run::run(&options, &plugins::sandboxed(wasm::Engine::new()?), announce)
        }
        Command::Validate { files } => {
            let loaded = run::load(&files.config, &files.manifest, &plugins::sandboxed(wasm::Engine::new()?), &[])?;
            for warning in loaded.warnings() {
                println!("warning: {warning}");
            }
            println!("the configuration is valid");
            Ok(())
        }
        Command::Dlq(command) => dlq::run(&command),
        Command::Components => {
            for (family, types) in run::catalogue() {
                println!("{family}: {}", types.join(", "));
            }
            println!("processors: one for each plugin of the manifest");
            Ok(())
        }
    }
}

fn announce(lines: &[String]) {
    println!("otelier {} is running", env!("CARGO_PKG_VERSION"));
    for line in lines {
        println!("  {line}");
    }
}
