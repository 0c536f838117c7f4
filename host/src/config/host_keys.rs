//! Keys of a processor that are the host's, whatever its plugin is. They are taken out of the configuration before anybody reads that: a plugin
//! never sees them, and state goes on whether they are there or not.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::error::Error;
use super::node::{Entry, Node, Value};
use super::position::Position;
use super::raw::RawComponent;
use crate::contract::ComponentId;

const STORAGE: &str = "storage";
const CHECKPOINT_FILE: &str = "checkpoint_file";

/// Keys of every processor that is a plugin.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostKeys {
    /// The storage extension that has the processor's state. All of them are the database of the state directory, where state is kept without
    /// this key as well.
    #[schemars(extend("x-collector" = "ours"))]
    storage: Option<ComponentId>,
    /// Reserved for the host, and refused: state is in the database of the state directory (`--state-dir`), and in no file of its own.
    #[schemars(with = "serde_json::Value", extend("not" = {}, "x-collector" = "ours"))]
    checkpoint_file: Option<Reserved>,
}

/// What no configuration can have.
#[derive(Debug, Clone, Copy)]
struct Reserved;

impl<'de> Deserialize<'de> for Reserved {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Reserved, D::Error> {
        Err(de::Error::custom(
            "`checkpoint_file` is reserved for the host, and there is no such file: state is committed with each request to the database of \
             the state directory (`--state-dir`); remove the key",
        ))
    }
}

/// An extension that a component names, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Which one.
    pub id: ComponentId,
    /// Of its name.
    pub position: Position,
}

fn is_the_host_s(entry: &Entry) -> bool {
    [STORAGE, CHECKPOINT_FILE].contains(&entry.key.as_str())
}

/// The storage that a processor names.
pub(super) fn storage(processor: &RawComponent<'_>, problems: &mut Vec<Error>) -> Option<Named> {
    let node = processor.node.retaining(is_the_host_s);
    match node.parse::<HostKeys>() {
        Ok(HostKeys { storage, .. }) => {
            Some(Named { id: storage?, position: node.get(STORAGE).unwrap_or(&node).position().clone() })
        }
        Err(_) => {
            problems.extend(node.faults::<HostKeys>());
            None
        }
    }
}

impl Node {
    /// What of a processor's configuration is its plugin's.
    pub fn of_plugin(&self) -> Node {
        self.retaining(|entry| !is_the_host_s(entry))
    }

    /// Without some keys. Where others were all there was, nothing is left: as if they had not been written.
    fn retaining(&self, is_kept: impl Fn(&Entry) -> bool) -> Node {
        let mut node = self.clone();
        if let Value::Map(entries) = &mut node.value {
            let before = entries.len();
            entries.retain(is_kept);
            if entries.is_empty() && before > 0 {
                node.value = Value::Null;
            }
        }
        node
    }
}
