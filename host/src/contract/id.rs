//! Component ids as the Collector writes them: `type` or `type/name`.

use std::fmt;
use std::str::FromStr;

/// `type[/name]`: the key of a component in the configuration and its label in logs, metrics and state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct ComponentId {
    kind: String,
    name: Option<String>,
}

impl ComponentId {
    /// The part before the slash: which factory, or for a processor which plugin.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The part after the slash.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

/// A text that is no component id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing before the slash.
    #[error("a component id starts with its type: write `type` or `type/name`")]
    MissingType,
    /// A slash with nothing behind it.
    #[error("nothing after the slash: write `type` or `type/name`")]
    MissingName,
    /// Longer than 255 bytes or with a character that logs, labels and state keys cannot carry.
    #[error("a component id is at most 255 bytes without white space or control characters")]
    Unprintable,
}

impl TryFrom<String> for ComponentId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl FromStr for ComponentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() > 255 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(IdError::Unprintable);
        }
        let (kind, name) = match text.split_once('/') {
            Some((_, "")) => return Err(IdError::MissingName),
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (text, None),
        };
        if kind.is_empty() {
            return Err(IdError::MissingType);
        }
        Ok(ComponentId { kind: kind.to_owned(), name })
    }
}
