//! The configuration, and everything that can be wrong with it.

mod conditions;

use otelier_sdk::{Failure, Signal};
use plugin_common::criteria::Criteria;
use plugin_common::editing::action::Action;
use plugin_common::editing::config::{AttributeLevel, ConfiguredAction, resolve};
use serde::Deserialize;

use conditions::Conditions;

/// What the component's configuration holds; README.md says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    actions: Vec<ConfiguredAction>,
    #[serde(default)]
    level: AttributeLevel,
    #[serde(default)]
    include: Option<Conditions>,
    #[serde(default)]
    exclude: Option<Conditions>,
}

/// What a configuration comes to for one signal.
#[derive(Debug)]
pub struct Resolved {
    pub actions: Vec<Action>,
    /// `None`: all items are edited.
    pub criteria: Option<Criteria>,
    /// What has no effect, for the log.
    pub notes: Vec<String>,
}

impl Config {
    /// What is said of a signal.
    pub fn resolve(self, signal: Signal) -> Result<Resolved, Failure> {
        let actions = resolve("actions", self.actions, self.level)?;
        let mut notes = Vec::new();
        let criteria =
            conditions::criteria(self.include, self.exclude, signal, &mut notes).map_err(Failure::refused)?;
        Ok(Resolved { actions, criteria, notes })
    }
}
