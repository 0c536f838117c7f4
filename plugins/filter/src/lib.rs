//! Keeps or drops points, spans and log records by what they are: name, attributes, severity, status, kind, body.
//!
//! A configuration has a block of criteria to keep by, to drop by, or both. Each criterion belongs to something that can be
//! asked once for many rows: a metric's name for all its points, a number by a table, the rest for each entry of a dictionary. Only
//! what differs from row to row (a body, or a key that has no code) is asked row by row. A row's verdict is two bits, and what every
//! criterion says is combined by `and`: the loops over rows are loops over columns and nothing else.
//!
//! Invariants:
//!
//! - A row goes on when all criteria of `include` hold for it and not all of `exclude`. Of metrics, attributes of the resource exclude by
//!   themselves, as in the Collector.
//! - A verdict is the same whether it comes from a dictionary entry or from the row's own values.
//! - Codes are released before they fill the dictionary.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod config;
mod criteria;
mod group;
mod matcher;
mod metrics;
mod numbers;
mod pattern;
mod text;
mod verdict;

use otelier_sdk::config::AbsentKey;
use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal, Start};

pub use config::Config;
use config::Resolved;
use verdict::{INCLUDED, Verdict};

/// The processor.
#[derive(Debug)]
pub struct Filter {
    /// The verdict for a row that nothing is said of.
    first: Verdict,
    names: Option<metrics::Names>,
    numbers: Vec<numbers::Numbers>,
    groups: Vec<group::Group>,
    /// What of the configuration has no effect.
    notes: Vec<String>,
}

impl Processor for Filter {
    type Config = Config;
    const ABSENT_KEYS: &'static [AbsentKey] = config::ABSENT_KEYS;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Filter, Failure> {
        let Resolved { criteria, notes } = config.resolve(signal)?;
        let Some(criteria) = criteria else {
            // Nothing is said of this signal: nothing is read, and all of it passes.
            return Ok(Filter { first: INCLUDED, names: None, numbers: Vec::new(), groups: Vec::new(), notes });
        };
        let names = match signal {
            Signal::Metrics => Some(metrics::Names::declared(criteria.names, declare)),
            Signal::Traces | Signal::Logs => {
                declare.items();
                None
            }
        };
        let numbers = criteria.numbers;
        numbers.iter().for_each(|numbers| declare.column(numbers.column));
        let groups = group::declared(criteria.sources, criteria.tests, declare);
        Ok(Filter { first: criteria.first, names, numbers, groups, notes })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.notes.drain(..).for_each(|note| start.log().warn(&note));
        Ok(())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let mut verdicts = vec![self.first; batch.count()];
        if let Some(names) = &mut self.names {
            names.judge(batch, &mut verdicts);
        }
        for numbers in &self.numbers {
            numbers.judge(&batch.column(numbers.column), &mut verdicts);
        }
        for group in &mut self.groups {
            group.judge(batch, &mut verdicts);
        }
        let dropped = Bitmap::choose(&verdicts, |verdict| *verdict != INCLUDED);
        if !dropped.is_empty() {
            batch.drop_rows(dropped);
        }
        Ok(())
    }
}

otelier_sdk::export!(Filter);

#[cfg(test)]
mod tests;
