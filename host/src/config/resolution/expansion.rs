//! `${scheme:value}` in values, by the rules of `confmap/expand.go`:
//!
//! - Of a text the first `}` is looked for, and the last `${` before it: the innermost reference comes first.
//! - With an odd number of `$` in front of it, it is none, and what stands behind its `}` comes next. (Older Collectors left all of
//!   that as it was.)
//! - A value that is one reference becomes what that names, of whatever type, and keeps the text of it for where text is wanted.
//! - Elsewhere in a text, the text of what it names is put into every place where the same reference stands.
//! - That goes on until nothing changes. At the end `$$` is `$`. Keys are left as they are.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::location::Location;
use super::providers::{Content, Providers, Variable};
use crate::config::error::Error;
use crate::config::file::{self, ConfigText};
use crate::config::node::{Node, Value};
use crate::config::position::Position;
use crate::config::problem::Problem;
use crate::config::retrieved::Retrieved;
use crate::config::tree;

/// How often one value is looked at.
const ROUNDS_MAX: usize = 1000;
/// References that are followed in one configuration.
const REFERENCES_MAX: usize = 10_000;
/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Values that references bring in.
const VALUES_MAX: usize = tree::VALUES_MAX;

/// What was retrieved for a reference.
struct Found {
    /// In whatever type it is.
    value: Node,
    /// As it is put into a text.
    text: String,
    retrieved: Arc<Retrieved>,
    /// A variable that is not set, and has no default.
    is_unset: bool,
}

/// Goes through a tree.
pub(super) struct Expander<'a> {
    providers: &'a Providers<'a>,
    found: HashMap<Location, Rc<Found>>,
    references: usize,
    values: usize,
    pub problems: Vec<Error>,
    /// Variables that are not set and have no default, with the place of who asks.
    pub unset: Vec<(Position, String)>,
}

impl<'a> Expander<'a> {
    pub fn new(providers: &'a Providers<'a>) -> Expander<'a> {
        Expander { providers, found: HashMap::new(), references: 0, values: 0, problems: Vec::new(), unset: Vec::new() }
    }

    /// Expands everything below. A value with something wrong stays as it is, and is told.
    pub fn expand(&mut self, node: &mut Node) {
        if let (Value::Map(_) | Value::List(_), None) = (&node.value, &node.expanded) {
            match &mut node.value {
                Value::List(items) => items.iter_mut().for_each(|item| self.expand(item)),
                Value::Map(entries) => entries.iter_mut().for_each(|entry| self.expand(&mut entry.value)),
                _ => {}
            }
            return;
        }
        for round in 0.. {
            if round == ROUNDS_MAX {
                self.problems.push(Error::new(&node.position, Problem::EndlessExpansion));
                return;
            }
            match self.round(node) {
                Ok(true) if node.height() > tree::DEPTH_MAX => {
                    self.problems.push(Error::new(&node.position, Problem::TooDeep { limit: tree::DEPTH_MAX }));
                    return;
                }
                Ok(true) => {}
                Ok(false) => break,
                Err(problem) => {
                    self.problems.push(Error::new(&node.position, problem));
                    return;
                }
            }
        }
        unescape(node);
    }

    /// Replaces at most one reference of each text. False where there is none.
    fn round(&mut self, node: &mut Node) -> Result<bool, Problem> {
        if let Some(text) = node.expanded.take() {
            return self.round_of_typed(node, text);
        }
        match &mut node.value {
            Value::Text(text) => match find(text).map(str::to_owned) {
                Some(reference) => self.replace(node, &reference).map(|()| true),
                None => Ok(false),
            },
            Value::List(items) => items.iter_mut().try_fold(false, |changed, item| Ok(self.round(item)? || changed)),
            Value::Map(entries) => {
                entries.iter_mut().try_fold(false, |changed, entry| Ok(self.round(&mut entry.value)? || changed))
            }
            _ => Ok(false),
        }
    }

    /// Of a value that has a text beside it.
    fn round_of_typed(&mut self, node: &mut Node, text: String) -> Result<bool, Problem> {
        let changed = self.round(node)?;
        let mut beside = Node::new(node.position.clone(), Value::Text(text));
        // Where the text cannot be expanded there is none.
        let Ok(has_changed) = self.round(&mut beside) else { return Ok(changed) };
        match beside {
            Node { value: Value::Text(text), expanded: None, .. } => {
                node.expanded = Some(text);
                Ok(changed || has_changed)
            }
            _ => Ok(changed),
        }
    }

    fn replace(&mut self, node: &mut Node, reference: &str) -> Result<(), Problem> {
        let Value::Text(text) = &node.value else { return Ok(()) };
        let inner = reference.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(reference);
        let location = Location::of_reference(inner)?;
        if location.value.contains('$') {
            return Err(Problem::DollarInUri { reference: inner.to_owned() });
        }
        let found = self.find(&location, &node.position)?;
        let mut via = node.via.clone();
        via.push(found.retrieved.clone());
        if text == reference {
            let mut value = found.value.clone();
            self.values += value.count();
            if self.values > VALUES_MAX {
                return Err(Problem::TooManyValues { limit: VALUES_MAX });
            }
            // A scalar has no place of its own; what is below a mapping has, in its file.
            let is_collection = matches!(value.value, Value::Map(_) | Value::List(_));
            if !is_collection || matches!(location.scheme.as_str(), "env" | "yaml") {
                value.stand_at(&node.position);
            }
            value.position = node.position.clone();
            value.expanded = Some(found.text.clone()).filter(|_| !matches!(value.value, Value::Text(_)));
            if !is_collection || location.scheme == "env" {
                value.come_from_outside();
            }
            value.via = via;
            value.replaced = std::mem::take(&mut node.replaced);
            *node = value;
            return Ok(());
        }
        let text = text.replace(reference, &found.text);
        if text.len() > TEXT_BYTES_MAX {
            return Err(Problem::TextTooLong { limit: TEXT_BYTES_MAX });
        }
        node.value = Value::Text(text);
        node.from_environment = true;
        node.via = via;
        Ok(())
    }

    fn find(&mut self, location: &Location, position: &Position) -> Result<Rc<Found>, Problem> {
        self.references += 1;
        if self.references > REFERENCES_MAX {
            return Err(Problem::TooManyReferences { limit: REFERENCES_MAX });
        }
        if let Some(found) = self.found.get(location) {
            let found = Rc::clone(found);
            self.note_unset(&found, location, position);
            return Ok(found);
        }
        let content = self.providers.retrieve(location)?;
        let is_unset = matches!(content, Content::Unset);
        let (bytes, is_text) = match content {
            Content::Bytes(bytes) => (bytes, false),
            Content::Unset => (Vec::new(), false),
            Content::EmptyDefault => (Vec::new(), true),
        };
        let uri = match location.scheme.as_str() {
            "env" => format!("env:{}", Variable::of(&location.value).name),
            _ => Location::shown(&location.uri()),
        };
        let retrieved = Retrieved::new(&uri, &bytes);
        let text = file::text(bytes)?;
        let value = match is_text {
            true => Node::new(position.clone(), Value::Text(String::new())),
            false => typed(&uri, &text, position)?,
        };
        let found = Rc::new(Found { value, text, retrieved, is_unset });
        self.note_unset(&found, location, position);
        self.found.insert(location.clone(), Rc::clone(&found));
        Ok(found)
    }

    fn note_unset(&mut self, found: &Found, location: &Location, position: &Position) {
        if found.is_unset {
            self.unset.push((position.clone(), Variable::of(&location.value).name.to_owned()));
        }
    }
}

/// What a text is as YAML; what is none is that text (`NewRetrievedFromYAML`). What is YAML, and more of it than is read here, is an error, and so
/// is what the Collector takes from no provider.
fn typed(name: &str, text: &str, position: &Position) -> Result<Node, Problem> {
    let as_text = || Node::new(position.clone(), Value::Text(text.to_owned()));
    let (root, problems, _) = tree::read(&ConfigText { path: Path::new(name), text });
    if let Some(first) = problems.into_iter().next() {
        return match first.problem {
            problem @ (Problem::TooDeep { .. }
            | Problem::TooManyValues { .. }
            | Problem::UnsupportedTag { .. }
            | Problem::SecondDocument) => Err(problem),
            _ => Ok(as_text()),
        };
    }
    match root {
        None => Ok(Node::new(position.clone(), Value::Null)),
        // With its quotes, and with the spaces around it.
        Some(Node { value: Value::Text(_), .. }) => Ok(as_text()),
        Some(Node { value: Value::Unsigned(number), .. }) => Err(Problem::TooLarge { number }),
        Some(root) => Ok(root),
    }
}

/// The reference that is replaced first (`findURI`).
fn find(text: &str) -> Option<&str> {
    if !text.contains("${") {
        return None;
    }
    let mut rest = text;
    loop {
        let close = rest.find('}')?;
        let (before, behind) = (rest.get(..=close)?, rest.get(close + 1..)?);
        let Some(open) = before.rfind("${") else {
            rest = behind;
            continue;
        };
        let dollars = before.get(..open)?.bytes().rev().take_while(|byte| *byte == b'$').count();
        if dollars % 2 == 0 {
            return before.get(open..);
        }
        rest = behind;
    }
}

fn unescape(node: &mut Node) {
    let replaced = |text: &mut String| {
        if text.contains("$$") {
            *text = text.replace("$$", "$");
        }
    };
    if let Some(text) = &mut node.expanded {
        replaced(text);
    }
    match &mut node.value {
        Value::Text(text) => replaced(text),
        Value::List(items) => items.iter_mut().for_each(unescape),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| unescape(&mut entry.value)),
        _ => {}
    }
}
