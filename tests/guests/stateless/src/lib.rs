//! A guest that keeps no state and lets everything pass: what runs before a version that begins to keep some. It takes any configuration.

use otelier_sdk::{Batch, Declare, Failure, Processor, Signal};
use serde::de::IgnoredAny;

/// The processor.
#[derive(Debug)]
pub struct Stateless;

impl Processor for Stateless {
    type Config = IgnoredAny;

    fn describe(_: IgnoredAny, _: Signal, declare: &mut Declare<'_>) -> Result<Stateless, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        Ok(Stateless)
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

otelier_sdk::export!(Stateless);
