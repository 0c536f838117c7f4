//! From URIs to one tree, as the Collector's resolver does it (`confmap`: `resolver.go`, `expand.go`, `provider.go`): every URI is retrieved and
//! read, the trees are merged in order, and then each `${scheme:value}` in a value is replaced by what it names.
//!
//! Where the Collector has no bound this has one: of values, of bytes, and of how often something is retrieved.

mod expansion;
pub(super) mod location;
mod merge;
pub(super) mod providers;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;

use super::error::{Error, Errors};
use super::file::{self, ConfigText};
use super::node::{Entry, Node, Value};
use super::parsed::Parsed;
use super::position::Position;
use super::problem::{Family, Problem};
use super::tree;
use super::warning::Warning;

use expansion::Expander;
use location::Location;
use merge::{merge, nest};
use providers::{Providers, RetrieveError};

/// What a configuration is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// `--config`, in order: later ones go before earlier ones.
    pub configs: Vec<String>,
    /// `--set`, in order, as they were written: `a.b=c`. They go before all of those, wherever they stood.
    pub sets: Vec<String>,
}

impl Sources {
    /// One file.
    pub fn file(path: &Path) -> Sources {
        Sources { configs: vec![format!("file:{}", path.display())], sets: Vec::new() }
    }

    /// A URI as it may be shown: without what signs a request in.
    pub fn shown(uri: &str) -> String {
        Location::shown(uri)
    }
}

/// Retrieves, merges and expands; where there is no `--config`, `default` stands in.
pub(super) fn resolve(sources: &Sources, default: &ConfigText<'_>, providers: &Providers<'_>) -> Parsed {
    let mut trees = Trees { parsed: Parsed::nothing(Position::of(default.path)), providers };
    if sources.configs.is_empty() {
        trees.add_text(default.path, default.text);
    }
    for uri in &sources.configs {
        trees.add(uri);
    }
    for set in &sources.sets {
        trees.add_set(set);
    }
    let mut parsed = trees.expanded();
    nest_components(&mut parsed);
    parsed
}

/// What a component's configuration is as a whole by a reference has keys `a::b` of its own.
fn nest_components(parsed: &mut Parsed) {
    let Some(Value::Map(sections)) = parsed.root.as_mut().map(|root| &mut root.value) else { return };
    let is_family = |entry: &&mut Entry| Family::ALL.iter().any(|family| family.section() == entry.key);
    for section in sections.iter_mut().filter(is_family) {
        let Value::Map(components) = &mut section.value.value else { continue };
        for component in components {
            if let Err(problem) = nest(&mut component.value) {
                parsed.problems.push(Error::new(&component.position, problem));
            }
        }
    }
}

/// Reads and expands a single text.
pub(super) fn resolve_text(text: &ConfigText<'_>, providers: &Providers<'_>) -> Parsed {
    let mut trees = Trees { parsed: Parsed::nothing(Position::of(text.path)), providers };
    if let Some(mut root) = trees.read(text.path, text.text) {
        match nest(&mut root) {
            Ok(()) => trees.parsed.root = Some(root),
            Err(problem) => trees.refuse(&root.position, problem),
        }
    }
    trees.expanded()
}

/// Trees that are merged as they come.
struct Trees<'a> {
    parsed: Parsed,
    providers: &'a Providers<'a>,
}

impl Trees<'_> {
    fn add(&mut self, uri: &str) {
        let position = Position::whole(Location::shown(uri).into());
        let location = match Location::of_flag(uri) {
            Ok(location) => location,
            Err(error) => return self.refuse(&position, error.into()),
        };
        match self.providers.retrieve(&location) {
            Ok(content) => match file::text(content.into_bytes()) {
                Ok(text) => self.add_text(Path::new(position.file()), &text),
                Err(error) => self.refuse(&position, error.into()),
            },
            Err(RetrieveError::File { problem, .. }) => self.refuse(&position, problem.into()),
            Err(error) => self.refuse(&position, error.into()),
        }
    }

    fn add_text(&mut self, path: &Path, text: &str) {
        if let Some(root) = self.read(path, text) {
            self.merge(root);
        }
    }

    fn read(&mut self, path: &Path, text: &str) -> Option<Node> {
        let (root, problems, warnings) = tree::read(&ConfigText { path, text });
        self.parsed.spoilt.extend(problems.iter().map(|error| error.position.clone()));
        self.parsed.problems.extend(problems);
        self.parsed.warnings.extend(warnings);
        if root.is_none() && self.parsed.problems.is_empty() && self.parsed.root.is_none() {
            self.parsed.file = Position::of(path);
        }
        root
    }

    /// `a.b=c` is `a::b: c`.
    fn add_set(&mut self, set: &str) {
        let Some((keys, value)) = set.split_once('=') else {
            let position = Position::whole(format!("--set {set}").into());
            return self.refuse(&position, Problem::Set);
        };
        let position = Position::whole(format!("--set {}", keys.trim()).into());
        let text = format!("{}: {}", keys.replace('.', "::").trim(), value.trim());
        let (root, problems, _) = tree::read(&ConfigText { path: Path::new(position.file()), text: &text });
        if let Some(first) = problems.into_iter().next() {
            return self.refuse(&position, first.problem);
        }
        if let Some(mut root) = root {
            root.stand_at(&position);
            self.merge(root);
        }
    }

    fn merge(&mut self, mut root: Node) {
        if !matches!(root.value, Value::Map(_)) {
            let (position, found) = (root.position.clone(), root.describe());
            return self.refuse(&position, Problem::WrongValue { expected: "a mapping".to_owned(), found });
        }
        if let Err(problem) = nest(&mut root) {
            return self.refuse(&root.position, problem);
        }
        match &mut self.parsed.root {
            Some(whole) => merge(whole, root),
            None => self.parsed.root = Some(root),
        }
    }

    fn refuse(&mut self, position: &Position, problem: Problem) {
        self.parsed.spoilt.insert(position.clone());
        self.parsed.problems.push(Error::new(position, problem));
    }

    fn expanded(mut self) -> Parsed {
        let mut expander = Expander::new(self.providers);
        if let Some(root) = &mut self.parsed.root {
            expander.expand(root);
        }
        let Expander { problems, unset, .. } = expander;
        self.parsed.spoilt.extend(problems.iter().map(|error| error.position.clone()));
        self.parsed.problems.extend(problems);
        let mut told = HashSet::new();
        let unset = unset.into_iter().filter(|place| told.insert(place.clone()));
        self.parsed.warnings.extend(unset.map(|(position, name)| Warning::Unset { position, name }));
        if self.parsed.root.is_none() && self.parsed.problems.is_empty() {
            let file = self.parsed.file.clone();
            self.parsed.problems.push(Error::new(&file, Problem::Empty));
        }
        self.parsed
    }
}

/// A tree from text alone, for tests of components: no variable is set, and the file is called `inline`.
impl FromStr for Node {
    type Err = Errors;

    fn from_str(text: &str) -> Result<Self, Errors> {
        let path = "inline".as_ref();
        let providers = Providers { environment: &|_| None, fetch: &|_| Err("there is no network here".to_owned()) };
        let Parsed { root, mut problems, .. } = resolve_text(&ConfigText { path, text }, &providers);
        problems.retain(|error| !matches!(error.problem, Problem::Empty));
        Errors::check(problems)?;
        Ok(root.unwrap_or_else(|| Node::new(Position::whole("inline".into()), Value::Null)))
    }
}
