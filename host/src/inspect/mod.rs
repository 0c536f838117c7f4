//! Looking at plugins without running a collector: what a manifest has, what a file is, and what it declares for a configuration.
//!
//! Everything here is made for people, and as JSON for programs: each report is a value with a text beside it.

mod declared;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::{self, BuiltInPlugin, Limits, PluginPlan, Update, World};
use crate::contract::{ComponentId, Grants, IdError, OnTrap, PartitionKey, PartitionLevel, Signal};
use crate::plugins;
use crate::processor::{InstanceError, Secrets, describe};
use crate::wasm::{Anatomy, Engine, LoadError, PluginFile, PolicyPlugin, ProcessorPlugin, Sections, hexadecimal};

/// Digits of a hash that tell files apart.
const HASH_SHORT: usize = 12;

/// A look that shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A configuration or a manifest that does not read.
    #[error(transparent)]
    Config(#[from] config::Errors),
    /// A file that is no component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A configuration for what takes none here.
    #[error("only a processor declares what it reads, and this is a breaker policy; leave the configuration out")]
    Policy,
    /// Text that is no JSON.
    #[error("the configuration is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A component that is not in the configuration.
    #[error("{} has no processor `{name}`{hint}", config.display())]
    NoProcessor {
        /// The file.
        config: PathBuf,
        /// What was asked for.
        name: String,
        /// The nearest that is there.
        hint: config::Hint,
    },
    /// The plugin's own objection.
    #[error("the plugin does not take this configuration for {signal}: {source}")]
    Declined {
        /// In whose pipeline.
        signal: Signal,
        /// Its words.
        source: InstanceError,
    },
    /// A name of ours that is none.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// The plugins of a manifest, by name: one object each. A file that cannot be read has `error` instead of what is in it. Beside them, what
/// is wrong with those entries that do not read. Without a manifest, the plugins that are built in.
pub fn list(manifest: Option<&Path>, built_in: &[BuiltInPlugin]) -> (Vec<Value>, Result<(), config::Errors>) {
    let (plugins, checked) = config::load_manifest_partly(manifest, built_in);
    (plugins.values().map(listed).collect(), checked)
}

fn listed(plugin: &PluginPlan) -> Value {
    let mut row = json!({
        "name": plugin.name,
        "world": world_name(plugin.world),
        "file": plugin.file.display().to_string(),
        "version": plugin.version.as_ref().map(ToString::to_string),
        "update": update_name(plugin.update),
        "on_trap": plugin.on_trap.name(),
        "instances": plugin.instances.count,
        "partition_by": plugin.instances.partition_by.iter().map(partition_key).collect::<Vec<_>>(),
        "limits": changed(&plugin.limits),
        "grants": plugin.grants.interfaces.iter().map(|interface| interface.name()).collect::<Vec<_>>(),
    });
    match plugins::read(plugin, &plugin.file) {
        Ok(file) => {
            row["sha256"] = hexadecimal(file.sha256()).into();
            row["bytes"] = file.bytes().len().into();
            if plugin.version.is_none() {
                row["version"] = Sections::read(file.bytes()).text("version").into();
            }
            if plugin.sha256.is_some_and(|pin| pin != *file.sha256()) {
                row["error"] = "it is not what `sha256` of the manifest pins".into();
            }
        }
        Err(error) => row["error"] = error.to_string().into(),
    }
    row
}

fn partition_key(PartitionKey { level, key }: &PartitionKey) -> String {
    match level {
        PartitionLevel::Resource => format!("{{key: {key}, level: resource}}"),
        PartitionLevel::Scope => format!("{{key: {key}, level: scope}}"),
        PartitionLevel::Item => key.clone(),
    }
}

fn world_name(world: World) -> &'static str {
    match world {
        World::Processor => "processor-plugin@0.1.0",
        World::BreakerPolicy => "breaker-policy@0.1.0",
    }
}

fn update_name(update: Update) -> &'static str {
    match update {
        Update::Watch => "watch",
        Update::Pinned => "pinned",
    }
}

/// The limits that are not the defaults, with their keys.
fn changed(limits: &Limits) -> Value {
    let of = |limits: &Limits| {
        [
            ("memory_mib", u64::from(limits.memory_mib).to_string()),
            ("call_timeout", format!("{:?}", limits.call_timeout)),
            ("emitted_rows", limits.emitted_rows.to_string()),
            ("dictionary_entries", limits.dictionary_entries.to_string()),
            ("storage_mib", limits.storage_mib.to_string()),
            ("log_bytes", limits.log_bytes.to_string()),
            ("host_calls", limits.host_calls.to_string()),
            ("plugin_bytes_max", limits.plugin_bytes_max.to_string()),
        ]
    };
    let pairs = of(limits).into_iter().zip(of(&Limits::default())).filter(|(own, default)| own != default);
    Value::Object(pairs.map(|((key, value), _)| (key.to_owned(), value.into())).collect())
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The rows of [`list`] as lines: a table, and below it what a table has no room for.
pub fn list_text(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "the manifest has no plugins\n".to_owned();
    }
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let wide = |key: &str| rows.iter().map(|row| word(row, key).chars().count()).max().unwrap_or(0).max(key.len());
    let (names, worlds, versions) = (wide("name"), wide("world"), wide("version"));
    // Writing to a String cannot fail, here and below.
    let mut text = format!(
        "{:<names$}  {:<worlds$}  {:<versions$}  {:<12}  {:>9}  {:<6}  file\n",
        "name", "world", "version", "sha256", "bytes", "update"
    );
    for row in rows {
        let hash: String = word(row, "sha256").chars().take(HASH_SHORT).collect();
        let bytes = row["bytes"].as_u64().map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        let (name, world, version) = (word(row, "name"), word(row, "world"), word(row, "version"));
        let (update, file) = (word(row, "update"), word(row, "file"));
        let _ = writeln!(
            text,
            "{name:<names$}  {world:<worlds$}  {version:<versions$}  {hash:<12}  {bytes:>9}  {update:<6}  {file}"
        );
        if let Some(instances) = row["instances"].as_u64().filter(|instances| *instances > 1) {
            let _ = writeln!(text, "{:<names$}  instances: {instances}", "");
        }
        let keys = texts(&row["partition_by"]);
        if !keys.is_empty() {
            let _ = writeln!(text, "{:<names$}  partition_by: [{}]", "", keys.join(", "));
        }
        if let Some(on_trap) = row["on_trap"].as_str().filter(|on_trap| *on_trap != OnTrap::default().name()) {
            let _ = writeln!(text, "{:<names$}  on_trap: {on_trap}", "");
        }
        for (key, value) in row["limits"].as_object().into_iter().flatten() {
            let _ = writeln!(text, "{:<names$}  {key}: {}", "", value.as_str().unwrap_or_default());
        }
        let granted = texts(&row["grants"]);
        if granted.len() < Grants::default().interfaces.len() {
            let _ = writeln!(text, "{:<names$}  grants: {{interfaces: [{}]}}", "", granted.join(", "));
        }
        if let Some(error) = row["error"].as_str() {
            let _ = writeln!(text, "{:<names$}  {error}", "");
        }
        let running = &row["running"];
        if let Some(sha256) = running["sha256"].as_str() {
            let since = word(running, "since");
            let _ = match row["sha256"] == running["sha256"] {
                true => writeln!(text, "{:<names$}  runs since {since}", ""),
                false => {
                    let short: String = sha256.chars().take(HASH_SHORT).collect();
                    let file = word(running, "file");
                    let before = if running["file"] == row["file"] { " as it was before" } else { "" };
                    writeln!(text, "{:<names$}  {short} runs instead, since {since}, from {file}{before}", "")
                }
            };
        }
        for (found, runs) in [(running, "runs"), (&row["next"], "will run at the next start")] {
            if let Some(by) = found["chosen"]["by"].as_str() {
                let (name, at) = (word(row, "name"), word(found, "chosen_at"));
                let short: String = word(found, "sha256").chars().take(HASH_SHORT).collect();
                let _ = writeln!(
                    text,
                    "{:<names$}  {short} {runs} by `otelier plugin {by}` of {at}, across restarts, until the file changes; `otelier plugin swap {name}` takes the file",
                    ""
                );
            }
        }
    }
    text
}

/// For which configuration a plugin is to say what it declares.
#[derive(Debug, Clone)]
pub enum Question {
    /// That of a component in a configuration file, for each signal of its pipelines.
    Component {
        /// The file.
        config: PathBuf,
        /// Its id under `processors`.
        id: ComponentId,
    },
    /// This one, as JSON.
    Json {
        /// The configuration.
        config: String,
        /// For this signal.
        signal: Signal,
    },
}

/// A look at a file.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Everything that was found.
    pub report: Value,
    /// Why no collector of this version would load it.
    pub misfit: Option<String>,
}

/// Looks at a plugin's file. The default limits hold while it says what it declares.
pub fn inspect(path: &Path, question: Option<&Question>) -> Result<Inspection, InspectError> {
    let (engine, file) = (Engine::new()?, PluginFile::read(path)?);
    let anatomy = engine.anatomy(&file)?;
    let mut report = anatomy_report(&file, &anatomy);
    let misfit = match (load(&engine, &file, &anatomy), question) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(None), Some(_)) => return Err(InspectError::Policy),
        (Ok(Some(plugin)), Some(question)) => {
            report["declares"] = declared(&plugin, question)?.into();
            None
        }
        (Ok(_), None) => None,
    };
    report["fits"] = misfit.is_none().into();
    Ok(Inspection { report, misfit })
}

/// As a collector would; `None` for a policy.
fn load(engine: &Engine, file: &PluginFile, anatomy: &Anatomy) -> Result<Option<ProcessorPlugin>, LoadError> {
    let grants = Grants::default();
    match anatomy.world {
        Some(world) if world == world_name(World::BreakerPolicy) => {
            PolicyPlugin::compile(engine, file, &grants).map(|_| None)
        }
        _ => ProcessorPlugin::compile(engine, file, &grants).map(Some),
    }
}

/// What it declares, for each signal.
fn declared(plugin: &ProcessorPlugin, question: &Question) -> Result<Vec<Value>, InspectError> {
    let (id, config, secrets, signals) = question.resolve()?;
    let ask = |signal: Signal| match describe(plugin, &id, &config, &secrets, signal, Limits::default().granted()) {
        Ok(found) => Ok(declared::report(signal, &found)),
        Err(source) => Err(InspectError::Declined { signal, source }),
    };
    signals.into_iter().map(ask).collect()
}

fn anatomy_report(file: &PluginFile, anatomy: &Anatomy) -> Value {
    let texts = anatomy.sections.texts.iter().map(|(name, text)| (name.clone(), text.as_str().into()));
    let producer =
        |(field, name, version): &(String, String, String)| format!("{field}: {name} {version}").trim_end().to_owned();
    json!({
        "file": file.path().display().to_string(),
        "sha256": hexadecimal(file.sha256()),
        "bytes": file.bytes().len(),
        "world": anatomy.world,
        "imports": anatomy.imports,
        "exports": anatomy.exports,
        "memory_bytes": anatomy.memory_bytes,
        "table_elements": anatomy.table_elements,
        "sections": Value::Object(texts.collect()),
        "producers": anatomy.sections.producers.iter().map(producer).collect::<Vec<_>>(),
    })
}

impl Question {
    /// The component, its configuration as JSON, what of it is secret, and the signals.
    fn resolve(&self) -> Result<(ComponentId, String, Secrets, Vec<Signal>), InspectError> {
        match self {
            Question::Json { config, signal } => {
                let read: Value = serde_json::from_str(config)?;
                Ok(("inspected".parse()?, read.to_string(), Secrets::default(), vec![*signal]))
            }
            Question::Component { config, id } => {
                let node = config::load_node(config)?;
                let file = node.to_json();
                let name = id.to_string();
                if file.pointer("/processors").is_none_or(|processors| processors.get(&name).is_none()) {
                    let known = file["processors"].as_object().into_iter().flatten();
                    let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
                    let hint = config::Hint::new(&name, known);
                    return Err(InspectError::NoProcessor { config: config.clone(), name, hint });
                }
                let body = node.below(&["processors", &name]).of_plugin().to_json();
                Ok((id.clone(), body.to_string(), secrets(&node, &name), signals(&file, &name)))
            }
        }
    }
}

/// What of a processor's configuration is not to be shown.
fn secrets(file: &config::Node, processor: &str) -> Secrets {
    Secrets::to_scrub(file.below(&["processors", processor]).secrets())
}

/// The signals of the pipelines in which a processor stands; all of them for one that stands in none.
fn signals(file: &Value, processor: &str) -> Vec<Signal> {
    let stands = |signal: &Signal| {
        let pipelines = file["service"]["pipelines"].as_object().into_iter().flatten();
        pipelines.filter(|(id, _)| id.split('/').next() == Some(signal.name())).any(|(_, pipeline)| {
            pipeline["processors"].as_array().into_iter().flatten().any(|name| name.as_str() == Some(processor))
        })
    };
    let found: Vec<Signal> = Signal::ALL.into_iter().filter(stands).collect();
    if found.is_empty() { Signal::ALL.to_vec() } else { found }
}

/// A report of [`inspect`] as lines.
pub fn text(report: &Value) -> String {
    let word = |key: &str| match &report[key] {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    };
    let listed = |value: &Value| {
        let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        items.map(|item| format!("  {item}\n")).collect::<String>()
    };
    let mut text = format!("{}\n", word("file"));
    let memory = report["memory_bytes"].as_u64().map_or("unknown".to_owned(), |bytes| format!("{} KiB", bytes >> 10));
    let _ = writeln!(text, "world: {}", report["world"].as_str().unwrap_or("none of otelier's"));
    let _ = writeln!(text, "sha256: {}\nbytes: {}", word("sha256"), word("bytes"));
    let _ = writeln!(text, "linear memory at start: {memory}\nlargest table: {} elements", word("table_elements"));
    for (name, value) in report["sections"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "{name}: {}", value.as_str().unwrap_or_default().escape_debug());
    }
    let _ = write!(text, "imports:\n{}exports:\n{}", listed(&report["imports"]), listed(&report["exports"]));
    if report["producers"].as_array().is_some_and(|producers| !producers.is_empty()) {
        let _ = write!(text, "made by:\n{}", listed(&report["producers"]));
    }
    for declared in report["declares"].as_array().into_iter().flatten() {
        text.push_str(&declared::text(declared));
    }
    text
}

#[cfg(test)]
mod tests;
