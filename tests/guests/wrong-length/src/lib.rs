//! A guest whose results have lengths that do not fit each other.

use otelier_sdk::{Batch, EmittedRows, Failure};
use serde::Deserialize;
use tally::{Shown, Tally, Vice, rows_seen};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Two keys for one value.
    #[default]
    Columns,
    /// A key whose text is said to be longer than the key.
    Key,
}

impl Vice for Way {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        let mut output = batch.output();
        if *self == Way::Key {
            output.intern(shown.keying, vec![1, 2, 200]);
            return Ok(());
        }
        let metric = output.describe(rows_seen());
        let uneven = EmittedRows { keys: vec![0, 0], start_times: vec![], times: vec![now], values: vec![1] };
        output.emit_integers(metric, shown.keying, uneven);
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
