//! What instances are made from, and the first that is asked of one: what its configuration makes it declare.

use std::sync::Arc;
use std::time::Instant;

use crate::contract::{ComponentId, Limits, OnTrap, Signal};
use crate::storage::{Namespace, StateStore, Write};
use crate::telemetry::Registry;

use super::context::Context;
use super::declared::Declared;
use super::error::InstanceError;
use super::partition::{Partition, check};
use super::plugin::{Plugin, Processor};
use super::secrets::Secrets;
use super::state::{State, Watermark};
use super::telling::Telling;
use super::telltale::Telltale;
use super::trap::{CallError, Trap, TrapReason};

/// What an instance is made from.
#[derive(Clone)]
pub struct Setup {
    /// The component id.
    pub id: ComponentId,
    /// The compiled plugin.
    pub plugin: Arc<dyn Plugin>,
    /// The component's configuration, as JSON.
    pub config: String,
    /// What of that is not to be stored or told.
    pub secrets: Secrets,
    /// The signal of its pipeline.
    pub signal: Signal,
    /// Whether it is a connector: what it emits goes into pipelines of metrics, whatever its signal is.
    pub connects: bool,
    /// The manifest's grants.
    pub limits: Limits,
    /// The manifest's choice.
    pub on_trap: OnTrap,
    /// The store that has the component's state.
    pub store: StateStore,
    /// What has been committed of the trips of the instance's owner.
    pub watermark: Watermark,
    /// Which of several instances it is; `None` for the only one.
    pub partition: Option<Partition>,
    /// What was told lately of how its instances broke; `None` where that has been told by another one.
    pub telling: Option<Telling>,
    /// Where it counts what nobody else sees; `None` for what is tried and not kept.
    pub registry: Option<Registry>,
}

impl Setup {
    /// For instances that try something, of which nothing is kept: what they say has been said.
    pub fn silent(&self) -> Setup {
        Setup { limits: Limits { log_bytes: 0, ..self.limits }, telling: None, registry: None, ..self.clone() }
    }

    /// The beginning of the plugin's hash, for people.
    pub fn version(&self) -> &str {
        short(self.plugin.version())
    }

    /// Whether to tell a trouble of this version: then with how many were left out since the last that was told.
    pub fn admit(&self, trouble: &str) -> Option<u64> {
        self.telling.as_ref()?.admit(&format!("{} {trouble}", self.version()), Instant::now())
    }

    /// Tells where the plugin broke, when no batch is to blame; what came of it, whoever wanted the call says.
    pub(super) fn tell_trap(&self, error: &CallError) {
        if let CallError::Trap(trap) = error
            && let Some(left_out) = self.admit(&trap.to_string())
        {
            tracing::warn!(component = %self.id, version = self.version(), left_out, "{trap}\n{}", trap.stack);
        }
    }

    /// Whether a change is one of its state.
    pub fn owns(&self, write: &Write) -> bool {
        self.namespace().owns(write)
    }

    /// Where its state is.
    pub fn namespace(&self) -> Namespace {
        Namespace::new(&self.id, self.partition.as_ref().map(Partition::division))
    }

    /// A processor that has described itself, and can be what it is to be. It may get ready for as much memory as that.
    pub(super) fn described(&self, state: State, expected_memory: usize) -> Result<Box<dyn Processor>, InstanceError> {
        let mut context = Context::new(self.id.clone(), self.signal, self.limits, state);
        context.expected_memory = expected_memory;
        context.partition = self.partition.clone();
        context.connects = self.connects;
        let mut processor = described(self.plugin.as_ref(), &self.config, &self.secrets, context)
            .inspect_err(|error| self.tell_trap(error))?;
        if let Some(partition) = &self.partition {
            check(&partition.of, self.signal, &processor.context().declared)?;
        }
        Ok(processor)
    }
}

/// Lets a plugin read a configuration, and nothing more. Returns what it declares.
pub fn describe(
    plugin: &dyn Plugin,
    id: &ComponentId,
    config: &str,
    secrets: &Secrets,
    signal: Signal,
    limits: Limits,
) -> Result<Declared, InstanceError> {
    let state = State::detached(&Namespace::new(id, None));
    let mut processor = described(plugin, config, secrets, Context::new(id.clone(), signal, limits, state))
        .inspect_err(|error| {
            if let CallError::Trap(trap) = error {
                tracing::warn!(component = %id, version = short(plugin.version()), "{trap}\n{}", trap.stack);
            }
        })?;
    Ok(processor.context().declared.clone())
}

fn described(
    plugin: &dyn Plugin,
    config: &str,
    secrets: &Secrets,
    mut context: Context,
) -> Result<Box<dyn Processor>, CallError> {
    let signal = context.signal();
    context.hide(secrets);
    let mut processor = plugin.instantiate(context)?;
    if !secrets.is_empty() {
        processor = Box::new(Telltale::new(processor, secrets.clone()));
    }
    processor.describe(signal, config)?;
    let contract = |detail: String| CallError::Trap(Trap::new(TrapReason::Contract, detail));
    processor.context().declared.check().map_err(|error| contract(error.to_string()))?;
    Ok(processor)
}

fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}
