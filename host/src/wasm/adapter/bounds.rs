//! What a Store may hold, and how much memory its guest has.

use wasmtime::{ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

use crate::contract::Limits;

const TABLE_ELEMENTS_MAX: usize = 20_000;
const INSTANCES_MAX: usize = 16;

/// The limits of one Store.
#[derive(Default)]
pub(super) struct Bounds {
    limits: StoreLimits,
    memory_bytes: usize,
}

impl Bounds {
    /// What the manifest grants, and the rest.
    pub fn new(granted: &Limits) -> Bounds {
        let limits = StoreLimitsBuilder::new()
            .memory_size(granted.memory_bytes)
            .table_elements(TABLE_ELEMENTS_MAX)
            .instances(INSTANCES_MAX)
            .trap_on_grow_failure(true)
            .memories(1)
            .tables(INSTANCES_MAX)
            .build();
        Bounds { limits, memory_bytes: 0 }
    }

    /// How much memory the guest has.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let grows = self.limits.memory_growing(current, desired, maximum)?;
        if grows {
            // There is one.
            self.memory_bytes = desired;
        }
        Ok(grows)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}
