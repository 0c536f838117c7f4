//! Load generator and side-by-side runs: what a point costs the host, and what it costs others on the same machine, in
//! the same minutes. How each number is made stands in this folder's README.

mod adapter;
mod boundary;
mod breaker;
mod call;
mod edits;
mod exposition;
mod instances;
mod kernel;
mod load;
mod loading;
mod measure;
mod overload;
mod paths;
mod payload;
mod queue;
mod report;
mod servers;
mod swap;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

use measure::Plan;
use payload::{GROUPS, Input};
use report::{Line, Rounds};
use servers::{Server, Settings, native};

/// The host's allocator, for every server alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures otelier against raw HTTP/2, its own plugin linked natively, and prost: one JSON line for each batch size.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    serve: Option<Serving>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Serving {
    /// One of the servers that are compared; the benchmark starts them itself.
    #[command(hide = true)]
    Serve {
        #[command(subcommand)]
        what: Serve,
    },
    /// What a closed breaker costs a request.
    Breaker(breaker::Options),
    /// What an edit costs beside copying the same bytes.
    Edits(edits::Options),
    /// Twice what the destination takes: what arrives, what is refused, and what memory does.
    Overload(overload::Options),
    /// What several instances of the plugin bring, on all cores.
    Instances(instances::Options),
    /// Versions of the plugin take turns under load: what that adds to latencies, and whether totals are right.
    Swap(swap::Options),
    /// What a queue on disk costs, beside writing and reading the same bytes.
    Queue(queue::Options),
    /// What the sandbox costs: a call by rows and columns, an instance's memory, each limit.
    Boundary(boundary::Options),
    /// How long a plugin takes to load, compiled and from the cache.
    Load(loading::Options),
    /// What a series costs the Prometheus exporter.
    Exposition(exposition::Options),
}

#[derive(Debug, Subcommand)]
enum Serve {
    Raw,
    Paced {
        /// How many.
        requests_per_s: u32,
    },
    Proxy {
        /// Where to.
        to: SocketAddr,
    },
    Prost,
    Native(native::Files),
}

#[derive(Debug, Args)]
struct Options {
    /// One round of 2 s, for a first look.
    #[arg(long)]
    quick: bool,
    /// Only this kind of input.
    #[arg(long, value_enum)]
    only: Option<Input>,
    /// Only these batch sizes.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,8192")]
    batch: Vec<usize>,
    /// Only these servers; a ratio to one that is missing is null.
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Server>,
    /// How often the servers take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each is measured, after a fifth of it to warm up.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests under way at a time [default: by batch size].
    #[arg(long)]
    in_flight: Option<usize>,
    /// Distinct cumulative input streams, at least.
    #[arg(long, default_value_t = 100_000)]
    streams: usize,
    /// Series that come out of delta input; with many, each request of a cycle has other ones.
    #[arg(long, value_delimiter = ',', default_value = "16")]
    series: Vec<usize>,
    /// The pipeline's durability.
    #[arg(long, default_value = "sync")]
    durability: String,
    /// The core of the servers.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core of the load generator.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Measure these whole paths instead, by name; `all` for each: signals, kinds and plugins, from gRPC to nowhere.
    #[arg(long, value_delimiter = ',')]
    paths: Vec<String>,
    /// Keep this server under load until interrupted, for a profiler.
    #[arg(long, value_enum)]
    pause: Option<Server>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.serve {
        None => measure(&cli.options),
        Some(Serving::Boundary(options)) => boundary::run(&options, &plugins(), &guests()),
        Some(Serving::Breaker(options)) => breaker::run(&options, &plugins()),
        Some(Serving::Edits(options)) => edits::run(&options),
        Some(Serving::Exposition(options)) => exposition::run(&options),
        Some(Serving::Instances(options)) => instances::run(&options, &cli.options.settings()?),
        Some(Serving::Load(options)) => loading::run(&options, &plugins()),
        Some(Serving::Overload(options)) => overload::run(&options, &cli.options.settings()?),
        Some(Serving::Swap(options)) => swap::run(&options, &guests(), &cli.options.settings()?),
        Some(Serving::Queue(options)) => queue::run(&options),
        Some(Serving::Serve { what: Serve::Raw }) => servers::raw::run(),
        Some(Serving::Serve { what: Serve::Paced { requests_per_s } }) => servers::paced::run(requests_per_s),
        Some(Serving::Serve { what: Serve::Proxy { to } }) => servers::proxy::run(to),
        Some(Serving::Serve { what: Serve::Prost }) => servers::prost::run(),
        Some(Serving::Serve { what: Serve::Native(files) }) => native::run(files),
    }
}

/// The folder of finished plugins.
fn plugins() -> PathBuf {
    std::env::var_os("OTELIER_PLUGINS").map_or_else(|| "target/plugins".into(), PathBuf::from)
}

/// Where finished guests of the tests are.
fn guests() -> PathBuf {
    std::env::var_os("OTELIER_GUESTS").map_or_else(|| "target/guests".into(), PathBuf::from)
}

fn measure(options: &Options) -> Result<()> {
    let settings = options.settings()?;
    ensure!(options.server_core != options.load_core, "the server and the load generator need a core each");
    kernel::pin(options.server_core)?;
    kernel::pin(options.load_core)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(server) = options.pause {
        let input = options.only.unwrap_or(Input::Delta);
        let batch = options.batch.last().copied().context("no batch size")?;
        let series = options.series(input).last().copied().context("no number of series")?;
        return runtime.block_on(measure::hold(server, &options.plan(input, batch, series), &settings));
    }
    if !options.paths.is_empty() {
        return runtime.block_on(measure_paths(options, &settings));
    }
    for input in Input::value_variants().iter().filter(|input| options.only.is_none_or(|only| only == **input)) {
        for (series, batch) in
            options.series(*input).iter().flat_map(|series| options.batch.iter().map(move |batch| (series, batch)))
        {
            let plan = options.plan(*input, *batch, *series);
            let line = runtime.block_on(compare(&plan, options, &settings))?;
            println!("{}", serde_json::to_string(&line)?);
        }
    }
    Ok(())
}

/// The whole paths that were asked for.
async fn measure_paths(options: &Options, settings: &Settings) -> Result<()> {
    let is_wanted = |name: &str| options.paths.iter().any(|wanted| wanted == "all" || wanted == name);
    let batch = options.batch.last().copied().context("no batch size")?;
    let plan = options.plan(Input::Delta, batch, GROUPS);
    let plan = paths::Plan {
        batch,
        in_flight: plan.in_flight,
        warm_up: plan.warm_up,
        window: plan.window,
        rounds: if options.quick { 1 } else { options.rounds },
    };
    let wanted: Vec<_> = paths::SCENARIOS.iter().filter(|scenario| is_wanted(scenario.name)).collect();
    let known = || paths::SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    ensure!(!wanted.is_empty(), "no such path; there are {}", known());
    for scenario in wanted {
        println!("{}", serde_json::to_string(&paths::run(scenario, &plan, settings).await?)?);
    }
    Ok(())
}

/// All servers in turn, round after round, and the plugin's call alone.
async fn compare(plan: &Plan, options: &Options, settings: &Settings) -> Result<Line> {
    let servers = if options.servers.is_empty() { &Server::ALL[..] } else { &options.servers };
    let rounds_count = if options.quick { 1 } else { options.rounds };
    let mut rounds = Rounds::new(servers);
    let mut shape = None;
    for round in 1..=rounds_count {
        for server in servers {
            let (sample, seen) = measure::run(*server, plan, settings).await?;
            eprintln!(
                "{:?} {:>5}  round {round}  {:<9}  {}",
                plan.input,
                plan.batch,
                server.name(),
                report::text(&sample)
            );
            rounds.add(*server, sample);
            shape = Some(seen);
        }
    }
    let both = [Server::Otelier, Server::Native].iter().all(|server| servers.contains(server));
    let calls = if both { Some(call::measure(plan, settings, rounds_count)?) } else { None };
    Ok(rounds.line(plan, &settings.durability, shape, calls.as_ref()))
}

impl Options {
    /// Cumulative input is always for a few series: what is many there are its streams.
    fn series(&self, input: Input) -> &[usize] {
        if input == Input::Delta { &self.series } else { &[GROUPS] }
    }

    fn plan(&self, input: Input, batch: usize, series: usize) -> Plan {
        let seconds = if self.quick { 2.0 } else { self.seconds };
        // Two flushes of the plugin's default interval, whatever they cost.
        let seconds = if series > GROUPS { f64::max(seconds, 10.0) } else { seconds };
        // Enough to keep the server busy while the disk confirms what came before, and no more than its streams.
        let in_flight = self.in_flight.unwrap_or(match batch {
            0..500 => 100,
            500..4000 => 32,
            _ => 8,
        });
        let (warm_up, window) = (Duration::from_secs_f64(seconds / 5.0), Duration::from_secs_f64(seconds));
        Plan { input, batch, streams: self.streams, series, in_flight, warm_up, window }
    }

    /// Where things are: as `cargo xtask bench` says, or beside this binary and below the working directory.
    fn settings(&self) -> Result<Settings> {
        let beside = std::env::current_exe()?.parent().context("no folder")?.to_owned();
        let path = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
        Ok(Settings {
            core: self.server_core,
            load_core: self.load_core,
            durability: self.durability.clone(),
            otelier: path("OTELIER_BIN").unwrap_or_else(|| beside.join("otelier")),
            plugin: std::path::absolute(plugins().join("aggregate.wasm"))?,
            state_root: beside,
            instances: None,
        })
    }
}
