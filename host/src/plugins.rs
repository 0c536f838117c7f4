//! Plugins of the manifest: read, checked against their pin, compiled, and asked what they declare.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Limits, Plan, PluginPlan, SharedProcessor, World};
use crate::contract::{ComponentId, Interface, PolicySource, Signal};
use crate::processor::{Plugin, Secrets, check_partitions, describe, partitions_of};
use crate::wasm::{Engine, LoadError, PluginFile, PolicyPlugin, ProcessorPlugin, hexadecimal, short};

/// Turns a manifest entry and a file into a plugin of the world that the entry names. The benchmark passes one that links plugins natively.
pub type Loader = dyn Fn(&PluginPlan, &PluginFile) -> Result<LoadedPlugin, PluginError> + Send + Sync;

/// A plugin and what it was made from.
pub struct LoadedPlugin {
    /// The plugin.
    pub plugin: AnyPlugin,
    /// Which version of it.
    pub version: Version,
}

/// What tells one version of a plugin from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of the file's contents.
    pub sha256: [u8; 32],
    /// Where they were read.
    pub file: PathBuf,
}

impl Version {
    /// The beginning of the hash, in hexadecimal digits: for people.
    pub fn short(&self) -> String {
        short(&self.sha256)
    }
}

/// A plugin of any world.
#[derive(Clone)]
pub enum AnyPlugin {
    /// Makes processors.
    Processor(Arc<dyn Plugin>),
    /// Makes policies of breakers.
    Policy(Arc<dyn PolicySource>),
}

/// Plugins by name.
#[derive(Default)]
pub struct Plugins {
    /// Those of processors.
    pub processors: HashMap<String, Arc<dyn Plugin>>,
    /// Those of breakers.
    pub policies: HashMap<String, Arc<dyn PolicySource>>,
    /// Which version each is.
    pub versions: HashMap<String, Version>,
}

/// A plugin that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file.
    #[error("{source}")]
    Load {
        /// Where the manifest names it.
        position: config::Position,
        /// Why.
        source: LoadError,
    },
    /// It wants more of the host than its entry grants.
    #[error(
        "plugin `{plugin}`: its file {file} imports {import}, which is not granted; add `{}` to `interfaces` of its `grants`",
        interface.name()
    )]
    NotGranted {
        /// Where the manifest names it.
        position: config::Position,
        /// Its name.
        plugin: String,
        /// The file.
        file: String,
        /// As the component names it.
        import: String,
        /// As the manifest does.
        interface: Interface,
    },
    /// The content is not what the manifest pins.
    #[error("plugin file {file} has sha256 {found}, the manifest pins another; correct the pin or restore the file")]
    Pin {
        /// Where the manifest names it.
        position: config::Position,
        /// The file.
        file: String,
        /// Its hash, hexadecimal.
        found: String,
    },
}

impl PluginError {
    /// Where the manifest names the plugin.
    pub fn position(&self) -> &config::Position {
        let (PluginError::Load { position, .. }
        | PluginError::NotGranted { position, .. }
        | PluginError::Pin { position, .. }) = self;
        position
    }

    /// The same where the manifest names the plugin.
    pub fn placed(self) -> config::Error {
        config::Error {
            position: self.position().clone(),
            problem: config::Problem::Plugin { message: self.to_string() },
        }
    }
}

/// The plugin of the file that a manifest entry names.
pub fn load(plan: &PluginPlan, loader: &Loader) -> Result<LoadedPlugin, PluginError> {
    let unreadable = |source| PluginError::Load { position: plan.file_position.clone(), source };
    loader(plan, &read(plan, &plan.file).map_err(unreadable)?)
}

/// The content of a file for a plugin, up to its bound; what is built in needs no file.
pub fn read(plan: &PluginPlan, file: &Path) -> Result<PluginFile, LoadError> {
    match plan.built_in.filter(|_| file == plan.file) {
        Some(component) => Ok(PluginFile::new(file, component.to_vec())),
        None => PluginFile::read_up_to(file, plan.limits.plugin_bytes_max),
    }
}

/// Loads into the sandbox.
pub fn sandboxed(engine: Engine) -> Arc<Loader> {
    Arc::new(move |plan: &PluginPlan, file: &PluginFile| {
        let load = |source| match source {
            LoadError::NotGranted { path, import, interface } => PluginError::NotGranted {
                position: plan.file_position.clone(),
                plugin: plan.name.clone(),
                file: path.display().to_string(),
                import,
                interface,
            },
            source => PluginError::Load { position: plan.file_position.clone(), source },
        };
        if plan.sha256.is_some_and(|pin| pin != *file.sha256()) {
            let found = hexadecimal(file.sha256());
            let file = file.path().display().to_string();
            return Err(PluginError::Pin { position: plan.file_position.clone(), file, found });
        }
        let version = Version { sha256: *file.sha256(), file: file.path().to_owned() };
        let plugin = match plan.world {
            World::Processor => {
                AnyPlugin::Processor(Arc::new(ProcessorPlugin::compile(&engine, file, &plan.grants).map_err(load)?))
            }
            World::BreakerPolicy => {
                AnyPlugin::Policy(Arc::new(PolicyPlugin::compile(&engine, file, &plan.grants).map_err(load)?))
            }
        };
        Ok(LoadedPlugin { plugin, version })
    })
}

/// Every plugin that a processor or a breaker of the plan uses and that can be loaded, and what is wrong with the others.
pub fn load_all(plan: &Plan, loader: &Loader) -> (Plugins, Vec<config::Error>) {
    let (mut plugins, mut errors) = (Plugins::default(), Vec::new());
    let processors = plan.processors.iter().map(|processor| &processor.plugin);
    for plugin in processors.chain(plan.breakers.iter().map(|breaker| &breaker.plugin)) {
        if plugins.processors.contains_key(&plugin.name) || plugins.policies.contains_key(&plugin.name) {
            continue;
        }
        let LoadedPlugin { plugin: loaded, version } = match load(plugin, loader) {
            Ok(loaded) => loaded,
            Err(error) => {
                errors.push(error.placed());
                continue;
            }
        };
        plugins.versions.insert(plugin.name.clone(), version);
        match loaded {
            AnyPlugin::Processor(loaded) => drop(plugins.processors.insert(plugin.name.clone(), loaded)),
            AnyPlugin::Policy(loaded) => drop(plugins.policies.insert(plugin.name.clone(), loaded)),
        }
    }
    (plugins, errors)
}

/// What plugins say of their configurations.
#[derive(Debug, Default)]
pub struct Described {
    /// What is wrong, where it stands in the files.
    pub errors: Vec<config::Error>,
    /// Processors that keep state.
    pub stateful: HashSet<ComponentId>,
    /// How often those flush that do.
    pub flush_every: HashMap<ComponentId, Duration>,
}

/// Lets every processor read its configuration, for each signal it stands in.
pub fn describe_all(plan: &Plan, plugins: &HashMap<String, Arc<dyn Plugin>>) -> Described {
    let Described { mut errors, mut stateful, mut flush_every } = Described::default();
    for processor in &plan.processors {
        let id = &processor.component.id;
        let Some(plugin) = plugins.get(&processor.plugin.name) else { continue };
        let node = &processor.component.node;
        let config = node.to_json().to_string();
        let (limits, secrets) = (processor.plugin.limits.granted(), Secrets::to_scrub(node.secrets()));
        let stands = |signal: &Signal| {
            plan.pipelines.iter().any(|pipeline| pipeline.signal == *signal && pipeline.processors.contains(id))
        };
        for signal in Signal::ALL.into_iter().filter(stands) {
            let declared = match describe(plugin.as_ref(), id, &config, &secrets, signal, limits) {
                Ok(declared) => declared,
                Err(error) => {
                    let reason = error.to_string();
                    errors.push(match Limits::is_memory_named_in(&reason) {
                        true => {
                            processor.plugin.limits_error(format!("processor {id}: {reason} ({})", node.position()))
                        }
                        false => node.plugin_error(&format!("processor {id}: {reason}")),
                    });
                    // What another signal would add is the same again.
                    break;
                }
            };
            let partitions = partitions_of(&processor.plugin.instances);
            if let Err(error) = check_partitions(&partitions, signal, &declared) {
                errors.push(processor.plugin.instances_error(format!("processor {id}: {error}")));
                break;
            }
            if let Some(ms) = declared.flush_every_ms {
                flush_every.insert(id.clone(), Duration::from_millis(ms.into()));
            }
            if declared.state_format.is_some() {
                stateful.insert(id.clone());
                let shared = plan.shared.iter().filter(|shared| shared.id == *id);
                errors.extend(shared.map(SharedProcessor::with_state));
                break;
            }
        }
    }
    Described { errors, stateful, flush_every }
}
