//! The command line: the only place that prints an error and exits.

mod dlq;
mod plugin_command;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use otelier::config::LogEncoding;
use otelier::run::{self, Options};
use otelier::{files, plugins, wasm};

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
    /// Check everything that needs neither a port nor the state: configuration, manifest, certificates, secrets, addresses, plugins.
    Validate {
        #[command(flatten)]
        files: Files,
    },
    /// List the component types this binary has. Processors and breakers come from the manifest.
    Components,
    /// Look at what could not be delivered, send it again, or throw it away.
    Dlq(dlq::Dlq),
    /// Look at plugins.
    Plugin {
        #[command(subcommand)]
        command: plugin_command::PluginCommand,
    },
    /// Look at circuit breakers.
    Breaker {
        #[command(subcommand)]
        command: BreakerCommand,
    },
}

#[derive(Debug, Subcommand)]
enum BreakerCommand {
    /// Replay recorded attempts through a breaker, and print every transition with its time and reason.
    ///
    /// The trace has one attempt a line, in the order in which they began:
    ///
    /// {"time_ms": 1500, "class": "ok", "latency_ms": 20}
    ///
    /// `class` is ok (or delivered), partial, unreachable, broken, timeout, unavailable, throttled or permanent; `latency_ms` is 0 where it is
    /// left out. An attempt that the gate turns away is counted and skipped. The same trace always gives the same output.
    Simulate(Simulate),
}

#[derive(Debug, clap::Args)]
struct Simulate {
    /// The policy: a plugin's name, the id of an extension in `--config`, or `built-in`.
    #[arg(long, value_name = "NAME")]
    policy: String,
    /// The manifest that has the plugin.
    #[arg(long, value_name = "FILE", default_value = "plugins.yaml")]
    manifest: PathBuf,
    /// The extension's configuration: a file with its keys, or a whole configuration that defines it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One key of the configuration, such as `timeout=30s`; goes before the file's.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// The recorded attempts, JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as `timeout=30s`")?;
    Ok((key.to_owned(), value.to_owned()))
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
    files::keep_private();
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
            let engine = wasm::Engine::with_cache(&state_dir.join(wasm::CACHE_FOLDER))?;
            let options = Options { config, manifest, state_dir, log_encoding, exporters: Vec::new() };
            run::run(&options, plugins::sandboxed(engine.clone()), |lines| {
                announce(lines);
                engine.keep_compiled();
            })
        }
        Command::Validate { files } => {
            let loaded =
                run::load(&files.config, &files.manifest, plugins::sandboxed(wasm::Engine::new()?).as_ref(), &[])?;
            for warning in loaded.warnings() {
                println!("warning: {warning}");
            }
            println!("the configuration is valid");
            Ok(())
        }
        Command::Dlq(command) => dlq::run(&command),
        Command::Plugin { command } => plugin_command::run(&command),
        Command::Components => {
            for (family, types) in run::catalogue() {
                println!("{family}: {}", types.join(", "));
            }
            println!("processors: memory_limiter, and one for each processor of the manifest");
            println!("breakers: one for each breaker policy of the manifest, configured under extensions");
            Ok(())
        }
        Command::Breaker { command: BreakerCommand::Simulate(simulate) } => {
            let Simulate { policy, manifest, config, set, trace } = simulate;
            let simulation = run::Simulation { policy, manifest, config, set, trace };
            run::simulate(&simulation, plugins::sandboxed(wasm::Engine::new()?).as_ref(), &mut |line: String| {
                println!("{line}")
            })
        }
    }
}

fn announce(lines: &[String]) {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    let banner = format!("otelier {} is running\n{lines}", env!("CARGO_PKG_VERSION"));
    // Who started it may not read what it says; it runs all the same.
    let _ = std::io::stdout().write_all(banner.as_bytes());
}
