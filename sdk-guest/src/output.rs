//! What a call sends on.

use crate::{Blob, Descriptor, ExponentialHistograms, Histograms, Host, Keying};

/// A described output metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputMetric(u32);

/// Points of one output metric, by column. All lists have the same length; `start_times` may be empty: unset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmittedRows<T> {
    /// Codes of a keying.
    pub keys: Vec<u32>,
    /// `start_time_unix_nano`, or none at all.
    pub start_times: Vec<u64>,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
    /// The values.
    pub values: Vec<T>,
}

/// Emits points and manages the codes that name them. Points can be emitted in metrics pipelines, and by a plugin that stands as a connector
/// behind pipelines of traces or logs. Elsewhere an emission of at least one point ends the call as a trap.
pub struct Output<'c> {
    pub(crate) host: &'c mut dyn Host,
}

impl Output<'_> {
    /// The number of an output metric; the same one for the same descriptor until the instance is rebuilt.
    pub fn describe(&mut self, descriptor: Descriptor) -> OutputMetric {
        OutputMetric(self.host.output_describe(descriptor))
    }

    /// Emits integers.
    pub fn emit_integers(&mut self, metric: OutputMetric, keying: Keying, rows: EmittedRows<i64>) {
        let EmittedRows { keys, start_times, times, values } = rows;
        self.host.output_emit_integers(metric.0, keying.0, keys, start_times, times, values);
    }

    /// Emits doubles.
    pub fn emit_doubles(&mut self, metric: OutputMetric, keying: Keying, rows: EmittedRows<f64>) {
        let EmittedRows { keys, start_times, times, values } = rows;
        self.host.output_emit_doubles(metric.0, keying.0, keys, start_times, times, values);
    }

    /// The number of explicit bounds, for [`Histograms::bounds`]: ascending, at most 4,096, none NaN.
    pub fn bounds(&mut self, bounds: Vec<f64>) -> u32 {
        self.host.output_bounds(bounds)
    }

    /// Emits histogram points; what the columns hold stands in the contract, `output.wit`.
    pub fn emit_histograms(&mut self, metric: OutputMetric, keying: Keying, points: Histograms) {
        self.host.output_emit_histograms(metric.0, keying.0, points);
    }

    /// Emits exponential histogram points.
    pub fn emit_exponential_histograms(&mut self, metric: OutputMetric, keying: Keying, points: ExponentialHistograms) {
        self.host.output_emit_exponential_histograms(metric.0, keying.0, points);
    }

    /// Gives exemplars to the points of the emission just before: entry n to its row `rows[n]`.
    pub fn exemplars(&mut self, rows: Vec<u32>, entries: Blob) {
        self.host.output_exemplars(rows, entries);
    }

    /// The code of a key in the canonical encoding (see [`key`](crate::key)); `None` when the dictionary is full.
    pub fn intern(&mut self, keying: Keying, key: Vec<u8>) -> Option<u32> {
        let codes = self.host.output_intern(keying.0, Blob::one(key));
        codes.first().copied().filter(|code| *code != crate::NO_CODE)
    }

    /// Nothing is held under these codes any more: the host may give them to other keys once the call is committed. What is
    /// stored under them must be gone in the same call.
    pub fn release(&mut self, keying: Keying, codes: Vec<u32>) {
        self.host.output_release(keying.0, codes);
    }
}
