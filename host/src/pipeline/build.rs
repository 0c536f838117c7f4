//! Wiring: which pipelines share a worker, and the instances they start with.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::clock::Clock;
use crate::config::{PipelinePlan, Plan, ProcessorPlan};
use crate::contract::{ComponentId, Connector, Durability, Ingest, Refusal, Request, Signal, Trace, Tracer};
use crate::delivery::{DeadLetters, Lane};
use crate::families::MakeError;
use crate::otlp::partition::Partitions;
use crate::processor::{Instance, InstanceError, Partition, Plugin, SecretKey, Secrets, Setup, Telling, partitions_of};
use crate::storage::StateStore;
use crate::telemetry::{Histogram, Registry};

use super::committer::{Committer, Generation, Trip};
use super::connected::{Exit, Pipeline};
use super::handle::{Entrance, Handle};
use super::health::Health;
use super::of_signal::OfSignal;
use super::slot::Slot;
use super::step::{Helpers, Processors, Step};
use super::worker::Worker;

/// What pipelines are built from.
pub struct PipelineContext<'m> {
    /// The validated configuration.
    pub plan: &'m Plan,
    /// A lane for every exporter of the plan.
    pub lanes: HashMap<ComponentId, Lane>,
    /// A compiled plugin for every name of the manifest that is used.
    pub plugins: HashMap<String, Arc<dyn Plugin>>,
    /// State.
    pub store: StateStore,
    /// The commit.
    pub committer: Committer,
    /// Where items go on which a plugin breaks.
    pub letters: DeadLetters,
    /// The host's own metrics.
    pub registry: Registry,
    /// Which trips have a trace.
    pub tracer: Tracer,
    /// The time.
    pub clock: Clock,
    /// Where troubles are told.
    pub health: Health,
    /// What stored secrets are hashed with.
    pub secret_key: SecretKey,
    /// Makes what a connector puts between pipelines of a signal.
    pub connect: &'m Connect<'m>,
}

/// Makes what a connector puts between pipelines of a signal.
pub type Connect<'m> = dyn Fn(&ComponentId, Signal) -> Result<Arc<dyn Connector>, MakeError> + 'm;

/// A pipeline that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A processor does not start.
    #[error("processor {component}: {source}")]
    Processor {
        /// The component id.
        component: ComponentId,
        /// Why.
        source: Box<InstanceError>,
    },
    /// A connector cannot be made.
    #[error("connector {component}: {reason}")]
    Connector {
        /// The component id.
        component: ComponentId,
        /// Why.
        reason: MakeError,
    },
    /// Its state would be committed before its senders are answered.
    #[error(
        "pipeline {pipeline} has a plugin that keeps state, and its receiver also feeds exporter {exporter}, which lets senders wait for the destination: a request that is refused afterwards and sent again would count twice; switch `wait_for_result` off and `sending_queue` on, or put them into pipelines of receivers of their own"
    )]
    WaitsBehindState {
        /// The pipeline.
        pipeline: ComponentId,
        /// The exporter.
        exporter: ComponentId,
    },
    /// No thread can be had.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The same, for several instances of a processor.
    #[error("cannot start threads for several instances: {0}")]
    Helpers(#[from] rayon_core::ThreadPoolBuildError),
}

impl BuildError {
    /// A pipeline whose state would be committed before the senders of that exporter are answered.
    pub fn waits_behind_state(pipeline: &PipelinePlan, exporter: &ComponentId) -> BuildError {
        BuildError::WaitsBehindState { pipeline: pipeline.id.clone(), exporter: exporter.clone() }
    }
}

/// Running pipelines.
pub struct Built {
    /// Each worker and its thread.
    pub workers: Vec<(Handle, JoinHandle<()>)>,
    /// For each receiver, where its requests go.
    pub doors: HashMap<ComponentId, Arc<dyn Ingest>>,
    /// Where each processor runs.
    pub places: Vec<Place>,
}

/// Where a processor runs.
pub struct Place {
    /// The name of its plugin in the manifest.
    pub plugin: String,
    /// The worker.
    pub handle: Handle,
    /// Its number: no batch passes two workers.
    pub worker: usize,
    /// Which of the worker's slots.
    pub slot: usize,
    /// What its instances are made from.
    pub setup: Setup,
    /// Its pipeline.
    pub pipeline: String,
    /// For people: the processor and its pipeline.
    pub part: String,
    /// Whether it kept state when its pipeline was built: how requests are answered and ordered there depends on it.
    pub keeps_state: bool,
}

/// Builds every instance and starts the workers. Nothing runs when one of them fails.
pub fn build(context: &PipelineContext<'_>) -> Result<Built, BuildError> {
    let groups = groups(&context.plan.pipelines);
    let mut workers = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        workers.push((worker(number, group, context)?, group));
    }
    let processors = workers.iter().flat_map(|((worker, _), _)| worker.processors());
    let stateful = processors.filter(|(_, _, keeps_state)| *keeps_state).map(|(_, setup, _)| setup.id).collect();
    let waits = |id: &ComponentId| context.lanes.get(id).is_some_and(Lane::waits);
    if let Some((pipeline, exporter)) = context.plan.waiting_behind_state(&stateful, waits).first() {
        return Err(BuildError::waits_behind_state(pipeline, exporter));
    }
    let (mut doors, mut started, mut places) = (HashMap::<ComponentId, Door>::new(), Vec::new(), Vec::new());
    for ((worker, sources), group) in workers {
        let number = worker.number;
        let told = |(slot, setup, keeps_state)| (slot, setup, keeps_state, worker.pipeline(slot), worker.part(slot));
        let processors: Vec<_> = worker.processors().map(told).collect();
        let (handle, thread) = worker.start()?;
        for (slot, setup, keeps_state, pipeline, part) in processors {
            let plan = context.plan.processors.iter().find(|processor| processor.component.id == setup.id);
            let plugin = plan.map(|processor| processor.plugin.name.clone()).unwrap_or_default();
            let (handle, worker) = (handle.clone(), number);
            places.push(Place { plugin, handle, worker, slot, setup, pipeline, part, keeps_state });
        }
        for (source, (receiver, signal)) in sources.into_iter().enumerate() {
            let new = || Door { entrances: HashMap::new(), tracer: context.tracer.clone() };
            let door = doors.entry(receiver).or_insert_with(new);
            door.entrances.insert(signal, handle.entrance(source));
        }
        tracing::debug!(pipelines = group.len(), "worker started");
        started.push((handle, thread));
    }
    let doors = doors.into_iter().map(|(receiver, door)| (receiver, Arc::new(door) as Arc<dyn Ingest>)).collect();
    Ok(Built { workers: started, doors, places })
}

/// Pipelines that share a receiver or are connected, directly or over others, in one group.
fn groups(pipelines: &[PipelinePlan]) -> Vec<Vec<&PipelinePlan>> {
    let mut groups: Vec<Vec<&PipelinePlan>> = Vec::new();
    for pipeline in pipelines {
        let shares = |other: &&PipelinePlan| {
            let is_beside = other.signal == pipeline.signal
                && other.receivers.iter().any(|receiver| pipeline.receivers.contains(receiver));
            is_beside || feeds(other, pipeline) || feeds(pipeline, other)
        };
        let (mut joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.iter().any(shares));
        groups = apart;
        let mut group: Vec<&PipelinePlan> = joined.drain(..).flatten().collect();
        group.push(pipeline);
        groups.push(group);
    }
    groups.into_iter().map(in_front_first).collect()
}

/// Whether a connector leads from one pipeline to another.
fn feeds(front: &PipelinePlan, next: &PipelinePlan) -> bool {
    front.ended_by.iter().any(|connector| front.leads_to(connector, next))
}

/// Pipelines in the order in which a request passes them: what the last flush of one emits comes before the last flush of those behind it.
fn in_front_first(mut group: Vec<&PipelinePlan>) -> Vec<&PipelinePlan> {
    let mut ordered = Vec::with_capacity(group.len());
    while !group.is_empty() {
        let is_first = |pipeline: &&&PipelinePlan| !group.iter().any(|front| feeds(front, pipeline));
        // There are no circles; if there were, their pipelines stay in the order of the file.
        let first = group.iter().position(|pipeline| is_first(&pipeline)).unwrap_or(0);
        ordered.push(group.remove(first));
    }
    ordered
}

type Sources = Vec<(ComponentId, Signal)>;

/// Threads for processors of several instances, if there are any.
fn helpers(steps: &[Step]) -> Result<Option<Helpers>, BuildError> {
    let most = steps.iter().map(|step| step.slots.len()).max().unwrap_or(1);
    if most > 1 { Ok(Some(Helpers::start(most)?)) } else { Ok(None) }
}

/// How batches are divided among the instances of a processor, where it has several.
fn divided(processor: &ProcessorPlan) -> Option<Arc<Partitions>> {
    let instances = &processor.plugin.instances;
    (instances.count > 1).then(|| Arc::new(partitions_of(instances)))
}

/// What each instance of a processor is of it.
fn partitions(divided: Option<&Arc<Partitions>>) -> Vec<Option<Partition>> {
    let Some(of) = divided else { return vec![None] };
    (0..of.count()).map(|number| Some(Partition { number, of: Arc::clone(of) })).collect()
}

fn worker(
    number: usize,
    group: &[&PipelinePlan],
    context: &PipelineContext<'_>,
) -> Result<(Worker, Sources), BuildError> {
    let generation = Generation::new(number);
    let (mut slots, mut steps, mut pipelines, mut next_trip) = (Vec::new(), Vec::new(), Vec::new(), 1);
    for plan in group {
        let (first, first_step) = (slots.len(), steps.len());
        for id in &plan.processors {
            let processor = context.plan.processors.iter().find(|processor| processor.component.id == *id);
            let Some(processor) = processor else { continue };
            let start = slots.len();
            let divided = divided(processor);
            if let Some(of) = &divided {
                let keys = processor.plugin.instances.partition_by.iter().map(|by| by.key.as_str());
                let partition_by = keys.collect::<Vec<_>>().join(", ");
                tracing::info!(processor = %id, instances = of.count(), partition_by, "a processor has several instances");
            }
            for partition in partitions(divided.as_ref()) {
                slots.push(slot(processor, plan, partition, (&generation, next_trip), context)?);
                next_trip += 1;
            }
            steps.push(Step { slots: start..slots.len(), divided });
        }
        let stateful = slots.iter().skip(first).any(Slot::is_stateful);
        let lanes: Vec<Lane> = plan.exporters.iter().filter_map(|id| context.lanes.get(id).cloned()).collect();
        let on_disk = stateful || lanes.iter().any(Lane::is_persistent);
        pipelines.push(Pipeline {
            id: plan.id.to_string(),
            steps: first_step..steps.len(),
            lanes,
            exits: exits(plan, group, context)?,
            behind: places(context.plan.behind(plan).into_iter().skip(1), group),
            reached: Vec::new(),
            durability: plan.durability.unwrap_or(if on_disk { Durability::Sync } else { Durability::Memory }),
        });
    }
    let connected: Vec<_> = pipelines.iter().map(|pipeline| of_connected(&pipelines, pipeline)).collect();
    for (pipeline, (strictest, reached)) in pipelines.iter_mut().zip(connected) {
        pipeline.durability = strictest;
        pipeline.reached = reached;
    }
    let stateful = slots.iter().any(Slot::is_stateful);
    let sources = sources(group);
    let behind = |(receiver, signal): &(ComponentId, Signal)| {
        let is_behind = |plan: &PipelinePlan| plan.signal == *signal && plan.receivers.contains(receiver);
        group.iter().enumerate().filter(|(_, plan)| is_behind(plan)).map(|(place, _)| place).collect()
    };
    let worker = Worker {
        number,
        processors: Processors { helpers: helpers(&steps)?, slots, steps },
        pipelines,
        sources: sources.iter().map(behind).enumerate().collect(),
        waits: sources.iter().map(|source| waits(source, context)).collect(),
        committer: context.committer.clone(),
        letters: context.letters.clone(),
        stateful,
        generation,
        next_trip,
        clock: context.clock.clone(),
        health: context.health.clone(),
        left_alone: HashMap::new(),
        swaps: Vec::new(),
        forks: Vec::new(),
        handed_over: 0,
    };
    Ok((worker, sources))
}

/// Where pipelines of a group stand in it.
fn places<'p>(pipelines: impl Iterator<Item = &'p PipelinePlan>, group: &[&PipelinePlan]) -> Vec<usize> {
    pipelines.filter_map(|pipeline| group.iter().position(|other| other.id == pipeline.id)).collect()
}

/// The strictest durability of a pipeline and those behind it, and their lanes, each once.
fn of_connected(pipelines: &[Pipeline], start: &Pipeline) -> (Durability, Vec<Lane>) {
    let (mut strictest, mut reached) = (start.durability, start.lanes.clone());
    for pipeline in start.behind.iter().filter_map(|place| pipelines.get(*place)) {
        strictest = strictest.max(pipeline.durability);
        for lane in &pipeline.lanes {
            if !reached.iter().any(|known| known.id() == lane.id()) {
                reached.push(lane.clone());
            }
        }
    }
    (strictest, reached)
}

/// The connectors that end a pipeline of a group. Those that they begin are in the same group.
fn exits(plan: &PipelinePlan, group: &[&PipelinePlan], context: &PipelineContext<'_>) -> Result<Vec<Exit>, BuildError> {
    let exit = |id: &ComponentId| {
        let fail = |reason| BuildError::Connector { component: id.clone(), reason };
        let behind = places(context.plan.next(plan, id), group);
        let (connector, signal) = (id.to_string(), plan.signal.name());
        let labels = [("connector", connector.as_str()), ("signal", signal)];
        let help = "Items that no pipeline behind a connector gets.";
        let unrouted = context.registry.counter("otelier_connector_unrouted_items", help, &labels);
        let connector = match (&plan.of_connector, context.plan.is_plugin(id)) {
            (Some(_), _) => OfSignal::connector(Signal::Metrics, behind.len()),
            (None, true) => OfSignal::connector(plan.signal, behind.len()),
            (None, false) => (context.connect)(id, plan.signal).map_err(fail)?,
        };
        Ok(Exit { connector, behind, unrouted })
    };
    plan.ended_by.iter().map(exit).collect()
}

fn sources(group: &[&PipelinePlan]) -> Sources {
    let mut sources: Sources = Vec::new();
    for plan in group {
        for receiver in &plan.receivers {
            let source = (receiver.clone(), plan.signal);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    sources
}

/// How long requests of a source wait for a worker.
fn waits((receiver, signal): &(ComponentId, Signal), context: &PipelineContext<'_>) -> Histogram {
    let receiver = receiver.to_string();
    let labels = [("receiver", receiver.as_str()), ("data_type", signal.name())];
    let help = "How long requests waited until their worker had begun with them.";
    context.registry.histogram("otelier_receiver_queue_wait_seconds", help, &labels)
}

fn slot(
    processor: &ProcessorPlan,
    pipeline: &PipelinePlan,
    partition: Option<Partition>,
    (generation, trip): (&Generation, u64),
    context: &PipelineContext<'_>,
) -> Result<Slot, BuildError> {
    let component = &processor.component;
    let fail = |source| BuildError::Processor { component: component.id.clone(), source: Box::new(source) };
    let plugin = context.plugins.get(&processor.plugin.name).ok_or_else(|| fail(InstanceError::NotLoaded))?;
    let setup = Setup {
        id: component.id.clone(),
        plugin: plugin.clone(),
        config: component.node.to_json().to_string(),
        secrets: Secrets::new(component.node.secrets(), &context.secret_key),
        signal: pipeline.signal,
        connects: pipeline.of_connector.is_some(),
        limits: processor.plugin.limits.granted(),
        on_trap: processor.plugin.on_trap,
        store: context.store.clone(),
        watermark: generation.watermark.clone(),
        partition,
        telling: Some(Telling::default()),
        registry: Some(context.registry.clone()),
    };
    let (mut instance, writes) = Instance::build(setup, trip, context.clock.moment()).map_err(fail)?;
    instance.tell_unread_kinds();
    context.committer.commit(Trip::of_writes(generation.clone(), trip, writes));
    Ok(Slot::new(instance, &context.registry))
}

/// A receiver's way into the workers, by signal.
struct Door {
    entrances: HashMap<Signal, Entrance>,
    tracer: Tracer,
}

impl Ingest for Door {
    fn submit(&self, request: Request) {
        // Withdrawn already.
        let Some(signal) = request.batch().map(|batch| batch.signal) else { return };
        match self.entrances.get(&signal) {
            Some(entrance) => entrance.submit(request),
            None => request.refuse(Refusal::NoPipeline { signal }),
        }
    }

    fn trace(&self) -> Trace {
        self.tracer.begin()
    }

    fn takes(&self, signal: Signal) -> bool {
        self.entrances.contains_key(&signal)
    }
}
