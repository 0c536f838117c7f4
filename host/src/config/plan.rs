//! A configuration in which everything holds: every reference is defined, every type known, every pipeline whole.
//!
//! Only `config` makes a [`Plan`], so later code need not check again. Components' own bodies are the exception: they
//! stay [`Node`]s until their factories read them.

use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

use super::error::{Error, Position};
use super::host_keys::Named;
use super::node::Node;
use super::problem::{Family, Problem};
use super::telemetry::Telemetry;
use super::versions::Folder;
use crate::contract::{self, BUDGET_BYTES, ComponentId, Durability, Grants, Instances, OnTrap, Signal};

/// What to build and run. Holds only components that a pipeline or the service uses, in the order of the file.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Receivers of some pipeline.
    pub receivers: Vec<Component>,
    /// Processors of some pipeline.
    pub processors: Vec<ProcessorPlan>,
    /// Exporters of some pipeline.
    pub exporters: Vec<Component>,
    /// Exporters that stand in no pipeline, but in an exporter that names others.
    pub members: Vec<Component>,
    /// Processors of some pipeline that are no plugins: they look at the whole process.
    pub of_process: Vec<Component>,
    /// Extensions of the service.
    pub extensions: Vec<Component>,
    /// What stands between pipelines.
    pub connectors: Vec<Component>,
    /// Extensions that are breakers, which run where an exporter names them.
    pub breakers: Vec<BreakerPlan>,
    /// At least one.
    pub pipelines: Vec<PipelinePlan>,
    /// Processors that stand in more than one of them, which only those without state may.
    pub shared: Vec<SharedProcessor>,
    /// What the host says about itself.
    pub telemetry: Telemetry,
    /// `service.telemetry` as it stands in the file.
    pub telemetry_node: Option<Node>,
    /// Bounds over all exporters.
    pub delivery: DeliveryLimits,
    /// Bounds over all receivers.
    pub receiver_limits: ReceiverLimits,
    /// Components that stand nowhere: they do not run, and what is wrong with them is told all the same.
    pub unused: Vec<(Family, Component)>,
    /// What is probably not meant, but harms nothing.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// Pipelines that get the same requests as this one, or something of them, itself among them: those behind any receiver that it is behind.
    pub fn beside(&self, pipeline: &PipelinePlan) -> Vec<&PipelinePlan> {
        let receivers = |start: &&PipelinePlan| !start.receivers.is_empty();
        let starts = self.pipelines.iter().filter(receivers).filter(|start| start.signal == pipeline.signal);
        let reached: Vec<(&PipelinePlan, Vec<&PipelinePlan>)> =
            starts.map(|start| (start, self.behind(start))).collect();
        let is_in = |one: &PipelinePlan, several: &[&PipelinePlan]| several.iter().any(|other| other.id == one.id);
        let ways = reached.iter().filter(|(_, behind)| is_in(pipeline, behind));
        let receivers: Vec<&ComponentId> = ways.flat_map(|(start, _)| &start.receivers).collect();
        let mut beside: Vec<&PipelinePlan> = Vec::new();
        for (start, behind) in &reached {
            if start.receivers.iter().any(|receiver| receivers.contains(&receiver)) {
                beside.extend(behind.iter().filter(|other| !is_in(other, &beside)).copied().collect::<Vec<_>>());
            }
        }
        beside
    }

    /// The pipelines that a connector begins where one of this signal ends in it.
    pub fn begun_by<'p>(
        &'p self,
        connector: &'p ComponentId,
        signal: Signal,
    ) -> impl Iterator<Item = &'p PipelinePlan> {
        self.pipelines.iter().filter(move |other| other.signal == signal && other.begun_by.contains(connector))
    }

    /// The pipelines that get what one gets, or something of it: itself, and those behind its connectors. There are no circles.
    pub fn behind<'p>(&'p self, start: &'p PipelinePlan) -> Vec<&'p PipelinePlan> {
        let mut behind = vec![start];
        let mut next = 0;
        while let Some(pipeline) = behind.get(next).copied() {
            next += 1;
            for other in pipeline.ended_by.iter().flat_map(|connector| self.begun_by(connector, pipeline.signal)) {
                if !behind.iter().any(|known| known.id == other.id) {
                    behind.push(other);
                }
            }
        }
        behind
    }
}

/// `service.delivery`: bounds over all exporters that push.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryLimits {
    /// Bytes that all queues in memory may hold together.
    pub queue_bytes_max: NonZeroU64,
    /// Bytes of dead letters that are kept; the oldest make room.
    pub dead_letter_bytes_max: NonZeroU64,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        const BYTES: NonZeroU64 = const { NonZeroU64::new(256 << 20).unwrap() };
        DeliveryLimits { queue_bytes_max: BYTES, dead_letter_bytes_max: BYTES }
    }
}

/// `service.receivers`: bounds over all receivers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverLimits {
    /// Bytes that requests under way may hold together: as they arrive, unpacked, until they are answered.
    pub memory_bytes_max: NonZeroU64,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        ReceiverLimits { memory_bytes_max: const { NonZeroU64::new(BUDGET_BYTES).unwrap() } }
    }
}

/// One component and its unread configuration.
#[derive(Debug, Clone)]
pub struct Component {
    /// As in the configuration.
    pub id: ComponentId,
    /// A mapping, or nothing for all defaults.
    pub node: Node,
}

/// One processor and the plugin that does its work.
#[derive(Debug, Clone)]
pub struct ProcessorPlan {
    /// Its id and the configuration the plugin will read: without the keys that are the host's.
    pub component: Component,
    /// From the manifest.
    pub plugin: PluginPlan,
    /// The storage extension that has its state, where it names one.
    pub storage: Option<Named>,
}

/// One breaker and the plugin that decides for it.
#[derive(Debug, Clone)]
pub struct BreakerPlan {
    /// Its id and the configuration, which the gate and the plugin read.
    pub component: Component,
    /// From the manifest.
    pub plugin: PluginPlan,
}

/// One pipeline. Its lists name components of the plan; none is listed twice.
#[derive(Debug, Clone)]
pub struct PipelinePlan {
    /// `metrics`, `metrics/name`.
    pub id: ComponentId,
    /// From the part of the id before the slash.
    pub signal: Signal,
    /// At least one, if no connector begins it.
    pub receivers: Vec<ComponentId>,
    /// Connectors that begin it.
    pub begun_by: Vec<ComponentId>,
    /// In the order in which batches pass them.
    pub processors: Vec<ComponentId>,
    /// At least one, if no connector ends it.
    pub exporters: Vec<ComponentId>,
    /// Connectors that end it.
    pub ended_by: Vec<ComponentId>,
    /// When the sender is answered; `None` leaves it to what is in the pipeline.
    pub durability: Option<Durability>,
    /// Of its key.
    pub position: Position,
}

/// A processor that stands in another pipeline too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedProcessor {
    /// Its id.
    pub id: ComponentId,
    /// The pipeline that has it first.
    pub first: ComponentId,
    /// The pipeline that has it as well.
    pub second: ComponentId,
    /// Where that says so.
    pub position: Position,
}

impl SharedProcessor {
    /// What is wrong with it if it keeps state.
    pub fn with_state(&self) -> Error {
        let separator = if self.id.name().is_some() { '_' } else { '/' };
        let (id, first, second) = (self.id.to_string(), self.first.to_string(), self.second.to_string());
        Error::new(&self.position, Problem::SharedProcessor { id, first, second, separator })
    }
}

/// One plugin of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginPlan {
    /// Its key, which is the type of the processors that use it.
    pub name: String,
    /// The component, relative paths resolved against the manifest's folder. Not opened yet. Of a plugin that is built in, a name for people.
    pub file: PathBuf,
    /// The component's bytes, where it is built in.
    pub built_in: Option<&'static [u8]>,
    /// Where the manifest names the file, for an error about it.
    pub file_position: Position,
    /// Which contract it speaks.
    pub world: World,
    /// What the file's content must hash to, if pinned.
    pub sha256: Option<[u8; 32]>,
    /// Where its versions lie, if the manifest names a folder: `file` is the one that was chosen there.
    pub folder: Option<Folder>,
    /// As the file's name has it.
    pub version: Option<Version>,
    /// What to do when the file changes, or a folder gets a newer one.
    pub update: Update,
    /// What it may use.
    pub limits: Limits,
    /// Where the manifest says so, or where it could.
    pub limits_position: Position,
    /// What it may import.
    pub grants: Grants,
    /// What becomes of a batch on which it failed.
    pub on_trap: OnTrap,
    /// How many there are of each processor, of which items.
    pub instances: Instances,
    /// Where the manifest says so.
    pub instances_position: Position,
}

impl PluginPlan {
    /// A plugin that is built in, as it is where no manifest says otherwise.
    pub fn built_in(plugin: &BuiltInPlugin) -> PluginPlan {
        let position = Position::whole("the built-in plugins".into());
        PluginPlan {
            name: plugin.name.to_owned(),
            file: plugin.file(),
            built_in: Some(plugin.component),
            file_position: position.clone(),
            world: plugin.world,
            sha256: None,
            folder: None,
            version: None,
            update: Update::default(),
            limits: Limits::default(),
            limits_position: position.clone(),
            grants: Grants::default(),
            on_trap: OnTrap::default(),
            instances: Instances::default(),
            instances_position: position,
        }
    }

    /// What is wrong with its limits for a component.
    pub fn limits_error(&self, reason: String) -> Error {
        Error::new(&self.limits_position, Problem::Invalid { reason })
    }

    /// What is wrong with its instances for a processor.
    pub fn instances_error(&self, reason: String) -> Error {
        Error::new(&self.instances_position, Problem::Invalid { reason })
    }
}

/// A plugin that is part of the program: found by its name without a manifest, and with one that has no entry, or an entry without a file.
#[derive(Debug, Clone, Copy)]
pub struct BuiltInPlugin {
    /// The type of the processors or breakers that use it.
    pub name: &'static str,
    /// Which contract it speaks.
    pub world: World,
    /// The `.wasm`.
    pub component: &'static [u8],
}

impl BuiltInPlugin {
    /// What stands for its file, for people.
    pub fn file(&self) -> PathBuf {
        format!("{} (built in)", self.name).into()
    }
}

/// What becomes of a plugin whose file changes while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    /// The new one takes its place.
    #[default]
    Watch,
    /// Nothing: the one that was loaded stays.
    Pinned,
}

/// The contracts that plugins can speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum World {
    /// `wit/` folder of the same name.
    #[default]
    #[serde(rename = "processor-plugin@0.1.0")]
    Processor,
    /// The same: a policy of breakers.
    #[serde(rename = "breaker-policy@0.1.0")]
    BreakerPolicy,
}

impl World {
    /// What such a plugin is, and the key under which it is configured.
    pub fn place(self) -> (&'static str, &'static str) {
        match self {
            World::Processor => ("processor", "processors"),
            World::BreakerPolicy => ("breaker policy", "extensions"),
        }
    }
}

/// A plugin's bounds. A missing key has its default, which [`Limits::default`] states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one instance.
    #[serde(deserialize_with = "super::manifest::memory_mib")]
    pub memory_mib: u32,
    /// Wall-clock time of one call.
    #[serde(deserialize_with = "contract::duration::nonzero")]
    pub call_timeout: Duration,
    /// Rows that one call may emit.
    #[serde(deserialize_with = "super::manifest::at_least_one")]
    pub emitted_rows: u64,
    /// Keys that one keying may hold.
    #[serde(deserialize_with = "super::manifest::at_least_one")]
    pub dictionary_entries: u64,
    /// What one component may keep in the store: keys and values, dictionaries included.
    #[serde(deserialize_with = "super::manifest::at_least_one")]
    pub storage_mib: u64,
    /// Bytes that one call may write to the log. The rest is left out, and counted.
    pub log_bytes: u64,
    /// Imports that one call may make.
    #[serde(deserialize_with = "super::manifest::at_least_one")]
    pub host_calls: u64,
    /// Bytes of its file, which is read into memory.
    #[serde(deserialize_with = "super::manifest::at_least_one")]
    pub plugin_bytes_max: u64,
}

impl Limits {
    /// Whether a message is about memory: then the limit is to be looked at, and hardly the configuration of who ran into it.
    pub fn is_memory_named_in(message: &str) -> bool {
        message.contains("`memory_mib` of the manifest")
    }

    /// The same in the units of those who keep them.
    pub fn granted(&self) -> contract::Limits {
        let bounded = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        contract::Limits {
            memory_bytes: bounded(u64::from(self.memory_mib) << 20),
            call_ms: u64::try_from(self.call_timeout.as_millis()).unwrap_or(u64::MAX),
            emitted_rows: bounded(self.emitted_rows),
            dictionary_entries: bounded(self.dictionary_entries),
            storage_bytes: self.storage_mib.saturating_mul(1 << 20),
            log_bytes: bounded(self.log_bytes),
            host_calls: self.host_calls,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_mib: 64,
            call_timeout: Duration::from_secs(1),
            emitted_rows: 1_000_000,
            dictionary_entries: 1_000_000,
            storage_mib: 1024,
            log_bytes: 64 << 10,
            host_calls: 1_000_000,
            plugin_bytes_max: contract::PLUGIN_BYTES_MAX,
        }
    }
}

/// Something that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A component that is defined, but runs nowhere.
    Unused {
        /// Of its key.
        position: Position,
        /// What it is.
        family: Family,
        /// As in the configuration.
        id: ComponentId,
    },
    /// `$NAME`, which is expanded nowhere. What stands there may be a secret, so it is not said.
    Variable {
        /// Of the value.
        position: Position,
    },
    /// A variable of the environment that is not set, without a default: it is empty.
    Unset {
        /// Of the value.
        position: Position,
        /// The variable.
        name: String,
    },
    /// A file in a folder of versions whose name is none.
    Misnamed {
        /// Of the folder in the manifest.
        position: Position,
        /// The plugin.
        plugin: String,
        /// The file.
        file: PathBuf,
    },
    /// A breaker that nobody asks.
    Unattached {
        /// Of its key.
        position: Position,
        /// As in the configuration.
        id: ComponentId,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Variable { position } => {
                write!(
                    f,
                    "{position}: `$` and a name stay as they are, as in a Collector: write `${{env:NAME}}` for a variable, or `$$` to say that it is none"
                )
            }
            Warning::Unset { position, name } => write!(
                f,
                "{position}: environment variable `{name}` is not set, and counts as empty, as in a Collector; set it, or give a default: `${{env:{name}:-default}}`"
            ),
            Warning::Misnamed { position, plugin, file } => {
                write!(
                    f,
                    "{position}: {} is not taken for a version of plugin `{plugin}`: name it `{plugin}-X.Y.Z.wasm`, such as `{plugin}-1.0.0.wasm`",
                    file.display()
                )
            }
            Warning::Unattached { position, id } => {
                write!(f, "{position}: breaker `{id}` is defined but no exporter names it; write `breaker: {id}` there")
            }
            Warning::Unused { position, family: Family::Extension, id } => {
                write!(
                    f,
                    "{position}: extension `{id}` is defined but not listed under `service.extensions`; it does not run"
                )
            }
            Warning::Unused { position, family, id } => {
                write!(f, "{position}: {family} `{id}` is defined but stands in no pipeline; it does not run")
            }
        }
    }
}
