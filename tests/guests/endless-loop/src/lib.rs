//! A guest that does not return from one of its exports.

use std::hint::black_box;

use otelier_sdk::{Batch, Declare, Failure, Progress, Start};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Describe,
    Start,
    /// From `start` when it finds state.
    State,
    #[default]
    Process,
    /// From `process` when it has written.
    AfterWrite,
    Flush,
    /// It returns, and says each time that there is more to flush.
    FlushOnAndOn,
}

impl Vice for Way {
    fn describe(&self, _: &mut Declare<'_>) -> Result<(), Failure> {
        self.spin_in(&Way::Describe);
        Ok(())
    }

    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.spin_in(&Way::Start);
        if start.previous().is_some() {
            self.spin_in(&Way::State);
        }
        Ok(())
    }

    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        self.spin_in(&Way::Process);
        Ok(())
    }

    fn after_work(&self, _: &mut Batch<'_>, _: &Shown) -> Result<(), Failure> {
        self.spin_in(&Way::AfterWrite);
        Ok(())
    }

    fn flush(&self) -> Progress {
        self.spin_in(&Way::Flush);
        if *self == Way::FlushOnAndOn { Progress::More } else { Progress::Done }
    }
}

impl Way {
    fn spin_in(&self, place: &Way) {
        let mut turns = 0_u64;
        if self == place {
            loop {
                turns = black_box(turns.wrapping_add(1));
            }
        }
    }
}

otelier_sdk::export!(Tally<Way>);
