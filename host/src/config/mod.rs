//! The configuration: from two YAML files, the Collector's kind and the plugin manifest, to one validated [`Plan`].
//!
//! The way: `tree` parses text to [`Node`]s and expands variables (`env`), `raw` reads the top level, `manifest` the
//! plugins, `resolve` follows every reference. Each step goes on after a problem, so that one run reports them all.
//! This module knows no component: types come in as [`Known`], and a component's body stays a [`Node`] that its
//! factory parses, with errors that still point into the file.

mod breakers;
mod complaint;
mod deserialize;
mod env;
mod error;
mod fault;
mod fields;
mod manifest;
mod node;
mod plan;
mod problem;
mod raw;
mod resolve;
mod scalar;
mod telemetry;
#[cfg(test)]
mod tests;
mod tree;
mod versions;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::files::bounded::{self, ReadError};

pub use env::{EnvError, Environment};
pub use error::{Error, Errors, Position};
pub use node::Node;
pub use plan::{
    BreakerPlan, Component, DeliveryLimits, Limits, PipelinePlan, Plan, PluginPlan, ProcessorPlan, ReceiverLimits,
    SharedProcessor, Update, Warning, World,
};
pub use problem::{Family, Hint, Problem};
pub use telemetry::{LogEncoding, LogLevel, LogSettings, MetricLevel, MetricSettings, Telemetry};
pub use versions::{Chosen, Folder, FolderError};

/// Bytes in a file, at the most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The component types that the host has. Processors are not here: their types are the manifest's plugins.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Receiver types.
    pub receivers: &'a [&'a str],
    /// Exporter types.
    pub exporters: &'a [&'a str],
    /// Extension types.
    pub extensions: &'a [&'a str],
}

/// A text and the path it goes by in messages.
#[derive(Debug, Clone, Copy)]
pub struct ConfigText<'a> {
    /// Of the file, whether or not it exists; a manifest's plugin files are relative to its folder.
    pub path: &'a Path,
    /// Its content.
    pub text: &'a str,
}

/// Reads and checks both files, with the variables of the process.
pub fn load(config: &Path, manifest: &Path, known: &Known<'_>) -> Result<Plan, Errors> {
    let environment = |name: &str| std::env::var_os(name);
    plan(open(config, &environment), open(manifest, &environment), manifest, known)
}

/// Reads a manifest alone, with the variables of the process: its plugins by name.
pub fn load_manifest(path: &Path) -> Result<BTreeMap<String, PluginPlan>, Errors> {
    let (plugins, checked) = load_manifest_partly(path);
    checked.map(|()| plugins)
}

/// The same as far as it can be read, and what is wrong with the rest.
pub fn load_manifest_partly(path: &Path) -> (BTreeMap<String, PluginPlan>, Result<(), Errors>) {
    let mut manifest = open(path, &|name| std::env::var_os(name));
    let mut problems = Vec::new();
    let plugins = manifest.root.take().map(|root| manifest::read(&root, path, &mut problems)).unwrap_or_default();
    manifest.add(problems);
    let read = plugins.into_iter().filter_map(|(name, plugin)| Some((name, plugin?))).collect();
    (read, Errors::check(manifest.problems))
}

/// Reads any file of the configuration's kind, with the variables of the process.
pub fn load_node(path: &Path) -> Result<Node, Errors> {
    let parsed = open(path, &|name| std::env::var_os(name));
    Errors::check(parsed.problems)?;
    parsed.root.ok_or_else(|| Error::new(&parsed.file, Problem::Empty).into())
}

/// Checks two texts, with the variables of `environment`.
pub fn load_str(
    config: &ConfigText<'_>,
    manifest: &ConfigText<'_>,
    known: &Known<'_>,
    environment: &Environment<'_>,
) -> Result<Plan, Errors> {
    plan(Parsed::new(config, environment), Parsed::new(manifest, environment), manifest.path, known)
}

/// One file's tree, as far as there is one, and what is wrong with it so far.
struct Parsed {
    file: Position,
    root: Option<Node>,
    problems: Vec<Error>,
    warnings: Vec<Warning>,
    /// Where the text itself is wrong. What is said about such a place later only follows from that.
    spoilt: HashSet<Position>,
}

impl Parsed {
    fn new(source: &ConfigText<'_>, environment: &Environment<'_>) -> Self {
        let file = whole(source.path);
        let (root, mut problems, warnings) = tree::read(source, environment);
        if root.is_none() && problems.is_empty() {
            problems.push(Error::new(&file, Problem::Empty));
        }
        let spoilt = problems.iter().map(|error| error.position.clone()).collect();
        Parsed { file, root, problems, warnings, spoilt }
    }

    fn unreadable(path: &Path, problem: Problem) -> Self {
        let file = whole(path);
        let problems = vec![Error::new(&file, problem)];
        Parsed { file, root: None, problems, warnings: Vec::new(), spoilt: HashSet::new() }
    }

    fn add(&mut self, mut problems: Vec<Error>) {
        problems.retain(|error| !self.spoilt.contains(&error.position));
        self.problems.append(&mut problems);
    }
}

fn open(path: &Path, environment: &Environment<'_>) -> Parsed {
    match read_file(path) {
        Ok(text) => Parsed::new(&ConfigText { path, text: &text }, environment),
        Err(problem) => Parsed::unreadable(path, problem),
    }
}

fn read_file(path: &Path) -> Result<String, Problem> {
    let bytes = bounded::read_once(path, FILE_BYTES_MAX).map_err(|error| match error {
        ReadError::TooLarge { bytes_max } => Problem::TooLong { limit: bytes_max },
        error => Problem::Unreadable(error),
    })?;
    String::from_utf8(bytes).map_err(|error| Problem::NotUtf8 { offset: error.utf8_error().valid_up_to() })
}

fn whole(path: &Path) -> Position {
    Position::whole(path.display().to_string().into())
}

fn plan(mut config: Parsed, mut manifest: Parsed, path: &Path, known: &Known<'_>) -> Result<Plan, Errors> {
    let mut problems = Vec::new();
    let plugins = manifest.root.take().map(|root| manifest::read(&root, path, &mut problems));
    manifest.add(problems);
    let manifest_view = resolve::Manifest { path: path.display().to_string(), plugins };
    let plan = config.root.take().map(|root| {
        let mut problems = Vec::new();
        let raw = raw::read(&root, &mut problems);
        let plan = resolve::resolve(&raw, &manifest_view, known, &mut problems);
        config.add(problems);
        plan
    });
    config.problems.append(&mut manifest.problems);
    Errors::check(config.problems)?;
    let mut plan = plan.ok_or_else(|| Errors::from(Error::new(&config.file, Problem::Empty)))?;
    config.warnings.append(&mut manifest.warnings);
    config.warnings.append(&mut plan.warnings);
    Ok(Plan { warnings: config.warnings, ..plan })
}
