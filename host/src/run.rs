//! The composition root: load, build, run, drain. The only place that knows every part.

mod batching;
mod board;
mod breakers;
mod check;
mod components;
mod drain;
mod extensions;
mod fetch;
mod own_telemetry;
mod probe;
mod references;
mod schema;
mod signals;
mod supervised;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{self, BuiltInPlugin, ConfigText, Draft, LogEncoding, Plan, PluginPlan, Providers, Sources, Tree};
use crate::contract::{
    Authenticators, Client, ComponentId, Exporter, Health, Ingest, MemoryGate, Phase, Pressure, Stop, Tracer,
};
use crate::control::{self, Desk, Letters};
use crate::delivery::{self, Budget, DeadLetters, Lane, LocalLane, LocalTask, PushLane};
use crate::descriptors;
use crate::families::{ExporterEntry, ExtensionContext, FarEnd, ReceiverContext, Task};
use crate::files::state_dir;
use crate::intake::{Listeners, Serving};
use crate::logs;
use crate::pipeline::{self, Handle, PipelineContext, Place, committer::Committer};
use crate::plugins::{self, AnyPlugin, Described, Loader, Plugins};
use crate::processor::{SecretKey, stored_steady};
use crate::service_manager::ServiceManager;
use crate::status::Board;
use crate::storage::{QueueStore, StateStore, Store};
use crate::telemetry::Registry;
use crate::updates::{self, Updates, Versions};

use batching::BatchingOfPipelines;
pub use breakers::{Simulation, simulate};
pub use components::Components;
use components::ExporterParts;
use extensions::Extensions;
use own_telemetry::Own;
use signals::Ending;

/// How long a shutdown may take before the process gives up on the rest.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// The configuration of a collector that is told of none.
const QUICK_START: &str = include_str!("../../configs/quickstart.yaml");

/// What it goes by in messages.
const QUICK_START_NAME: &str = "quickstart.yaml (built in)";

/// What says which components there are, and how they are set.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The configuration; the quick start's where there is none.
    pub sources: Sources,
    /// The manifest, where there is more than what is built in.
    pub manifest: Option<PathBuf>,
    /// Plugins that need no manifest.
    pub built_in: &'static [BuiltInPlugin],
}

fn default() -> ConfigText<'static> {
    ConfigText { path: Path::new(QUICK_START_NAME), text: QUICK_START }
}

impl Files {
    /// What the configuration goes by in messages.
    fn shown(&self) -> String {
        match self.sources.configs.is_empty() {
            true => QUICK_START_NAME.to_owned(),
            false => self.sources.configs.iter().map(|uri| Sources::shown(uri)).collect::<Vec<_>>().join(", "),
        }
    }

    /// The configuration as it stands once everything is retrieved, merged and replaced, whatever it means.
    pub fn tree(&self) -> Result<Tree> {
        config::load_tree(&self.sources, &default(), &Providers::of_process(&fetch::fetch))
            .map_err(|errors| anyhow::anyhow!("{errors}"))
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it reads.
    pub files: Files,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// Goes before the configuration's choice.
    pub log_encoding: Option<LogEncoding>,
    /// Is told when requests begin to hold much memory, and when they hold little again.
    pub pressure: Option<Pressure>,
    /// Exporter types beside the host's own: a test puts one there that keeps what it gets.
    pub exporters: Vec<ExporterEntry>,
}

/// A configuration that was read, with every plugin compiled and every component's own part understood.
pub struct Loaded {
    plan: Plan,
    components: Components,
    plugins: Plugins,
    /// What they say of themselves.
    described: Described,
}

/// Reads and checks everything that can be checked without opening a port or the store.
/// `exporters` are types beside the host's own.
pub fn load(files: &Files, loader: &Loader, exporters: &[ExporterEntry]) -> Result<Loaded> {
    let components = Components::with(exporters);
    compile(read(files, &components), loader, components)
}

fn read(files: &Files, components: &Components) -> Draft {
    let Files { sources, manifest, built_in } = files;
    let mut draft = config::load(sources, &default(), manifest.as_deref(), &components.known(built_in), &fetch::fetch);
    draft.plan.iter_mut().for_each(|plan| components.modernise(plan));
    draft
}

/// Looks at every part, also of a plan that is not whole, so that one run tells all that is wrong.
fn compile(mut draft: Draft, loader: &Loader, components: Components) -> Result<Loaded> {
    let (mut plugins, mut described) = (Plugins::default(), Described::default());
    if let Some(plan) = draft.plan.take() {
        draft.add(check::check(&plan, &components));
        let (loaded, errors) = plugins::load_all(&plan, loader);
        draft.add(errors);
        described = plugins::describe_all(&plan, &loaded.processors);
        draft.add(std::mem::take(&mut described.errors));
        draft.add(check::waiting_behind_state(&plan, &components, &described.stateful));
        draft.add(breakers::check(&plan, &loaded.policies));
        plugins = loaded;
        draft.plan = Some(plan);
    }
    let unset = draft.unset();
    let plan = draft.finish().map_err(|errors| anyhow::anyhow!("{errors}{unset}"))?;
    Ok(Loaded { plan, components, plugins, described })
}

impl Loaded {
    /// What is probably not meant, but harms nothing: one line each.
    pub fn warnings(&self) -> Vec<String> {
        let own = self.plan.warnings.iter().map(ToString::to_string);
        let of_memory = check::memory_behind_sync(&self.plan, &self.components, &self.described.stateful);
        let of_time = check::slow_attempts(&self.plan, &self.components, &self.described.flush_every);
        own.chain(check::warnings(&self.plan, &self.components)).chain(of_memory).chain(of_time).collect()
    }
}

/// Runs until SIGINT or SIGTERM, then drains. `announce` gets the banner's lines once everything is served.
pub fn run(options: &Options, loader: Arc<Loader>, announce: impl FnOnce(&[String])) -> Result<()> {
    let components = Components::with(&options.exporters);
    let draft = read(&options.files, &components);
    let Some(plan) = draft.plan.as_ref().filter(|_| draft.is_sound()) else {
        return compile(draft, loader.as_ref(), components).map(drop);
    };
    let mut log_settings = plan.telemetry.logs.clone();
    log_settings.encoding = options.log_encoding.unwrap_or(log_settings.encoding);
    let (own, pushed) = Own::new(&plan.telemetry);
    logs::start(&log_settings, pushed).context("service.telemetry.logs.output_paths")?;
    let (files_max, connections_max) = descriptors::raise();
    let config = options.files.shown();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, config, state_dir = %options.state_dir.display(), "starting; plugins are compiled first");
    let wanted = components.connections(plan);
    descriptors::want(wanted);
    if wanted > connections_max {
        tracing::warn!(
            files_max,
            connections_max,
            wanted,
            "the configuration allows more connections than the limit of open files does: raise it (`ulimit -n`, LimitNOFILE) or lower `max_connections`; where there are none left, idle ones give way"
        );
    }
    // Threads that unpack end soon after: what they have freed goes back to the system with them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .context("cannot start the I/O threads")?;
    let _inside = runtime.enter();
    let manager = ServiceManager::of_process();
    manager.status("compiling plugins");
    signals::ignore_others(&manager)?;
    let ending = signals::end()?;
    state_dir::check(&options.state_dir)?;
    let versions = updates::open_versions(&options.state_dir);
    let choosing = updates::choosing(Arc::clone(&versions), Arc::clone(&loader));
    let loaded =
        compile(draft, choosing.as_ref(), components).map_err(|error| told_of_choices(error, &versions, options))?;
    for warning in loaded.warnings() {
        tracing::warn!("{warning}");
    }
    let (registry, tracer) = (own.registry.clone(), own.tracer.clone());
    let pushing = own.push(&loaded.plan.telemetry)?;
    let host = Host::build(loaded, options, loader, versions, (registry, tracer));
    let result = host.and_then(|host| runtime.block_on(host.serve(ending, &manager, announce)));
    runtime.block_on(pushing.finish());
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// An error of a start in which versions run that commands chose: they may be to blame, and nothing in the files tells of them.
fn told_of_choices(error: anyhow::Error, versions: &Mutex<Versions>, options: &Options) -> anyhow::Error {
    let versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
    let state_dir = options.state_dir.display();
    let told = versions.choices().map(|(plugin, choice, sha256)| {
        let version: String = sha256.chars().take(12).collect();
        let by = &choice.by;
        format!(
            "\nplugin `{plugin}` ran in version {version}, which `otelier plugin {by}` chose, and not in its file's; `otelier plugin swap {plugin} --state-dir {state_dir}` takes that back"
        )
    });
    let told: String = told.collect();
    if told.is_empty() { error } else { anyhow::anyhow!("{error:#}{told}") }
}

/// Everything built and bound, nothing served.
struct Host {
    exporters: Vec<(ComponentId, LocalTask, Box<dyn Exporter>)>,
    pushing: Vec<(PushLane, Arc<dyn Client>)>,
    lanes: Vec<Lane>,
    listeners: Listeners,
    serving: Serving,
    /// The banner's lines for pages that are served.
    pages: Vec<String>,
    workers: Workers,
    committer: Committer,
    committing: std::thread::JoinHandle<()>,
    health: Health,
    control: (PathBuf, Desk),
    updates: (Updates, std::thread::JoinHandle<()>),
    /// What works beside the pipelines.
    tasks: Vec<Task>,
    state: StateStore,
}

/// Says which queues on disk nobody sends from: those of exporters that are gone, or that have their queue in memory now.
fn tell_orphans(queues: &QueueStore, pushing: &[(PushLane, Arc<dyn Client>)]) -> Result<()> {
    for (exporter, batches) in queues.holders()? {
        let is_sent = |lane: &PushLane| lane.is_persistent() && lane.id().to_string() == exporter;
        if !pushing.iter().any(|(lane, _)| is_sent(lane)) {
            tracing::warn!(
                exporter,
                batches,
                "the queue on disk holds batches of an exporter that has no queue on disk in this configuration; they stay until it has one again"
            );
        }
    }
    Ok(())
}

impl Host {
    /// Builds the parts from the far end to the near one, so that each finds what it hands over to.
    fn build(
        loaded: Loaded,
        options: &Options,
        loader: Arc<Loader>,
        versions: Arc<Mutex<Versions>>,
        (registry, tracer): (Registry, Tracer),
    ) -> Result<Host> {
        let Loaded { plan, components, plugins: Plugins { processors, policies, versions: loaded_versions }, .. } =
            loaded;
        let health = Health::default();
        let store = Store::open(&options.state_dir)?;
        let secret_key = SecretKey::open(&options.state_dir)?;
        let clock = Clock::system();
        clock.go_on_from(stored_steady(&store.state())?);
        let memory = MemoryGate::default();
        memory.budget(plan.receiver_limits.memory_bytes_max.get());
        options.pressure.into_iter().for_each(|pressure| memory.tell(pressure));
        let topology = extensions::topology(&plan);
        let board = Board::new(&registry, &health, &topology);
        let making = ExtensionContext {
            registry: &registry,
            health: &health,
            topology: &topology,
            memory: &memory,
            board: &board,
        };
        let mut extensions = Extensions::make(&plan, &components, &making)?;
        let pages = extensions.serve_pages(&plan, &registry)?;
        let Extensions { authenticators, quotas, mut tasks, .. } = extensions;
        let (mut exporters, mut pushing, mut lanes, mut gates) = (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
        let dead_letters = DeadLetters::open(store.queues(), plan.delivery.dead_letter_bytes_max.get(), &registry)?;
        let kept = dead_letters.len();
        if kept > 0 {
            tracing::warn!(
                dead_letters = kept,
                "batches that could not be delivered are kept until `otelier dlq replay` or `drop` (see `otelier dlq ls`)"
            );
        }
        let queues = delivery::LaneContext {
            store: store.queues(),
            budget: Budget::new(plan.delivery.queue_bytes_max.get()),
            quotas,
            dead_letters: dead_letters.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
        };
        let batching = BatchingOfPipelines::of(&plan, &components);
        for component in &plan.exporters {
            let id = component.id.clone();
            let parts = ExporterParts { plan: &plan, registry: &registry, authenticators: &authenticators };
            let made = components.make_exporter(component, &parts);
            let lane = match made.map_err(|error| anyhow::anyhow!("exporter {id}: {error}"))? {
                FarEnd::Local(mut exporter) => {
                    exporter.bind()?;
                    if let Some(remarks) = exporter.remarks() {
                        health.ask(&Health::exporter(&id), remarks);
                    }
                    let (near, far) = LocalLane::open(&id, &registry);
                    exporters.push((id.clone(), far, exporter));
                    Lane::Local(near)
                }
                FarEnd::Push(client, config) => {
                    let gate = breakers::gate(&id, config.breaker.as_ref(), &plan, &policies, &registry)?;
                    gates.extend(breakers::place(&id, config.breaker.as_ref(), &plan, &gate));
                    let lane = PushLane::new(&id, batching.applied(&id, *config), gate, &queues)?;
                    health.ask(&Health::exporter(&id), lane.remarks());
                    pushing.push((lane.clone(), client));
                    Lane::Push(lane)
                }
            };
            lanes.insert(id, lane);
        }
        tell_orphans(&store.queues(), &pushing)?;
        let state = store.state();
        let (committer, committing) = Committer::start(store, health.clone(), dead_letters.clone(), &registry)?;
        let context = PipelineContext {
            plan: &plan,
            lanes: lanes.clone(),
            plugins: processors.clone(),
            store: state.clone(),
            committer: committer.clone(),
            letters: dead_letters.clone(),
            registry: registry.clone(),
            tracer,
            clock: clock.clone(),
            health: health.clone(),
            secret_key,
            connect: &|id: &ComponentId, signal| components.make_connector(&plan, id, signal),
        };
        let wired = wire(&context, &components, &authenticators, &memory);
        let serving = Serving { memory, registry: registry.clone(), health: health.clone() };
        drop(context);
        let (workers, listeners, places) = match wired {
            Ok(wired) => wired,
            Err(error) => {
                // The store has to be closed before the process ends.
                drop(committer);
                drain::joined(committing);
                return Err(error);
            }
        };
        let running = |plugin: &PluginPlan| {
            let processor = || processors.get(&plugin.name).cloned().map(AnyPlugin::Processor);
            let loaded = processor().or_else(|| policies.get(&plugin.name).cloned().map(AnyPlugin::Policy))?;
            Some((plugin.clone(), loaded_versions.get(&plugin.name)?.clone(), loaded))
        };
        let of_breakers = plan.breakers.iter().map(|breaker| &breaker.plugin);
        let used = plan.processors.iter().map(|processor| &processor.plugin).chain(of_breakers);
        let near = pushing.iter().map(|(lane, _): &(PushLane, _)| (lane.id().clone(), lane.clone()));
        let letters = Letters::running(dead_letters, near.collect(), &places);
        let (updates, updating) = Updates::start(updates::UpdateContext {
            places,
            gates,
            plugins: used.filter_map(running).collect(),
            loader,
            state_dir: options.state_dir.clone(),
            versions,
            clock,
            registry,
        })?;
        board.fill(board::sources(&updates, pushing.iter().map(|(lane, _)| lane.clone()).collect()));
        let watched = board.clone();
        tasks.push(Box::new(move |stop| Box::pin(watched.watch(stop))));
        let control = (options.state_dir.clone(), Desk { letters, updates: updates.clone(), board });
        let lanes = lanes.into_values().collect();
        Ok(Host {
            updates: (updates, updating),
            control,
            tasks,
            exporters,
            pushing,
            lanes,
            listeners,
            serving,
            pages,
            workers,
            committer,
            committing,
            health,
            state,
        })
    }

    async fn serve(self, ending: Ending, manager: &ServiceManager, announce: impl FnOnce(&[String])) -> Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let mut banner = Vec::new();
        let mut lane_tasks = Vec::new();
        let mut serving = Vec::new();
        for (id, task, mut exporter) in self.exporters {
            if let Some(endpoint) = exporter.endpoint() {
                banner.push(format!("{id:<12} {endpoint}"));
            }
            serving.push((exporter.serve(stop(&stopped)), id));
            lane_tasks.push(tokio::spawn(task.run(exporter)));
        }
        for (lane, client) in self.pushing {
            banner.push(format!("{:<12} to {}", lane.id().to_string(), client.destination()));
            lane_tasks.push(tokio::spawn(lane.run(client)));
        }
        for task in self.tasks {
            drop(tokio::spawn(task(stop(&stopped))));
        }
        // Restored state reaches the exporters before anybody can ask them.
        let workers = self.workers;
        let workers = flushed(workers, false).await?;
        for lane in &self.lanes {
            lane.drained().await;
        }
        drop_stale(self.state).await?;
        ending.drains();
        let served: Vec<JoinHandle<()>> = serving.into_iter().map(|(serving, _)| tokio::spawn(serving)).collect();
        let mut accepting = Vec::new();
        for listener in self.listeners {
            banner.extend(listener.samples().into_iter().map(|(endpoint, line)| format!("{endpoint}\n    {line}")));
            accepting.push(tokio::spawn(listener.serve(&self.serving, stop(&stopped))));
        }
        banner.extend(self.pages);
        let (state_dir, desk) = self.control;
        let control = tokio::spawn(control::serve(state_dir, desk));
        let probing = tokio::spawn(probe::probe(self.health.clone(), self.committer.clone()));
        self.health.enter(Phase::Running);
        let reporting = supervised::start(manager, &self.health, &workers, &self.committer);
        announce(&banner);
        ending.heard().await;
        self.health.enter(Phase::Stopping);
        manager.stopping();
        control.abort();
        probing.abort();
        tracing::info!("draining");
        let drained = drain::drain(drain::Parts {
            updates: self.updates,
            stopping,
            accepting,
            workers,
            lanes: self.lanes,
            lane_tasks,
            served,
            committer: self.committer,
            committing: self.committing,
        });
        tokio::time::timeout(DRAIN_MAX, drained)
            .await
            .context("not drained in time; what was acknowledged is stored")?;
        reporting.abort();
        tracing::info!("drained");
        Ok(())
    }
}

type Workers = Vec<(Handle, std::thread::JoinHandle<()>)>;

/// Running pipelines, the listeners in front of them, and where each processor is.
type Wired = (Workers, Listeners, Vec<Place>);

/// The pipelines, running, and the listeners in front of them, bound.
fn wire(
    context: &PipelineContext<'_>,
    components: &Components,
    authenticators: &Authenticators,
    memory: &MemoryGate,
) -> Result<Wired> {
    let built = pipeline::build(context)?;
    match listeners(context, components, &built.doors, authenticators, memory) {
        Ok(listeners) => Ok((built.workers, listeners, built.places)),
        Err(error) => {
            for (handle, thread) in built.workers {
                handle.stop();
                drain::joined(thread);
            }
            Err(error)
        }
    }
}

/// Flushes every worker, off the I/O threads.
async fn flushed(workers: Workers, last: bool) -> Result<Workers> {
    let flush = move || {
        pipeline::flush_all(workers.iter().map(|(handle, _)| handle), last);
        workers
    };
    Ok(tokio::task::spawn_blocking(flush).await?)
}

/// What the start has replaced and is not to be read any more leaves the disk.
async fn drop_stale(state: StateStore) -> Result<()> {
    let dropped = tokio::task::spawn_blocking(move || state.drop_stale()).await?;
    if let Err(error) = dropped {
        tracing::warn!("secrets that an older version has stored are still on the disk: {error}");
    }
    Ok(())
}

fn stop(stopped: &watch::Receiver<bool>) -> Stop {
    let mut stopped = stopped.clone();
    Box::pin(async move {
        // An error means that the sender is gone: that is a stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    })
}

fn listeners(
    context: &PipelineContext<'_>,
    components: &Components,
    doors: &HashMap<ComponentId, Arc<dyn Ingest>>,
    authenticators: &Authenticators,
    memory: &MemoryGate,
) -> Result<Listeners> {
    let mut ports = Vec::new();
    for component in &context.plan.receivers {
        let Some(door) = doors.get(&component.id) else { continue };
        let making = ReceiverContext { ingest: door.clone(), registry: &context.registry, authenticators, memory };
        ports.extend(components.make_receiver(component, &making)?);
    }
    let (mut listeners, errors) = Listeners::join(ports);
    if let Some(error) = errors.into_iter().next() {
        return Err(anyhow::anyhow!("receiver {}: {error}", error.receiver));
    }
    listeners.bind()?;
    Ok(listeners)
}

#[cfg(test)]
mod tests;
