//! A guest that says after each flush that there is more.

use otelier_sdk::Progress;
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct More;

impl Vice for More {
    fn flush(&self) -> Progress {
        Progress::More
    }
}

otelier_sdk::export!(Tally<More>);
