//! Actions as they are carried out, after the configuration is checked.

use otelier_sdk::{Attribute, Level, When};

use crate::matcher::Pattern;

/// A value that is longer cannot be copied from one level to another: the contract's bound.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// One action. Values are in the encoding that keys have for values.
#[derive(Debug, Clone)]
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
    /// Removes it, and those whose keys match.
    RemoveMatching { target: Attribute, pattern: Pattern },
    /// Hashes it, and those whose keys match; one that is both is hashed twice, as by the Collector.
    HashMatching { target: Attribute, pattern: Pattern },
    /// Gives attributes what the groups of a pattern find in this one.
    Extract { source: Attribute, pattern: Pattern },
    /// Gives it another type, where its value can have that.
    Convert { target: Attribute, to: Converted },
    /// Gives it a value of the request, or of another attribute; `default` where that is not there.
    Give { target: Attribute, when: When, from: Origin, default: Option<Vec<u8>> },
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    Attribute(Attribute),
    Context(ContextKey),
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextKey {
    /// Where it came from, without the port.
    ClientAddress,
    /// A header, its name in lower case.
    Metadata(String),
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converted {
    Integer,
    Double,
    String,
}

impl Action {
    /// Whether it takes the attributes of a level as a whole.
    pub fn needs_sets(&self) -> bool {
        matches!(
            self,
            Action::RemoveMatching { .. }
                | Action::HashMatching { .. }
                | Action::Extract { .. }
                | Action::Convert { .. }
                | Action::Give { from: Origin::Attribute(_), .. }
        )
    }

    /// Whether its value is one of the request.
    pub fn needs_context(&self) -> bool {
        matches!(self, Action::Give { from: Origin::Context(_), .. })
    }

    /// The levels that it reads or edits.
    pub fn levels(&self) -> [Level; 2] {
        match self {
            Action::Copy { source, target, .. } | Action::Give { target, from: Origin::Attribute(source), .. } => {
                [source.level, target.level]
            }
            Action::Set { target, .. }
            | Action::Remove { target }
            | Action::Rename { target, .. }
            | Action::Hash { target }
            | Action::RemoveMatching { target, .. }
            | Action::HashMatching { target, .. }
            | Action::Extract { source: target, .. }
            | Action::Convert { target, .. }
            | Action::Give { target, .. } => [target.level; 2],
        }
    }

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

/// What an action makes of an attribute under its condition.
pub fn is_set(when: When, is_there: bool) -> bool {
    match when {
        When::Always => true,
        When::Absent => !is_there,
        When::Present => is_there,
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
