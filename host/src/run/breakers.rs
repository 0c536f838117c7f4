//! Breakers: from an extension of the configuration to the gate of a lane, and to a replay of what was recorded.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use crate::clock::Clock;
use crate::config::{self, BreakerPlan, BuiltInPlugin, Error, Limits, Node, Plan, PluginPlan, World};
use crate::contract::{ComponentId, PolicySource};
use crate::delivery::Gate;
use crate::delivery::gate::{Breaker, Replay, Settings, read_trace};
use crate::plugins::{self, AnyPlugin, Loader, PluginError};
use crate::telemetry::Registry;
use crate::updates::GatePlace;

/// Policies by the name of their plugin.
pub type Policies = HashMap<String, Arc<dyn PolicySource>>;

/// The name of the host's own policy, for a replay.
const BUILT_IN: &str = "built-in";

/// Lets gate and policy read every breaker's configuration, and says what is wrong, where it stands.
pub fn check(plan: &Plan, policies: &Policies) -> Vec<Error> {
    let wrong = |breaker: &BreakerPlan| {
        let (id, node) = (&breaker.component.id, &breaker.component.node);
        let placed = |reason: String| Some(node.plugin_error(&format!("breaker {id}: {reason}")));
        let settings = match Settings::read(node.to_json()) {
            Ok(settings) => settings,
            Err(error) => return placed(error.to_string()),
        };
        let source = policies.get(&breaker.plugin.name)?;
        let limits = breaker.plugin.limits.granted();
        source.configured(id, settings.policy(), limits).err().and_then(|error| placed(error.to_string()))
    };
    plan.breakers.iter().filter_map(wrong).collect()
}

/// The gate of an exporter's lane. Each has its own, with an instance of its own, also where exporters name the same breaker.
pub fn gate(
    exporter: &ComponentId,
    breaker: Option<&ComponentId>,
    plan: &Plan,
    policies: &Policies,
    registry: &Registry,
) -> Result<Gate> {
    let Some(id) = breaker else { return Ok(Gate::default()) };
    let Some(found) = plan.breakers.iter().find(|breaker| breaker.component.id == *id) else {
        bail!(
            "exporter {exporter} names breaker {id}, which is not defined: put it under `extensions`, its type the name of a plugin with `world: breaker-policy@0.1.0`"
        );
    };
    let source = policies.get(&found.plugin.name).cloned();
    let settings = Settings::read(found.component.node.to_json())?;
    let breaker = Breaker { id: id.clone(), source, limits: found.plugin.limits.granted(), settings };
    Ok(Gate::new(exporter, breaker, registry, Clock::system().now()))
}

/// Where new versions of its policy go.
pub fn place(exporter: &ComponentId, breaker: Option<&ComponentId>, plan: &Plan, gate: &Gate) -> Option<GatePlace> {
    let found = plan.breakers.iter().find(|found| Some(&found.component.id) == breaker)?;
    let part = format!("{} of exporter {exporter}", found.component.id);
    Some(GatePlace { plugin: found.plugin.name.clone(), gate: gate.clone(), part })
}

/// What `otelier breaker simulate` is told.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// A plugin's name, an extension's id, or `built-in`.
    pub policy: String,
    /// The manifest; not read for `built-in`.
    pub manifest: Option<PathBuf>,
    /// Plugins that need no manifest.
    pub built_in: &'static [BuiltInPlugin],
    /// A file with the extension's configuration, or a whole configuration.
    pub config: Option<PathBuf>,
    /// Single values of it, which go before the file's.
    pub set: Vec<(String, String)>,
    /// JSON lines.
    pub trace: PathBuf,
}

/// Replays a trace through a gate on a clock of the trace's; lines go to `write`.
pub fn simulate(simulation: &Simulation, loader: &Loader, write: &mut dyn FnMut(String)) -> Result<()> {
    let id: ComponentId = simulation.policy.parse().with_context(|| format!("`{}`", simulation.policy))?;
    let settings = Settings::read(simulation.config(&id)?).with_context(|| format!("breaker {id}"))?;
    let (source, limits) = match id.kind() {
        BUILT_IN => (None, Limits::default()),
        kind => {
            let plugin = simulation.plugin(kind)?;
            let AnyPlugin::Policy(source) = plugins::load(&plugin, loader).map_err(PluginError::placed)?.plugin else {
                bail!("plugin {kind} is no breaker policy")
            };
            (Some(source), plugin.limits)
        }
    };
    let limits = limits.granted();
    if let Some(source) = &source {
        source.configured(&id, settings.policy(), limits).with_context(|| format!("breaker {id}"))?;
    }
    let trace = simulation.trace.display();
    let file = File::open(&simulation.trace).with_context(|| format!("cannot read {trace}; check the path"))?;
    let records = read_trace(BufReader::new(file)).with_context(|| format!("{trace}"))?;
    write(format!("breaker {id} on {} attempts", records.len()));
    Replay::new(Breaker { id, source, limits, settings }, write).run(&records);
    Ok(())
}

impl Simulation {
    fn plugin(&self, name: &str) -> Result<PluginPlan> {
        let plugins = config::load_manifest(self.manifest.as_deref(), self.built_in)?;
        let manifest = self.manifest.as_ref().map_or("the built-in plugins".into(), |path| path.display().to_string());
        let policies = || {
            let names = plugins.values().filter(|plugin| plugin.world == World::BreakerPolicy);
            names.map(|plugin| plugin.name.as_str()).chain([BUILT_IN]).collect::<Vec<_>>().join("`, `")
        };
        match plugins.get(name) {
            Some(plugin) if plugin.world == World::BreakerPolicy => Ok(plugin.clone()),
            Some(_) => bail!("plugin `{name}` of {manifest} is no breaker policy; there are `{}`", policies()),
            None => bail!("no plugin `{name}` in {manifest}; there are `{}`", policies()),
        }
    }

    /// The extension's configuration, as JSON.
    fn config(&self, id: &ComponentId) -> Result<serde_json::Value> {
        let mut config = match &self.config {
            Some(path) => extension(config::load_node(path)?.to_json(), id),
            None => serde_json::Value::Null,
        };
        for (key, value) in &self.set {
            let value: Node = value.parse().with_context(|| format!("the value of `{key}`"))?;
            if config.is_null() {
                config = serde_json::json!({});
            }
            let Some(fields) = config.as_object_mut() else { bail!("the configuration is no mapping") };
            fields.insert(key.clone(), value.to_json());
        }
        Ok(config)
    }
}

/// Of a whole configuration the extension's part; anything else is that part already.
fn extension(mut file: serde_json::Value, id: &ComponentId) -> serde_json::Value {
    match file.pointer_mut("/extensions").and_then(|extensions| extensions.get_mut(id.to_string())) {
        Some(part) => part.take(),
        None => file,
    }
}
