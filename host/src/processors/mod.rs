//! Processors that are no plugins: they look at the whole process and stand in no batch's way, wherever a pipeline lists them.

use crate::extensions::memory_limiter;
use crate::families::ExtensionEntry;

/// Every type of this family.
pub const TYPES: &[ExtensionEntry] = &[ExtensionEntry::of::<memory_limiter::Type>()];
