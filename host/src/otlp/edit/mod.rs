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
//! - A field that is set stands once afterwards, in front of what else is in its item, or not at all where it has its default. Of several edits
//!   of one field the last counts. Of a status that is edited, all pieces become one, and none where nothing is left in it.

mod attributes;
mod edits;
pub(super) mod error;
mod fields;
mod plan;
mod regroup;
mod stream;
pub(super) mod writer;

use super::columns::{Bitmap, Layout};
use crate::contract::Signal;
use error::Stop;

pub use edits::{Action, AttributeEdit, Edits, FieldEdit, KeyedValue, MetricEdit, When};
pub use error::EditError;
pub use fields::{Settable, Takes};

/// Bytes that an edited request may take: this, and this many times what came.
const OUTPUT_BYTES: usize = 16 << 20;
const OUTPUT_FACTOR: usize = 16;

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
