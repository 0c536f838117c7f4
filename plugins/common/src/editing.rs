//! Actions on attributes, in order, each on what the one before left.
//!
//! What the actions need decides what they cost:
//!
//! - Constant values, removals, renames and copies within a level are edits of all rows, with the condition that the host looks at: a call a
//!   batch, whatever the rows hold, and nothing is read.
//! - Hashes and copies from another level need values: rows are keyed by the attributes those depend on, and the list of actions is played once
//!   for each dictionary entry (`plan`, `play`, `cache`, `process`).
//! - Where keys are not known before (patterns), where a value decides about another one (conversions, extractions, defaults), or where there
//!   are more attributes than can be keyed, the attributes of a level are read as a whole, and what became of them is handed back (`sets`).
//!
//! Invariants:
//!
//! - All ways do the same. Actions take place in order, whatever their levels and kinds.
//! - Every row is edited exactly: one without a code is played by itself. What cannot be done declines the batch; nothing is left out.
//! - Codes are released before they fill the dictionary.

pub mod action;
mod cache;
pub mod config;
mod context;
mod convert;
pub mod editor;
pub mod hash;
mod plan;
mod play;
mod process;
mod sets;
mod state;
