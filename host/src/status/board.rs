//! Where everything that there is to tell comes together, at the moment somebody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::counts::{self, Counts, FLOWS, Family, get};
use super::last_errors::last_errors;
use super::rates::{INTERVAL, Rates};
use super::report::{
    Breaker, DeadLettersShown, Flow, HealthShown, Part, PipelineShown, PluginShown, Queue, Report, TroubleShown,
};
use crate::clock::{self, Clock};
use crate::contract::{Health, Members, Phase, Severity, Signal, Stop, Topology};
use crate::telemetry::{Labels, Registry, Value};

/// Flows that are shown although nothing has come, for the signals that their component has.
const ALWAYS: [&str; 3] = ["accepted", "incoming", "sent"];

/// What only the running parts know. Asked at each report; none of them waits.
pub struct Sources {
    /// Which plugins run, by name.
    pub plugins: Box<dyn Fn() -> Vec<PluginShown> + Send + Sync>,
    /// Of each exporter that has a queue of its own, by id: for how long the first entry has waited, and whether the queue is on disk.
    pub queues: Box<dyn Fn() -> QueueAges + Send + Sync>,
}

/// By the exporter's id: for how long the first entry has waited, and whether the queue is on disk.
pub type QueueAges = BTreeMap<String, (Option<Duration>, bool)>;

/// What a host tells of itself. Clones tell the same.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    registry: Registry,
    health: Health,
    topology: Topology,
    /// In nanoseconds since the Unix epoch.
    started: u64,
    sources: OnceLock<Sources>,
    rates: Mutex<Rates>,
}

impl Board {
    /// Of a host whose parts are still to be built.
    pub fn new(registry: &Registry, health: &Health, topology: &Topology) -> Board {
        Board(Arc::new(Inner {
            registry: registry.clone(),
            health: health.clone(),
            topology: topology.clone(),
            started: Clock::system().now(),
            sources: OnceLock::new(),
            rates: Mutex::default(),
        }))
    }

    /// The parts are there. Only the first call counts.
    pub fn fill(&self, sources: Sources) {
        let _ = self.0.sources.set(sources);
    }

    /// Looks at counters until `stop` resolves, so that rates are known when somebody asks.
    pub async fn watch(self, mut stop: Stop) {
        loop {
            self.sample(Instant::now());
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    pub(super) fn sample(&self, now: Instant) {
        let counts = counts::counts(&self.0.registry);
        self.rates().put(now, counts);
    }

    /// Everything at this moment.
    pub fn report(&self) -> Report {
        self.report_at(Instant::now())
    }

    pub(super) fn report_at(&self, now: Instant) -> Report {
        let Inner { topology, started, sources, .. } = self.0.as_ref();
        let counts = counts::counts(&self.0.registry);
        // A guard would live as long as the report is being put together.
        let rate_seconds = rounded(self.rates().seconds(now));
        let parts = |family| self.parts(family, &counts, now);
        let uptime = Clock::system().now().saturating_sub(*started);
        let (phase, _) = self.0.health.phase();
        let phase = match phase {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Stopping => "stopping",
        };
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phase: phase.to_owned(),
            started: clock::date(*started),
            uptime_seconds: Duration::from_nanos(uptime).as_secs(),
            rate_seconds,
            health: self.health(),
            pipelines: topology.pipelines.iter().map(pipeline).collect(),
            receivers: parts(Family::Receiver),
            processors: parts(Family::Processor),
            connectors: parts(Family::Connector),
            exporters: self.exporters(parts(Family::Exporter)),
            extensions: topology.extensions.clone(),
            plugins: sources.get().map(|sources| (sources.plugins)()).unwrap_or_default(),
            dead_letters: DeadLettersShown {
                count: self.level("otelier_dead_letters"),
                bytes: self.level("otelier_dead_letter_bytes"),
            },
            last_errors: last_errors(),
        }
    }

    fn health(&self) -> HealthShown {
        let obstacle = self.0.health.obstacle();
        let shown = |(part, trouble): (String, crate::contract::Trouble)| TroubleShown {
            part,
            severity: if trouble.severity == Severity::Failed { "failed" } else { "degraded" }.to_owned(),
            message: trouble.message,
            since: clock::date(trouble.since),
        };
        let troubles = self.0.health.details().into_iter().map(shown).collect();
        HealthShown { ready: obstacle.is_none(), obstacle, troubles }
    }

    /// The components of a family, with what they count.
    fn parts(&self, family: Family, counts: &Counts, now: Instant) -> Vec<Part> {
        let (of_topology, rates) = (self.signals_of(family), self.rates());
        let mut parts: BTreeMap<&str, Part> = BTreeMap::new();
        for id in of_topology.keys() {
            parts.insert(id, Part { id: (*id).to_owned(), ..Part::default() });
        }
        for (key, count) in counts {
            let (of_family, id, flow, signal) = key;
            let (Some(flow), Some(signal)) = (FLOWS.get(*flow), Signal::ALL.get(*signal)) else { continue };
            let is_used = of_topology.get(id.as_str()).is_some_and(|signals| signals.contains(signal.name()));
            if *of_family != family || (*count == 0 && !(is_used && ALWAYS.contains(&flow.name))) {
                continue;
            }
            let part = parts.entry(id).or_insert_with(|| Part { id: id.clone(), ..Part::default() });
            let per_second = rounded(rates.per_second(key, *count, now));
            let (what, signal) = (flow.name.to_owned(), signal.name().to_owned());
            part.flows.push(Flow { what, signal, total: *count, per_second });
        }
        parts.into_values().collect()
    }

    /// The components of a family that stand in pipelines, each with the signals of its pipelines.
    fn signals_of(&self, family: Family) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for pipeline in &self.0.topology.pipelines {
            let signal = pipeline.id.split('/').next().unwrap_or_default();
            let ids: Vec<&String> = match family {
                Family::Receiver => pipeline.receivers.iter().collect(),
                Family::Processor => pipeline.processors.iter().collect(),
                Family::Exporter => pipeline.exporters.iter().collect(),
                Family::Connector => pipeline.begun_by.iter().chain(&pipeline.ended_by).collect(),
            };
            for id in ids {
                found.entry(id).or_default().insert(signal);
            }
        }
        found
    }

    /// Adds to exporters what stands in front of them.
    fn exporters(&self, mut exporters: Vec<Part>) -> Vec<Part> {
        let registry = &self.0.registry;
        let [sizes, capacities, in_flight, states, rejected] = [
            "otelcol_exporter_queue_size",
            "otelcol_exporter_queue_capacity",
            "otelcol_exporter_in_flight_requests",
            "otelier_breaker_state",
            "otelier_breaker_rejected",
        ]
        .map(|name| registry.series(name));
        let ages = self.0.sources.get().map(|sources| (sources.queues)()).unwrap_or_default();
        for exporter in &mut exporters {
            let id = exporter.id.as_str();
            let age = ages.get(id);
            exporter.queue = of(&sizes, id).next().map(|(labels, size)| Queue {
                sizer: get(labels, "sizer").unwrap_or("requests").to_owned(),
                size,
                capacity: of(&capacities, id).next().map(|(_, capacity)| capacity),
                in_flight: of(&in_flight, id).map(|(_, count)| count).sum(),
                oldest_seconds: age.and_then(|(oldest, _)| *oldest).map(|oldest| rounded(oldest.as_secs_f64())),
                persistent: age.is_some_and(|(_, is_persistent)| *is_persistent),
            });
            exporter.breaker = of(&states, id).next().map(|(labels, state)| Breaker {
                id: get(labels, "breaker").unwrap_or_default().to_owned(),
                state: state_name(state).to_owned(),
                rejected: of(&rejected, id).map(|(_, count)| count).sum(),
            });
        }
        exporters
    }

    /// The value of a gauge without labels.
    fn level(&self, name: &str) -> u64 {
        u64::try_from(self.0.registry.total(name, &[])).unwrap_or(0)
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pipeline(members: &Members) -> PipelineShown {
    let both = |first: &[String], second: &[String]| first.iter().chain(second).cloned().collect();
    PipelineShown {
        id: members.id.clone(),
        receivers: both(&members.receivers, &members.begun_by),
        processors: members.processors.clone(),
        exporters: both(&members.exporters, &members.ended_by),
    }
}

/// An exporter's series of a family.
fn of<'s>(series: &'s [(Labels, Value)], exporter: &'s str) -> impl Iterator<Item = (&'s Labels, u64)> + use<'s> {
    series.iter().filter(move |(labels, _)| get(labels, "exporter") == Some(exporter)).filter_map(|(labels, value)| {
        match value {
            Value::Count(count) => Some((labels, *count)),
            Value::Level(level) => Some((labels, u64::try_from(*level).unwrap_or(0))),
            _ => None,
        }
    })
}

/// The gauge's values, as `otelier_breaker_state` is documented.
fn state_name(state: u64) -> &'static str {
    match state {
        0 => "closed",
        1 => "half_open",
        _ => "open",
    }
}

/// To a tenth: people read it.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
