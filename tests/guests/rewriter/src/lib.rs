//! A guest whose `start` writes all of its keys anew, as one does that carries its state over to another form: each start has a generation,
//! and keys begin with its number.
//!
//! It absorbs what it reads, counts rows by `work.type`, writes the counts that a batch changed and no others, and emits each flush the
//! cumulative sums `rows_counted` by `work.type`.
//!
//! ```text
//! metrics  what it reads
//! bad      a batch with a row of this value breaks it
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use otelier_sdk::aggregate::Number;
use otelier_sdk::{
    Attribute, Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, MetricKind, Processor,
    Progress, RowKey, Signal, Start, Temporality,
};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<String>,
    bad: i64,
}

/// Under which key the number of the last start is stored; counts stand under `c`, that number and a code.
const GENERATION: &[u8] = b"generation";

/// The processor.
#[derive(Debug)]
pub struct Rewriter {
    bad: i64,
    keying: Keying,
    generation: u32,
    /// Rows by code.
    counts: BTreeMap<u32, u64>,
}

fn of_generation(generation: u32) -> Vec<u8> {
    [b"c", &generation.to_be_bytes()[..]].concat()
}

fn count_key(generation: u32, code: u32) -> Vec<u8> {
    [of_generation(generation), code.to_be_bytes().to_vec()].concat()
}

impl Processor for Rewriter {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Rewriter, Failure> {
        declare.metrics(config.metrics);
        declare.values();
        declare.state(1);
        declare.flush_every(Duration::from_millis(100))?;
        let keying = declare.keep(vec![Attribute::item("work.type")], true);
        Ok(Rewriter { bad: config.bad, keying, generation: 0, counts: BTreeMap::new() })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        let mut storage = start.storage();
        let stored = storage.get(GENERATION)?.unwrap_or_default();
        let before = stored.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let counts = &mut self.counts;
        storage.each(&of_generation(before), &of_generation(before + 1), |key, value| {
            if let (Some(code), Some(count)) = (key.last_chunk(), value.first_chunk()) {
                counts.insert(u32::from_be_bytes(*code), u64::from_le_bytes(*count));
            }
            Ok(())
        })?;
        storage.delete_range(&of_generation(before), &of_generation(before + 1))?;
        self.generation = before + 1;
        for (code, count) in &self.counts {
            storage.set(&count_key(self.generation, *code), count.to_le_bytes().to_vec())?;
        }
        Ok(storage.set(GENERATION, self.generation.to_be_bytes().to_vec())?)
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let (rows, values, keys) = (batch.count(), batch.values(), batch.keys(self.keying));
        let is_bad = (0..rows).any(|row| values.get(row) == Some(Number::Integer(self.bad)));
        assert!(!is_bad, "a row has the bad value");
        let mut changed = BTreeMap::new();
        for code in keys.iter().filter_map(RowKey::code) {
            let count = self.counts.entry(code).or_default();
            *count += 1;
            changed.insert(code, *count);
        }
        for (code, count) in changed {
            batch.storage().set(&count_key(self.generation, code), count.to_le_bytes().to_vec())?;
        }
        batch.absorb(Bitmap::all(rows));
        Ok(())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let (now, count) = (flush.now(), self.counts.len());
        let mut output = flush.output();
        let metric = output.describe(Descriptor {
            name: "rows_counted".to_owned(),
            unit: String::new(),
            description: String::new(),
            kind: MetricKind::Sum,
            temporality: Temporality::Cumulative,
            monotonic: true,
        });
        let rows = EmittedRows {
            start_times: vec![1; count],
            times: vec![now; count],
            values: self.counts.values().map(|count| count.cast_signed()).collect(),
            keys: self.counts.keys().copied().collect(),
        };
        output.emit_integers(metric, self.keying, rows);
        Ok(Progress::Done)
    }
}

otelier_sdk::export!(Rewriter);
