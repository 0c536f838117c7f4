//! A guest that shows the steady clock as its calls see it, and how often that went back: in `start`, in any batch or flush, after a
//! restart or a swap, and below what was stored.
//!
//! It absorbs what it reads and emits two gauges at each flush: `steady_ms` and `went_back`.
//!
//! ```text
//! metrics  what it reads
//! ```

use std::time::Duration;

use otelier_sdk::{
    Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, MetricKind, NO_KEY, Processor, Progress,
    Signal, Start, Storage, Temporality,
};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<String>,
}

/// What is stored: the latest time, and how often an earlier one came behind it.
const STATE: &[u8] = b"state";

/// The processor.
#[derive(Debug)]
pub struct Stopwatch {
    keying: Keying,
    latest: u64,
    went_back: u64,
}

impl Stopwatch {
    fn see(&mut self, steady: u64, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.went_back += u64::from(steady < self.latest);
        self.latest = steady;
        Ok(storage.set(STATE, [self.latest.to_le_bytes(), self.went_back.to_le_bytes()].concat())?)
    }
}

impl Processor for Stopwatch {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Stopwatch, Failure> {
        declare.metrics(config.metrics);
        declare.state(1);
        declare.flush_every(Duration::from_millis(50))?;
        Ok(Stopwatch { keying: declare.keep(Vec::new(), false), latest: 0, went_back: 0 })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        let steady = start.steady();
        let stored = start.storage().get(STATE)?.unwrap_or_default();
        let mut words = stored.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        self.latest = words.next().unwrap_or(0);
        self.went_back = words.next().unwrap_or(0);
        self.see(steady, &mut start.storage())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let (steady, rows) = (batch.steady(), batch.count());
        batch.absorb(Bitmap::all(rows));
        self.see(steady, &mut batch.storage())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let steady = flush.steady();
        self.see(steady, &mut flush.storage())?;
        for (name, value) in [("steady_ms", steady / 1_000_000), ("went_back", self.went_back)] {
            let mut output = flush.output();
            let metric = output.describe(gauge(name));
            let rows = EmittedRows {
                start_times: Vec::new(),
                // By this clock too: an exporter takes a point of an earlier time for an old one.
                times: vec![steady],
                values: vec![value.cast_signed()],
                keys: vec![NO_KEY],
            };
            output.emit_integers(metric, self.keying, rows);
        }
        Ok(Progress::Done)
    }
}

fn gauge(name: &str) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        unit: String::new(),
        description: String::new(),
        kind: MetricKind::Gauge,
        temporality: Temporality::Unspecified,
        monotonic: false,
    }
}

otelier_sdk::export!(Stopwatch);
