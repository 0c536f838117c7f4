//! Keeps or drops points, spans and log records by what they are: name, attributes, severity, status, kind, body.
//!
//! What a configuration says, and how rows are asked, is in `plugin_common::criteria`.
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

use otelier_sdk::config::AbsentKey;
use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal, Start};
use plugin_common::criteria::judge::{Judge, Room};
use plugin_common::criteria::verdict::INCLUDED;

pub use config::Config;
use config::Resolved;

/// All keyings of the contract.
const ROOM: Room = Room { keyings: 8, codes: if cfg!(test) { 6 } else { 1 << 16 } };

/// The processor.
#[derive(Debug)]
pub struct Filter {
    /// `None` where nothing is said: nothing is read, and all of the signal passes.
    judge: Option<Judge>,
    /// What of the configuration has no effect.
    notes: Vec<String>,
}

impl Processor for Filter {
    type Config = Config;
    const ABSENT_KEYS: &'static [AbsentKey] = config::ABSENT_KEYS;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Filter, Failure> {
        let Resolved { criteria, notes } = config.resolve(signal)?;
        let judge = criteria.map(|criteria| Judge::declared(criteria, signal, ROOM, declare));
        Ok(Filter { judge, notes })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.notes.drain(..).for_each(|note| start.log().warn(&note));
        Ok(())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let Some(judge) = &mut self.judge else { return Ok(()) };
        let verdicts = judge.judge(batch);
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
