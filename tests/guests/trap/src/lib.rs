//! A guest that panics: on one row in a million, if `when` says so.

use otelier_sdk::{Batch, Declare, Failure, NO_KEY, Progress, Start};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Describe,
    Start,
    /// In `start` when it finds state.
    State,
    #[default]
    Process,
    /// In `process` when it has written, absorbed and emitted.
    AfterWrite,
    /// In `process`; a batch that has a row of the value 667, and none of 666, it declines for good.
    OrDecline,
    Flush,
}

impl Vice for Way {
    fn describe(&self, _: &mut Declare<'_>) -> Result<(), Failure> {
        self.trap_in(&Way::Describe);
        Ok(())
    }

    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.trap_in(&Way::Start);
        if start.previous().is_some() {
            self.trap_in(&Way::State);
        }
        Ok(())
    }

    fn judge(&self, has: impl Fn(i64) -> bool) -> Result<(), Failure> {
        match *self == Way::OrDecline && has(667) && !has(666) {
            true => Err(Failure::refused("never, as the configuration asks for")),
            false => Ok(()),
        }
    }

    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        self.trap_in(&Way::Process);
        self.trap_in(&Way::OrDecline);
        Ok(())
    }

    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        if *self == Way::AfterWrite {
            let now = batch.now();
            shown.emit(&mut batch.output(), vec![NO_KEY], now);
            trap();
        }
        Ok(())
    }

    fn flush(&self) -> Progress {
        self.trap_in(&Way::Flush);
        Progress::Done
    }
}

impl Way {
    fn trap_in(&self, place: &Way) {
        if self == place {
            trap();
        }
    }
}

#[allow(clippy::panic)] // What this guest is for.
fn trap() -> ! {
    panic!("as the configuration asks for");
}

otelier_sdk::export!(Tally<Way>);
