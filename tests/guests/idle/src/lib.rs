//! A processor of spans that pulls as many columns as it is told to and does nothing with them: what is left is the way into the sandbox.
//!
//! ```text
//! columns  how many, 0 to 8, of one 64-bit word a row each
//! ```

use otelier_sdk::{Batch, Column, Declare, Failure, Processor, Signal};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    columns: usize,
}

/// Columns of spans, after the two that have imports of their own.
const NAMED: [Column; 6] =
    [Column::Duration, Column::Kind, Column::StatusCode, Column::Flags, Column::SpanId, Column::ParentSpanId];

/// The processor.
#[derive(Debug)]
pub struct Idle {
    columns: usize,
}

impl Idle {
    fn named(&self) -> impl Iterator<Item = Column> {
        NAMED.into_iter().take(self.columns.saturating_sub(2))
    }
}

impl Processor for Idle {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Idle, Failure> {
        let idle = Idle { columns: config.columns };
        if idle.columns > NAMED.len() + 2 {
            return Err(Failure::refused("`columns`: at most 8"));
        }
        declare.items();
        if idle.columns > 0 {
            declare.times();
        }
        if idle.columns > 1 {
            declare.start_times();
        }
        idle.named().for_each(|column| declare.column(column));
        Ok(idle)
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        if self.columns > 0 {
            std::hint::black_box(batch.times());
        }
        if self.columns > 1 {
            std::hint::black_box(batch.start_times());
        }
        self.named().for_each(|column| drop(std::hint::black_box(batch.column(column))));
        Ok(())
    }
}

otelier_sdk::export!(Idle);
