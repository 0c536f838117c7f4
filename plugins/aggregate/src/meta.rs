//! The moments that decide what is counted.

use otelier_sdk::table::Fields;
use otelier_sdk::{Failure, Storage};

use crate::stored;

/// Stored under one key; times in nanoseconds since the Unix epoch, 0 never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// When the state was created.
    pub created: u64,
    /// When a series last expired.
    pub series_expired: u64,
    /// When a cumulative stream last expired.
    pub streams_expired: u64,
}

impl Meta {
    pub fn created_at(now: u64) -> Meta {
        Meta { created: now, ..Meta::default() }
    }

    /// The start time of a series that begins now: nothing was counted under its key since then. Had it existed before, it
    /// would have expired at that moment or earlier.
    pub fn series_start(&self) -> u64 {
        self.created.max(self.series_expired)
    }

    pub fn load(storage: &mut Storage<'_>) -> Result<Meta, Failure> {
        let bytes = storage.get(&[stored::META])?.unwrap_or_default();
        let mut fields = Fields::new(&bytes);
        let mut read = || {
            let meta = Meta { created: fields.u64()?, series_expired: fields.u64()?, streams_expired: fields.u64()? };
            fields.is_empty().then_some(meta)
        };
        read().ok_or_else(|| Failure::damaged("the moment of its creation is missing"))
    }

    pub fn save(&self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        let times = [self.created, self.series_expired, self.streams_expired];
        Ok(storage.set(&[stored::META], times.iter().flat_map(|time| time.to_le_bytes()).collect())?)
    }
}
