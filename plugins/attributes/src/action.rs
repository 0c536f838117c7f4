//! Actions as they are carried out, after the configuration is checked.

use otelier_sdk::{Attribute, Level, When};

/// A value that is longer cannot be copied from one level to another: the contract's bound.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// One action. Values are in the encoding that keys have for values.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Gives an attribute a constant value.
    Set { target: Attribute, when: When, value: Vec<u8> },
    /// Takes it away.
    Remove { target: Attribute },
    /// Gives it another key, at the same level.
    Rename { target: Attribute, key: String },
    /// Gives it the value of another one, where that is there.
    Copy { source: Attribute, target: Attribute, when: When },
    /// Replaces its value by a hash of it.
    Hash { target: Attribute },
}

impl Action {
    /// The attribute whose value must be known. Copies within a level are the host's.
    pub fn read(&self) -> Option<&Attribute> {
        match self {
            Action::Copy { source, target, .. } if source.level != target.level => Some(source),
            Action::Hash { target } => Some(target),
            _ => None,
        }
    }

    /// Where a value goes from one attribute to another at the same level, without anybody reading it.
    pub fn moves(&self) -> Option<(Attribute, Attribute)> {
        match self {
            Action::Rename { target, key } => Some((target.clone(), renamed(target, key))),
            Action::Copy { source, target, .. } if source.level == target.level => {
                Some((source.clone(), target.clone()))
            }
            _ => None,
        }
    }
}

/// What a rename makes of an attribute.
pub fn renamed(target: &Attribute, key: &str) -> Attribute {
    Attribute { level: target.level, key: key.to_owned() }
}

/// How a key numbers levels.
pub fn level_number(level: Level) -> u8 {
    match level {
        Level::Resource => 0,
        Level::Scope => 1,
        Level::Item => 2,
        Level::Metadata => 3,
    }
}
