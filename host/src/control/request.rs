//! What a command asks a running host, and what is answered: JSON on the socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::LogLevel;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Dead letters, oldest first.
    DlqList,
    /// One dead letter with its content.
    DlqShow {
        /// Its number.
        number: u64,
    },
    /// Dead letters go back into the lane of their exporter, or through the processor that broke on them.
    DlqReplay {
        /// Which.
        selection: Selection,
    },
    /// Dead letters are thrown away.
    DlqDrop {
        /// Which.
        selection: Selection,
    },
    /// Another version of a plugin takes the place of the one that runs.
    PluginSwap {
        /// Its name in the manifest.
        plugin: String,
        /// Its file, as an absolute path; the manifest's otherwise.
        file: Option<PathBuf>,
    },
    /// Which versions of plugins run.
    PluginList,
    /// The version before the present one comes back.
    PluginRollback {
        /// Its name in the manifest.
        plugin: String,
    },
    /// Everything that there is to tell of the host.
    Status,
    /// Another log level, until the process ends.
    LogLevel {
        /// The least that is logged.
        level: LogLevel,
    },
}

/// Some of the dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// These.
    pub numbers: Vec<u64>,
    /// Those of one exporter.
    pub exporter: Option<String>,
    /// Those of one processor.
    #[serde(default)]
    pub processor: Option<String>,
    /// All.
    pub all: bool,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It was done.
    Done(Value),
    /// It was not.
    Failed(String),
}
