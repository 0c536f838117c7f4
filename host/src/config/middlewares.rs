//! `middlewares` of an exporter: extensions that stand between it and its destination. A breaker there is the same as under `breaker`, and
//! an authenticator as under `auth`; which of both one is, its type says, so it is put there before the exporter is read.

use super::breakers::{self, id_at};
use super::error::Error;
use super::manifest::Manifest;
use super::node::{Entry, Node, Value};
use super::position::Position;
use super::problem::{Family, Problem};
use crate::contract::ComponentId;

const KEY: &str = "middlewares";

/// Puts what exporters name under `middlewares` where it belongs.
pub(super) fn attach(root: &mut Node, manifest: &Manifest, problems: &mut Vec<Error>) {
    let Some(exporters) = entries_of(root, Family::Exporter.section()) else { return };
    for exporter in exporters {
        let Value::Map(keys) = &mut exporter.value.value else { continue };
        let list = keys.iter().find(|entry| entry.key == KEY);
        let Some(Value::List(items)) = list.map(|entry| &entry.value.value) else { continue };
        let named: Vec<(ComponentId, Position)> = items.iter().filter_map(named).collect();
        for (id, position) in named {
            // An entry of the manifest that could not be read is told.
            match &manifest.plugins {
                Some(plugins) if plugins.get(id.kind()).is_none_or(Option::is_some) => {}
                _ => continue,
            }
            let is_breaker = breakers::is_breaker(id.kind(), manifest);
            let key = if is_breaker { "breaker" } else { "auth" };
            if keys.iter().any(|entry| entry.key == key && !matches!(entry.value.value, Value::Null)) {
                let reason = format!("`{id}` is a second one beside `{key}`: an exporter has one; remove one of them");
                problems.push(Error::new(&position, Problem::Invalid { reason }));
                continue;
            }
            keys.retain(|entry| entry.key != key);
            let text = Node::new(position.clone(), Value::Text(id.to_string()));
            let value = match is_breaker {
                true => text,
                false => Node::new(position.clone(), Value::Map(vec![entry("authenticator", &position, text)])),
            };
            keys.push(entry(key, &position, value));
        }
    }
}

fn entry(key: &str, position: &Position, value: Node) -> Entry {
    Entry { key: key.to_owned(), position: position.clone(), value }
}

fn entries_of<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Vec<Entry>> {
    let Value::Map(entries) = &mut node.value else { return None };
    match &mut entries.iter_mut().find(|entry| entry.key == key)?.value.value {
        Value::Map(entries) => Some(entries),
        _ => None,
    }
}

/// What is no id, the exporter itself complains of.
fn named(item: &Node) -> Option<(ComponentId, Position)> {
    let node = item.get("id").unwrap_or(item);
    Some((id_at(node)?, node.position().clone()))
}
