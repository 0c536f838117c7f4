//! A guest that pulls what it may not, or declares what it should have declared before.

use otelier_sdk::bindings::otelier::plugin::projection;
use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// A column that it has not declared.
    #[default]
    Undeclared,
    /// A column that it has had already.
    Twice,
    /// It declares a column in `process`: what the SDK cannot be made to do.
    Late,
}

impl Vice for Way {
    fn before_work(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        match self {
            Way::Undeclared => drop(batch.times()),
            Way::Twice => drop(batch.values()),
            Way::Late => projection::times(),
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
