//! Values that are the filter's own.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// What the Collector does with conditions that fail.
#[derive(Debug)]
pub struct ErrorMode;

impl<'de> Deserialize<'de> for ErrorMode {
    /// In any case, as the Collector reads it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ErrorMode, D::Error> {
        const MODES: &[&str] = &["ignore", "silent", "propagate"];
        let mode = String::deserialize(deserializer)?;
        let is_known = MODES.contains(&mode.to_lowercase().as_str());
        if is_known { Ok(ErrorMode) } else { Err(D::Error::unknown_variant(&mode, MODES)) }
    }
}
