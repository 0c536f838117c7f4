//! The command line: the only place that prints an error and exits.

mod allocator;
mod arguments;
mod built_in;
mod command_line;
mod components_command;
mod config_command;
mod dlq;
mod health;
mod output;
mod plugin_build;
mod plugin_command;
mod plugin_new;
mod plugin_test;
mod status_command;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use otelier::config::{LogEncoding, LogLevel};
use otelier::control::{self, Request};
use otelier::run::{self, Options};
use otelier::{files, plugins, wasm};

use crate::arguments::{Files, Host};
use crate::built_in::BUILT_IN;
use crate::output::{print_line, print_text};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An OpenTelemetry collector whose processors are sandboxed WebAssembly components.
///
/// `otelier --config FILE` is `otelier run --config FILE`. A command line that cannot be read ends with status 2, a command that fails with 1,
/// and a collector whose disk may have lost what it was writing with 74.
#[derive(Debug, Parser)]
#[command(name = "otelier", version, about, arg_required_else_help = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the collector in the foreground until SIGINT or SIGTERM.
    ///
    /// Without a configuration it runs the quick start's: OTLP on 4317 and 4318, `work.done` summed by `work.type`, Prometheus on 9464, health
    /// on 13133, its own metrics on 8888.
    Run(Run),
    /// Check everything that needs neither a port nor the state: configuration, manifest, certificates, secrets, addresses, plugins.
    Validate {
        #[command(flatten)]
        files: Files,
    },
    /// Look at a configuration: what it says in the end, and where each value is from.
    Config {
        #[command(subcommand)]
        command: config_command::ConfigCommand,
    },
    /// List the component types this binary has. A manifest adds processors and breakers.
    Components(components_command::ComponentsCommand),
    /// Ask a running collector whether it takes requests. Ends with status 0 when it does, with 1 otherwise.
    Health(health::Health),
    /// Look at what could not be delivered, send it again, or throw it away.
    Dlq(dlq::Dlq),
    /// Look at plugins.
    Plugin {
        #[command(subcommand)]
        command: plugin_command::PluginCommand,
    },
    /// Print what lets a shell complete commands.
    ///
    /// bash reads it from `/usr/share/bash-completion/completions/otelier`, zsh from `_otelier` in a folder of its `fpath`, fish from
    /// `~/.config/fish/completions/otelier.fish`.
    Completions(command_line::Completions),
    /// Print the man page `otelier(1)`, or write that of each command.
    Man(command_line::Man),
    /// Look at a running collector: pipelines, rates, queues, breakers, plugins, health, and what failed last.
    Status(status_command::StatusCommand),
    /// Change how much a running collector logs: until it ends, or is told again.
    LogLevel {
        /// The least that is logged.
        #[arg(value_parser = levels())]
        level: LogLevel,
        #[command(flatten)]
        host: Host,
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
    /// The manifest that has the plugin; without one, what is built in.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
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

fn levels() -> impl TypedValueParser<Value = LogLevel> {
    let named = |name: String| LogLevel::ALL.into_iter().find(|level| level.name() == name);
    PossibleValuesParser::new(LogLevel::ALL.map(LogLevel::name)).try_map(move |name| named(name).ok_or("no level"))
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as `timeout=30s`")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    files: Files,
    /// Where plugins' state is kept; made where it does not exist.
    #[arg(long, value_name = "DIR", default_value = "./otelier-state")]
    state_dir: PathBuf,
    /// How log lines look; goes before the configuration's `encoding`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
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
    let Cli { command, run } = Cli::try_parse().unwrap_or_else(|error| with_way_out(error).exit());
    match perform(command.unwrap_or(Command::Run(run))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("otelier: {}", told_once(&error)));
            ExitCode::FAILURE
        }
    }
}

/// A file that stands alone is most likely the configuration.
fn with_way_out(mut error: clap::Error) -> clap::Error {
    let is_file = |text: &String| Path::new(text).is_file();
    let file = match (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(text)), _) => Some(text.clone()),
        (ErrorKind::InvalidSubcommand, _, Some(ContextValue::String(text))) => Some(text.clone()),
        _ => None,
    };
    if let Some(file) = file.filter(is_file) {
        let tip = format!("a configuration is named by '--config {file}'").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
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

fn perform(command: Command) -> Result<()> {
    match command {
        Command::Run(Run { files, state_dir, log_format }) => {
            let log_encoding = log_format.map(|format| match format {
                LogFormat::Text => LogEncoding::Console,
                LogFormat::Json => LogEncoding::Json,
            });
            let engine = wasm::Engine::with_cache(&state_dir.join(wasm::CACHE_FOLDER))?;
            allocator::keep_looking()?;
            let pressure = Some(allocator::hasten as fn(bool));
            let options = Options { files: files.into(), state_dir, log_encoding, pressure, exporters: Vec::new() };
            run::run(&options, plugins::sandboxed(engine.clone()), |lines| {
                announce(lines);
                engine.keep_compiled();
            })
        }
        Command::Validate { files } => {
            let loaded = run::load(&files.into(), plugins::sandboxed(wasm::Engine::new()?).as_ref(), &[])?;
            let warnings: String = loaded.warnings().iter().map(|warning| format!("warning: {warning}\n")).collect();
            print_text(&format!("{warnings}the configuration is valid\n"))
        }
        Command::Config { command } => config_command::run(command),
        Command::Dlq(command) => dlq::run(&command),
        Command::Health(command) => health::run(&command),
        Command::Plugin { command } => plugin_command::run(&command),
        Command::Completions(completions) => command_line::complete(&completions, Cli::command()),
        Command::Man(man) => command_line::man(&man, Cli::command()),
        Command::Components(command) => components_command::run(&command),
        Command::Status(command) => status_command::run(&command),
        Command::LogLevel { level, host } => {
            let answer = control::ask(&host.state_dir, &Request::LogLevel { level })?;
            answer.ok_or_else(|| host.not_running())?;
            print_line(&format!("the collector logs from {level} on"))
        }
        Command::Breaker { command: BreakerCommand::Simulate(simulate) } => {
            let Simulate { policy, manifest, config, set, trace } = simulate;
            let built_in = BUILT_IN;
            let simulation = run::Simulation { policy, manifest, built_in, config, set, trace };
            let mut printed = Ok(());
            run::simulate(&simulation, plugins::sandboxed(wasm::Engine::new()?).as_ref(), &mut |line: String| {
                if printed.is_ok() {
                    printed = print_line(&line);
                }
            })?;
            printed
        }
    }
}

fn announce(lines: &[String]) {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    let banner = format!("otelier {} is running\n{lines}", env!("CARGO_PKG_VERSION"));
    // Who started it may not read what it says; it runs all the same.
    let _ = std::io::stdout().write_all(banner.as_bytes());
}
