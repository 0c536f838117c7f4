//! A configuration in which everything holds: every reference is defined, every type known, every pipeline whole.
//!
//! Only `config` makes a [`Plan`], so later code need not check again. Components' own bodies are the exception: they
//! stay [`Node`]s until their factories read them.

use std::num::NonZeroU64;
use std::path::PathBuf;

use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

use super::error::Error;
use super::host_keys::Named;
use super::limits::Limits;
use super::node::Node;
use super::position::Position;
use super::problem::{Family, Problem};
use super::telemetry::Telemetry;
use super::versions::Folder;
use super::warning::Warning;
use crate::contract::{BUDGET_BYTES, ComponentId, Durability, Grants, Instances, OnTrap, Signal};

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
    /// Processors that are no plugins.
    pub of_process: Vec<ComponentId>,
    /// At least one, if no connector ends it.
    pub exporters: Vec<ComponentId>,
    /// Connectors that end it.
    pub ended_by: Vec<ComponentId>,
    /// When the sender is answered; `None` leaves it to what is in the pipeline.
    pub durability: Option<Durability>,
    /// The connector that it stands for: a plugin that makes metrics of spans or log records. It is the pipeline's one processor. Pipelines that
    /// it ends lead to this one, and this one to those that it begins.
    pub of_connector: Option<ComponentId>,
    /// Of its key.
    pub position: Position,
}

impl PipelinePlan {
    /// Whether a connector that ends this pipeline leads to another one. What a plugin makes in the place of a connector is metrics.
    pub fn leads_to(&self, connector: &ComponentId, next: &PipelinePlan) -> bool {
        let signal = if self.of_connector.is_some() { Signal::Metrics } else { self.signal };
        self.ended_by.contains(connector) && next.begun_by.contains(connector) && next.signal == signal
    }
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
