//! What is wrong with cases: which file, and where in it.

use std::path::PathBuf;

use crate::config;
use crate::delivery::gate::RecordError;
use crate::otlp::Malformed;
use crate::wasm::LoadError;

/// Cases that cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// The plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The folder.
    #[error("cannot read {}: {source}; a plugin's cases are folders in it", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
}

/// A case that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file of the configuration's kind: its errors have places.
    #[error(transparent)]
    Config(#[from] config::Errors),
    /// A file beside it.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// A request in a file of its own.
    #[error("{}: {source}", path.display())]
    Request {
        /// Which.
        path: PathBuf,
        /// With line and column.
        source: serde_json::Error,
    },
    /// A trace.
    #[error("{}: {source}", path.display())]
    Trace {
        /// Which.
        path: PathBuf,
        /// With the line.
        source: RecordError,
    },
    /// A policy's configuration.
    #[error("{}: {reason}", path.display())]
    Policy {
        /// Which.
        path: PathBuf,
        /// The gate's words, or the policy's.
        reason: String,
    },
    /// A step that cannot be taken.
    #[error("{}: step {step}: {reason}", path.display())]
    Step {
        /// The case's file.
        path: PathBuf,
        /// From 1.
        step: usize,
        /// Why.
        reason: String,
    },
    /// What is in the folder is for the other kind of plugin.
    #[error("{} is no case of a {kind}: {hint}", path.display())]
    Kind {
        /// The folder.
        path: PathBuf,
        /// What the plugin is.
        kind: &'static str,
        /// Which files it has to have.
        hint: &'static str,
    },
    /// What a processor let through cannot be read.
    #[error("what came out cannot be read: {0}")]
    Malformed(#[from] Malformed),
}
