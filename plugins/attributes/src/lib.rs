//! Inserts, updates, deletes, renames, copies and hashes attributes of points, spans and log records.
//!
//! What an action needs decides what it costs. One with a constant value, and a copy within a level, is an edit of all rows, with the condition
//! that the host looks at: a call a batch, whatever the rows hold. A hash or a copy from another level needs values: rows are keyed by the attributes those
//! depend on, and the list of actions is played once for each dictionary entry (`plan`, `play`, `cache`).
//!
//! Invariants:
//!
//! - Actions take place in order, each on what the one before left, whatever their levels and kinds.
//! - Every row is edited exactly: one without a code is played by itself. What cannot be done declines the batch; nothing is left out.
//! - Codes are released before they fill the dictionary.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod action;
mod cache;
mod config;
mod hash;
mod plan;
mod play;
mod process;

use otelier_sdk::config::AbsentKey;
use otelier_sdk::{Batch, Declare, Failure, MetricKind, Processor, Signal};

pub use config::Config;

/// The processor.
#[derive(Debug)]
pub struct Attributes {
    edits: Vec<plan::Edit>,
    parts: Vec<process::Part>,
}

impl Processor for Attributes {
    type Config = Config;
    const ABSENT_KEYS: &'static [AbsentKey] = config::ABSENT_KEYS;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Attributes, Failure> {
        let plan = plan::plan(config.resolve()?)?;
        match signal {
            Signal::Metrics => {
                declare.metrics(vec!["*".to_owned()]);
                // Their resources and scopes are edited as well.
                declare.metrics_without_points();
                // What is to be removed is removed, however many metrics there are.
                declare.unnumbered_metrics();
                declare.kinds(&[
                    MetricKind::Gauge,
                    MetricKind::Sum,
                    MetricKind::Histogram,
                    MetricKind::ExponentialHistogram,
                    MetricKind::Summary,
                ]);
            }
            Signal::Traces | Signal::Logs => declare.items(),
        }
        let parts = plan.programs.into_iter().map(|program| process::Part::declared(program, declare)).collect();
        Ok(Attributes { edits: plan.edits, parts })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        self.process_rows(batch)
    }
}

otelier_sdk::export!(Attributes);

#[cfg(test)]
mod tests;
