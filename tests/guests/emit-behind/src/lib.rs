//! A guest without state that lets everything pass, and emits two points behind each batch with rows: deltas of `work.done` under one
//! `work.type`, the one good and the other of a value on which guests behind it break.
//!
//! ```text
//! metrics    what it reads
//! work_type  of the points
//! bad        the value of the second
//! ```

use otelier_sdk::key::{KeyBuilder, Value};
use otelier_sdk::{
    Attribute, Batch, Declare, Descriptor, EmittedRows, Failure, Keying, Level, MetricKind, Processor, Signal,
    Temporality,
};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<String>,
    work_type: String,
    bad: i64,
}

/// The processor.
#[derive(Debug)]
pub struct EmitBehind {
    config: Config,
    keying: Keying,
}

impl Processor for EmitBehind {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<EmitBehind, Failure> {
        declare.metrics(config.metrics.clone());
        let keying = declare.keep(vec![Attribute::item("work.type")], false);
        Ok(EmitBehind { config, keying })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let now = batch.now();
        let mut output = batch.output();
        let value = Value::String(self.config.work_type.as_bytes());
        let key = KeyBuilder::default().attribute(Level::Item, "work.type", value).finish();
        let code = output.intern(self.keying, key).ok_or_else(|| Failure::refused("the dictionary is full"))?;
        let metric = output.describe(Descriptor {
            name: "work.done".to_owned(),
            unit: String::new(),
            description: String::new(),
            kind: MetricKind::Sum,
            temporality: Temporality::Delta,
            monotonic: true,
        });
        let rows = EmittedRows {
            start_times: vec![now - 1; 2],
            times: vec![now; 2],
            values: vec![1, self.config.bad],
            keys: vec![code; 2],
        };
        output.emit_integers(metric, self.keying, rows);
        Ok(())
    }
}

otelier_sdk::export!(EmitBehind);
