//! Why a component cannot be made.

use std::error::Error as StdError;
use std::fmt;

use crate::config::{Component, Error};

/// Why a component cannot be made, and which of its keys says so.
#[derive(Debug)]
pub struct MakeError {
    keys: Vec<&'static str>,
    source: Box<dyn StdError + Send + Sync>,
}

impl MakeError {
    /// The same, of what stands behind a key.
    pub fn below(mut self, key: &'static str) -> MakeError {
        self.keys.insert(0, key);
        self
    }

    /// The same at its place in a configuration, for `who`, such as `receiver otlp`.
    pub fn placed(&self, component: &Component, who: &str) -> Error {
        let keys: Vec<&str> = self.keys.clone();
        component.node.below(&keys).plugin_error(&format!("{who}: {self}"))
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for MakeError {
    fn from(error: E) -> MakeError {
        MakeError { keys: Vec::new(), source: error.into() }
    }
}

impl fmt::Display for MakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)
    }
}
