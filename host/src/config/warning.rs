//! What is probably not meant, but harms nothing.

use std::fmt;
use std::path::PathBuf;

use super::position::Position;
use super::problem::Family;
use crate::contract::ComponentId;

/// Something that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A component that is defined, but runs nowhere.
    Unused {
        /// Of its key.
        position: Position,
        /// What it is.
        family: Family,
        /// As in the configuration.
        id: ComponentId,
    },
    /// `$NAME`, which is expanded nowhere. What stands there may be a secret, so it is not said.
    Variable {
        /// Of the value.
        position: Position,
    },
    /// A variable of the environment that is not set, without a default: it is empty.
    Unset {
        /// Of the value.
        position: Position,
        /// The variable.
        name: String,
    },
    /// A file in a folder of versions whose name is none.
    Misnamed {
        /// Of the folder in the manifest.
        position: Position,
        /// The plugin.
        plugin: String,
        /// The file.
        file: PathBuf,
    },
    /// A key under the name that earlier Collectors had for it.
    Former {
        /// Of the key.
        position: Position,
        /// Whose it is.
        who: String,
        /// As it stands, with dots between levels.
        old: String,
        /// As it is called now.
        new: String,
    },
    /// A breaker that nobody asks.
    Unattached {
        /// Of its key.
        position: Position,
        /// As in the configuration.
        id: ComponentId,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Variable { position } => {
                write!(
                    f,
                    "{position}: `$` and a name stay as they are, as in a Collector: write `${{env:NAME}}` for a variable, or `$$` to say that it is none"
                )
            }
            Warning::Unset { position, name } => write!(
                f,
                "{position}: environment variable `{name}` is not set, and counts as empty, as in a Collector; set it, or give a default: `${{env:{name}:-default}}`"
            ),
            Warning::Misnamed { position, plugin, file } => {
                write!(
                    f,
                    "{position}: {} is not taken for a version of plugin `{plugin}`: name it `{plugin}-X.Y.Z.wasm`, such as `{plugin}-1.0.0.wasm`",
                    file.display()
                )
            }
            Warning::Former { position, who, old, new } => {
                write!(f, "{position}: {who}: `{old}` is the former name of `{new}`, and read as that; write `{new}`")
            }
            Warning::Unattached { position, id } => {
                write!(f, "{position}: breaker `{id}` is defined but no exporter names it; write `breaker: {id}` there")
            }
            Warning::Unused { position, family: Family::Extension, id } => {
                write!(
                    f,
                    "{position}: extension `{id}` is defined but not listed under `service.extensions`; it does not run"
                )
            }
            Warning::Unused { position, family, id } => {
                write!(f, "{position}: {family} `{id}` is defined but stands in no pipeline; it does not run")
            }
        }
    }
}
