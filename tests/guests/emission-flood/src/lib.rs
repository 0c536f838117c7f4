//! A guest whose points are few bytes for the guest and very many for the host: a long text for each resource.

use otelier_sdk::key::{KeyBuilder, Value};
use otelier_sdk::{Batch, EmittedRows, Failure, Level};
use serde::Deserialize;
use tally::{Shown, Tally, Vice, rows_seen};

/// Resources, and bytes of the metric's description: more than a gigabyte together.
const RESOURCES: i64 = 100_000;
const TEXT: usize = 15_000;

#[derive(Debug, Default, Deserialize)]
struct Flood;

impl Vice for Flood {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        let mut output = batch.output();
        let of = |number| KeyBuilder::default().attribute(Level::Resource, "r", Value::Integer(number)).finish();
        let keys: Vec<u32> = (0..RESOURCES).filter_map(|number| output.intern(shown.keying, of(number))).collect();
        let metric = output.describe(otelier_sdk::Descriptor { description: "x".repeat(TEXT), ..rows_seen() });
        let rows = EmittedRows {
            start_times: vec![now; keys.len()],
            times: vec![now; keys.len()],
            values: vec![1; keys.len()],
            keys,
        };
        output.emit_integers(metric, shown.keying, rows);
        Ok(())
    }
}

otelier_sdk::export!(Tally<Flood>);
