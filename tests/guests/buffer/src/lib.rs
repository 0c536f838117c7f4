//! A guest that keeps no state and holds what it absorbs until its next flush: what it has is lost with it, unless it is flushed for a last
//! time.
//!
//! ```text
//! metrics  what it reads
//! page     rows that one call of the flush emits (as a count: the delta sum `rows_seen`), default all
//! ```

use std::time::Duration;

use otelier_sdk::{
    Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, MetricKind, NO_KEY, Processor, Progress,
    Signal, Temporality,
};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<String>,
    #[serde(default = "all")]
    page: u64,
}

fn all() -> u64 {
    u64::MAX
}

/// The processor.
#[derive(Debug)]
pub struct Buffer {
    page: u64,
    keying: Keying,
    /// Rows that have not been emitted.
    rows: u64,
}

impl Processor for Buffer {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Buffer, Failure> {
        declare.metrics(config.metrics);
        declare.flush_every(Duration::from_millis(200))?;
        Ok(Buffer { page: config.page, keying: declare.keep(Vec::new(), false), rows: 0 })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let rows = batch.count();
        self.rows += rows as u64;
        batch.absorb(Bitmap::all(rows));
        Ok(())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let (now, page) = (flush.now(), self.rows.min(self.page));
        if page == 0 {
            return Ok(Progress::Done);
        }
        self.rows -= page;
        let mut output = flush.output();
        let metric = output.describe(rows_seen());
        let rows = EmittedRows {
            // No interval: with one, whoever adds up would take what lies between two of them for a gap.
            start_times: vec![0],
            times: vec![now],
            values: vec![page.cast_signed()],
            keys: vec![NO_KEY],
        };
        output.emit_integers(metric, self.keying, rows);
        Ok(if self.rows > 0 { Progress::More } else { Progress::Done })
    }
}

fn rows_seen() -> Descriptor {
    Descriptor {
        name: "rows_seen".to_owned(),
        unit: String::new(),
        description: "Rows that the processor has absorbed since its last flush.".to_owned(),
        kind: MetricKind::Sum,
        temporality: Temporality::Delta,
        monotonic: true,
    }
}

otelier_sdk::export!(Buffer);
