//! Drops points of metrics that nobody looks at.

use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal};

/// Drops every point of the metrics it is told to.
pub struct {{Type}};

/// The keys under the processor's name in the collector's configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Their names; `*` is any text.
    metrics: Vec<String>,
}

impl Processor for {{Type}} {
    type Config = Config;

    /// Declares what it reads: points of these metrics are rows, and everything else passes unread.
    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<{{Type}}, Failure> {
        if config.metrics.is_empty() {
            return Err(Failure::refused("`metrics` names none; write a list such as `[debug.*]`"));
        }
        declare.metrics(config.metrics);
        Ok({{Type}})
    }

    /// One batch.
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let rows = batch.count();
        batch.drop_rows(Bitmap::all(rows));
        Ok(())
    }
}

otelier_sdk::export!({{Type}});
