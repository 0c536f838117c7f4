use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal};

/// Drops every point of the metrics it is told to.
pub struct Discard;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<String>,
}

impl Processor for Discard {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Discard, Failure> {
        declare.metrics(config.metrics);
        Ok(Discard)
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let rows = batch.count();
        batch.drop_rows(Bitmap::all(rows));
        Ok(())
    }
}

otelier_sdk::export!(Discard);
