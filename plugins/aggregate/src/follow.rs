//! Cumulative points that are plain: an integer total that went on, of a stream that is known, into a series that is known.
//!
//! The same outcome as row by row (`process`, `CumulativeState::advance`), with nothing in the loop but what these points need.

use otelier_sdk::Values;
use otelier_sdk::aggregate::Number;

use crate::groups::Groups;
use crate::metrics::Metric;
use crate::slots::NONE;
use crate::streams::Streams;

/// Rows of one cumulative metric, by column.
#[derive(Debug)]
pub struct Points<'b> {
    /// Group codes.
    pub keys: &'b [u32],
    /// Stream codes.
    pub codes: &'b [u32],
    pub times: &'b [u64],
    pub start_times: &'b [u64],
    /// Of the whole batch.
    pub values: &'b Values,
    /// The first row's number in the batch.
    pub first: usize,
    pub monotonic: bool,
}

impl Points<'_> {
    /// Takes rows up to the first that needs another look; how many were taken.
    pub fn follow(&self, streams: &mut Streams, groups: &mut Groups, metric: &Metric) -> usize {
        let rows = self.keys.iter().zip(self.codes).zip(self.times.iter().zip(self.start_times));
        for (at, ((key, code), (time, start_time))) in rows.enumerate() {
            let slot = metric.slots.get(*key);
            if slot == NONE || slot == metric.overflow {
                return at;
            }
            let Some(Number::Integer(value)) = self.values.get(self.first + at) else { return at };
            let add = |increment| groups.add_plain(slot, increment);
            if !streams.follow(*code, value, *start_time, *time, self.monotonic, add) {
                return at;
            }
        }
        self.keys.len()
    }
}
