//! The configuration: from two YAML files, the Collector's kind and the plugin manifest, to one validated [`Plan`].
//!
//! The way: `resolution` retrieves, merges and expands what `tree` parses to [`Node`]s, `raw` reads the top level, `manifest` the plugins,
//! `resolve` follows every reference to a component. Each step goes on after a problem, so that one run reports them all.
//! This module knows no component: types come in as [`Known`], and a component's body stays a [`Node`] that its
//! factory parses, with errors that still point into the file.

mod breakers;
mod complaint;
mod connections;
mod deserialize;
mod error;
mod explain;
mod fault;
mod faults;
mod fields;
mod file;
mod former;
mod host_keys;
mod instead;
mod known;
mod limits;
mod manifest;
mod middlewares;
mod node;
mod parsed;
mod plan;
mod position;
mod problem;
mod raw;
mod reach;
mod resolution;
mod resolve;
mod retrieved;
mod scalar;
mod telemetry;
#[cfg(test)]
mod tests;
mod tree;
mod versions;
mod warning;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

pub use error::{Error, Errors};
pub use explain::Explanation;
pub use file::ConfigText;
pub use former::FormerKey;
pub use host_keys::{HostKeys, Named};
pub use known::Known;
pub use limits::Limits;
pub use node::Node;
pub use plan::{
    BreakerPlan, BuiltInPlugin, Component, DeliveryLimits, PipelinePlan, Plan, PluginPlan, ProcessorPlan,
    ReceiverLimits, SharedProcessor, Update, World,
};
pub use position::Position;
pub use problem::{Family, Hint, Problem};
pub use resolution::Sources;
pub use resolution::providers::{Environment, Fetch, Providers};
pub use retrieved::Retrieved;
pub use telemetry::{
    BatchProcessor, LogEncoding, LogLevel, LogOutput, LogSampling, LogSettings, MetricLevel, MetricSettings,
    PeriodicReader, ResourceSettings, Telemetry, TraceSettings,
};
pub use versions::{Chosen, Folder, FolderError};
pub use warning::Warning;

use parsed::Parsed;

/// Reads a configuration and the manifest, if there is one, with the variables of the process. `default` stands in where no `--config` is.
/// `fetch` gets what is named by `http:` and `https:`.
pub fn load(
    sources: &Sources,
    default: &ConfigText<'_>,
    manifest: Option<&Path>,
    known: &Known<'_>,
    fetch: &Fetch<'_>,
) -> Draft {
    let providers = Providers::of_process(fetch);
    let config = resolution::resolve(sources, default, &providers);
    draft(config, manifest.map(|path| (path, open(path, &local()))), known)
}

/// A resolved configuration as it stands, whatever it means.
pub fn load_tree(sources: &Sources, default: &ConfigText<'_>, providers: &Providers<'_>) -> Result<Tree, Errors> {
    let resolved = resolution::resolve(sources, default, providers);
    Errors::check(resolved.problems)?;
    let root = resolved.root.ok_or_else(|| Error::new(&resolved.file, Problem::Empty))?;
    Ok(Tree { root, warnings: resolved.warnings })
}

/// A configuration before anybody has asked what it means.
#[derive(Debug)]
pub struct Tree {
    /// All of it.
    pub root: Node,
    /// What is probably not meant.
    pub warnings: Vec<Warning>,
}

/// For files that are read before anything is on the network.
fn nothing_fetched(uri: &str) -> Result<Vec<u8>, String> {
    Err(format!("{uri} is not read here: name a file"))
}

fn local() -> Providers<'static> {
    Providers::of_process(&nothing_fetched)
}

/// A plan as far as it could be made, and what is wrong so far: who knows more of its parts adds to that, so that one run tells everything.
#[derive(Debug)]
pub struct Draft {
    /// Without what could not be read. `None` where that is the whole file.
    pub plan: Option<Plan>,
    problems: Vec<Error>,
    /// How many of them are about the files and how their parts go together.
    first: usize,
    /// The configuration as it stands.
    root: Option<Node>,
    /// Where the text itself is wrong. What is said about such a place later only follows from that.
    spoilt: HashSet<Position>,
}

impl Draft {
    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds what is wrong with its parts, unless that place was blamed when the files were read, or the same was said.
    pub fn add(&mut self, problems: impl IntoIterator<Item = Error>) {
        for problem in problems {
            let text = problem.to_string();
            // Said of a component as a whole, it may come of what is wrong inside.
            let is_spoilt = self.root.as_ref().is_some_and(|root| root.spoils(&problem.position, &self.spoilt));
            let is_told = (0..).zip(&self.problems).any(|(place, told)| {
                told.position == problem.position && (place < self.first || told.to_string() == text)
            });
            if !is_told && !is_spoilt {
                self.problems.push(problem);
            }
        }
    }

    /// Variables that are not set, a line each, for whoever tells of what is wrong: it may come of them.
    pub fn unset(&self) -> String {
        let warnings = self.plan.iter().flat_map(|plan| &plan.warnings);
        let unset = warnings.filter(|warning| matches!(warning, Warning::Unset { .. }));
        unset.map(|warning| format!("\nwarning: {warning}")).collect()
    }

    /// The plan, if nothing is wrong.
    pub fn finish(self) -> Result<Plan, Errors> {
        Errors::check(self.problems)?;
        // There is one, or something was wrong.
        self.plan.ok_or_else(|| Errors::from(Error::new(&Position::of(Path::new("the configuration")), Problem::Empty)))
    }
}

/// Reads a manifest alone, with the variables of the process: its plugins by name, and those built in.
pub fn load_manifest(path: Option<&Path>, built_in: &[BuiltInPlugin]) -> Result<BTreeMap<String, PluginPlan>, Errors> {
    let (plugins, checked) = load_manifest_partly(path, built_in);
    checked.map(|()| plugins)
}

/// The same as far as it can be read, and what is wrong with the rest.
pub fn load_manifest_partly(
    path: Option<&Path>,
    built_in: &[BuiltInPlugin],
) -> (BTreeMap<String, PluginPlan>, Result<(), Errors>) {
    let manifest = path.map(|path| (path, open(path, &local())));
    let (view, findings) = plugins(manifest, built_in);
    let read = view.plugins.into_iter().flatten().filter_map(|(name, plugin)| Some((name, plugin?))).collect();
    (read, Errors::check(findings.problems))
}

/// Reads any file of the configuration's kind, with the variables of the process.
pub fn load_node(path: &Path) -> Result<Node, Errors> {
    let parsed = open(path, &local());
    Errors::check(parsed.problems)?;
    parsed.root.ok_or_else(|| Error::new(&parsed.file, Problem::Empty).into())
}

/// Reads any file of the configuration's kind, with references in it as they stand.
pub fn load_plain(path: &Path) -> Result<Node, Errors> {
    let at_file = |problem: Problem| Error::new(&Position::of(path), problem);
    let text = file::read(path).map_err(|problem| at_file(problem.into()))?;
    let (root, problems, _) = tree::read(&ConfigText { path, text: &text });
    Errors::check(problems)?;
    root.ok_or_else(|| at_file(Problem::Empty).into())
}

/// Checks two texts, with the variables of `environment`.
pub fn load_str(
    config: &ConfigText<'_>,
    manifest: &ConfigText<'_>,
    known: &Known<'_>,
    environment: &Environment<'_>,
) -> Result<Plan, Errors> {
    let providers = Providers { environment, fetch: &nothing_fetched };
    let read = |text| resolution::resolve_text(text, &providers);
    draft(read(config), Some((manifest.path, read(manifest))), known).finish()
}

fn open(path: &Path, providers: &Providers<'_>) -> Parsed {
    match file::read(path) {
        Ok(text) => resolution::resolve_text(&ConfigText { path, text: &text }, providers),
        Err(problem) => {
            let mut parsed = Parsed::nothing(Position::of(path));
            parsed.problems.push(Error::new(&parsed.file.clone(), problem.into()));
            parsed
        }
    }
}

/// What is wrong with a file, and what is only odd.
#[derive(Default)]
struct Findings {
    problems: Vec<Error>,
    warnings: Vec<Warning>,
}

/// The plugins there are, and what there is to say about the manifest.
fn plugins(manifest: Option<(&Path, Parsed)>, built_in: &[BuiltInPlugin]) -> (manifest::Manifest, Findings) {
    let Some((path, mut manifest)) = manifest else {
        return (manifest::Manifest { path: None, plugins: Some(manifest::built_in(built_in)) }, Findings::default());
    };
    let mut problems = Vec::new();
    let plugins = manifest.root.take().and_then(|root| manifest::read(&root, path, built_in, &mut problems));
    manifest.add(problems);
    let view = manifest::Manifest { path: Some(path.display().to_string()), plugins };
    (view, Findings { problems: manifest.problems, warnings: manifest.warnings })
}

fn draft(mut config: Parsed, manifest: Option<(&Path, Parsed)>, known: &Known<'_>) -> Draft {
    let (manifest, of_manifest) = plugins(manifest, known.plugins);
    let mut root = config.root.take();
    let mut attached = Vec::new();
    root.iter_mut().for_each(|root| middlewares::attach(root, &manifest, &mut attached));
    let plan = root.as_ref().map(|root| {
        let mut problems = attached;
        let raw = raw::read(root, &mut problems);
        let plan = resolve::resolve(&raw, &manifest, known, &mut problems);
        config.add(problems);
        plan
    });
    let Parsed { mut problems, mut warnings, spoilt, .. } = config;
    problems.extend(of_manifest.problems);
    warnings.extend(of_manifest.warnings);
    let plan = plan.map(|mut plan| {
        warnings.append(&mut plan.warnings);
        Plan { warnings, ..plan }
    });
    let first = problems.len();
    Draft { plan, problems, first, root, spoilt }
}
