//! A guest that stands as a connector: it counts spans or log records by service, and makes metrics of the counts.
//!
//! It keeps the counts in its state. Each batch is followed by the gauge `items.seen`, how many items of each service it had; each flush emits the
//! cumulative sum `items.counted`. It leaves the items alone.

use std::collections::BTreeMap;
use std::time::Duration;

use otelier_sdk::{
    Attribute, Batch, Blob, Declare, Descriptor, EmittedRows, Failure, Flush, Keying, MergeOp, MetricKind, Output,
    Processor, Progress, RowKey, Signal, Temporality,
};

/// No configuration.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The processor.
#[derive(Debug)]
pub struct Census {
    services: Keying,
}

fn emit(output: &mut Output<'_>, keying: Keying, metric: Descriptor, time: u64, counts: &BTreeMap<u32, i64>) {
    let metric = output.describe(metric);
    let rows = EmittedRows {
        start_times: vec![1; counts.len()],
        times: vec![time; counts.len()],
        values: counts.values().copied().collect(),
        keys: counts.keys().copied().collect(),
    };
    output.emit_integers(metric, keying, rows);
}

fn metric(name: &str, kind: MetricKind) -> Descriptor {
    let is_sum = kind == MetricKind::Sum;
    Descriptor {
        name: name.to_owned(),
        unit: String::new(),
        description: String::new(),
        kind,
        temporality: if is_sum { Temporality::Cumulative } else { Temporality::Unspecified },
        monotonic: is_sum,
    }
}

impl Processor for Census {
    type Config = Config;

    fn describe(_: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Census, Failure> {
        declare.items();
        declare.state(1);
        declare.flush_every(Duration::from_millis(50))?;
        Ok(Census { services: declare.keep(vec![Attribute::resource("service.name")], true) })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let mut counts = BTreeMap::new();
        for code in batch.keys(self.services).iter().filter_map(RowKey::code) {
            *counts.entry(code).or_default() += 1;
        }
        let keys: Vec<[u8; 4]> = counts.keys().map(|code: &u32| code.to_be_bytes()).collect();
        let keys: Blob = keys.iter().map(|key| &key[..]).collect();
        batch.storage().merge_integers(MergeOp::Add, keys, counts.values().copied().collect())?;
        let now = batch.now();
        emit(&mut batch.output(), self.services, metric("items.seen", MetricKind::Gauge), now, &counts);
        Ok(())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let (now, mut counts) = (flush.now(), BTreeMap::new());
        flush.storage().each(&[], &[u8::MAX; 5], |key, value| {
            if let (Ok(code), Ok(count)) = (key.try_into(), value.try_into()) {
                counts.insert(u32::from_be_bytes(code), i64::from_le_bytes(count));
            }
            Ok(())
        })?;
        emit(&mut flush.output(), self.services, metric("items.counted", MetricKind::Sum), now, &counts);
        Ok(Progress::Done)
    }
}

otelier_sdk::export!(Census);
