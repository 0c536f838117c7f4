//! What is to be done to a request.

use crate::otlp::columns::Bitmap;
use crate::otlp::field::Field;
use crate::otlp::key::Level;

/// When an attribute is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whether it is there or not.
    Always,
    /// Only where it is not there.
    Absent,
    /// Only where it is there.
    Present,
}

/// An attribute's key and the `AnyValue` message that it gets.
pub type KeyedValue = (Box<[u8]>, Box<[u8]>);

/// What is done to an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets it.
    Set {
        /// The condition.
        when: When,
        /// `AnyValue` messages.
        values: Vec<Box<[u8]>>,
        /// Which value each row in question gets, in order; empty: the first.
        indices: Vec<u32>,
    },
    /// Sets many attributes of the level, whether they are there or not. The edit has no key.
    SetMany {
        /// Attributes ascending by key, each once, with `AnyValue` messages.
        sets: Vec<Vec<KeyedValue>>,
        /// Which set each row in question gets, in order; empty: the first.
        indices: Vec<u32>,
    },
    /// Removes many attributes of the level. The edit has no key.
    RemoveMany {
        /// Keys, ascending.
        sets: Vec<Vec<Box<[u8]>>>,
        /// Which set each row in question gets, in order; empty: the first.
        indices: Vec<u32>,
    },
    /// Removes it.
    Remove,
    /// Gives it another key.
    Rename(Box<[u8]>),
    /// Gives its value to another key.
    Copy {
        /// The condition, of the other one.
        when: When,
        /// The other one's key.
        key: Box<[u8]>,
    },
}

impl Action {
    /// Which value or set each row in question gets; empty where there is one for all.
    pub fn indices(&self) -> &[u32] {
        match self {
            Action::Set { indices, .. } | Action::SetMany { indices, .. } | Action::RemoveMany { indices, .. } => {
                indices
            }
            Action::Remove | Action::Rename(_) | Action::Copy { .. } => &[],
        }
    }
}

/// An edit of one attribute on some rows, or of many.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeEdit {
    /// Resource, scope or item.
    pub level: Level,
    /// The attribute's key.
    pub key: Box<[u8]>,
    /// Which rows; bits behind the last row are not set.
    pub rows: Bitmap,
    /// What is done.
    pub action: Action,
}

/// Another value for a field of some spans or records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    /// Which field. Nothing happens where the request's signal does not have it.
    pub field: Field,
    /// Which rows; bits behind the last row are not set.
    pub rows: Bitmap,
    /// From [`Settable::encode`](super::Settable::encode).
    pub values: Vec<Box<[u8]>>,
    /// Which value each row in question gets, in order; empty: the first.
    pub indices: Vec<u32>,
}

/// Other texts for the metrics of one descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricEdit {
    /// The descriptor's number.
    pub descriptor: u32,
    /// `name`.
    pub name: String,
    /// `unit`.
    pub unit: String,
    /// `description`.
    pub description: String,
}

/// What a call asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edits {
    /// In order.
    pub attributes: Vec<AttributeEdit>,
    /// In order. No edit of an attribute sees anything of these.
    pub fields: Vec<FieldEdit>,
    /// The last one counts.
    pub metrics: Vec<MetricEdit>,
}

impl Edits {
    /// How many edits.
    pub fn len(&self) -> usize {
        self.attributes.len() + self.fields.len() + self.metrics.len()
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
