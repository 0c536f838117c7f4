//! Edits on bytes: what a plugin did not touch is copied as it stands, and every enclosing length is written once.
//!
//! A resource or scope whose items are all edited alike is rewritten where it is; one whose items are not is split by
//! `regroup`. Semantics, which the oracle has as a model on decoded requests:
//!
//! - Rows that are removed go; a metric, scope or resource that loses its last child this way goes with it, and one that had none
//!   stays, unless what encloses it is split.
//! - Attribute edits apply in order, each to what the one before left. Setting an attribute replaces the first that stands
//!   under the key, where it stands, and removes repetitions; a new one comes last. Renaming removes what had the new key.
//!   A copy is of the last value that stands under the key.
//! - Items that are edited alike stay together, in the order of the first of each.

mod attributes;
mod plan;
mod regroup;
mod stream;
pub(super) mod writer;

use super::columns::{Bitmap, Layout};
use super::key::Level;
use super::wire::{Fault, Malformed};
use crate::contract::Signal;

/// Bytes that an edited request may take: this, and this many times what came.
const OUTPUT_BYTES: usize = 16 << 20;
const OUTPUT_FACTOR: usize = 16;

/// Edits that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The request is not the one that was projected.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Resources were split so often, values so large, or edits so many, that it is out of proportion to what came.
    #[error("the edited request takes more than {0} bytes, or as much work")]
    TooLarge(usize),
}

/// The same before the offset of a fault is known.
#[derive(Debug)]
pub enum Stop {
    /// The request is not the one that was projected.
    Fault(Fault),
    /// More bytes than that.
    TooLarge(usize),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

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

/// An edit of one attribute on some rows.
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
    /// The last one counts.
    pub metrics: Vec<MetricEdit>,
}

impl Edits {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.metrics.is_empty()
    }
}

/// A request with edits made and the rows in `removed` gone. `layout` is that of the projection of the same bytes. Empty when
/// nothing is left.
pub fn apply(
    signal: Signal,
    request: &[u8],
    layout: &Layout,
    removed: &Bitmap,
    edits: &Edits,
) -> Result<Vec<u8>, EditError> {
    let limit = OUTPUT_BYTES.saturating_add(request.len().saturating_mul(OUTPUT_FACTOR));
    let plan = plan::Plan::new(signal, layout, removed, edits);
    stream::rewrite(&plan, request, limit).map_err(|stop| match stop {
        Stop::Fault(fault) => fault.within(request).into(),
        Stop::TooLarge(limit) => EditError::TooLarge(limit),
    })
}
