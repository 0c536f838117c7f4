//! Processors that are no plugins: they stand in no batch's way, wherever a pipeline lists them.

use crate::families::family;

family! { ProcessorEntry:
    batch,
    memory_limiter,
}
