//! A guest that asks the host, on and on.

use std::hint::black_box;

use otelier_sdk::bindings::otelier::plugin::rows;
use otelier_sdk::{Batch, Failure, Start};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// In `start`, for what it has stored.
    Start,
    /// In `process`, for the number of rows.
    #[default]
    Process,
}

impl Vice for Way {
    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        if *self == Way::Start {
            loop {
                drop(black_box(start.storage().get(b"nothing")));
            }
        }
        Ok(())
    }

    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        if *self == Way::Process {
            loop {
                black_box(rows::count());
            }
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
