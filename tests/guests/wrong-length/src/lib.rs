//! A guest whose results have lengths that do not fit each other.

use otelier_sdk::bindings::otelier::plugin::output;
use otelier_sdk::{Batch, Blob, EmittedRows, Failure};
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
    /// Keys of which one is said to end behind the last byte.
    EndsBeyond,
    /// Keys of which the last is said to end before the last byte.
    EndsBefore,
    /// Keys of which one is said to end before the one in front of it.
    EndsDescending,
}

impl Vice for Way {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        let mut output = batch.output();
        // What the SDK cannot be made to do: it counts the bytes itself.
        let intern = |ends: &[u32]| {
            drop(output::intern(shown.keying.number(), &Blob { ends: ends.to_vec(), bytes: vec![1; 3] }))
        };
        match self {
            Way::Columns => {
                let metric = output.describe(rows_seen());
                let uneven = EmittedRows { keys: vec![0, 0], start_times: vec![], times: vec![now], values: vec![1] };
                output.emit_integers(metric, shown.keying, uneven);
            }
            Way::Key => {
                output.intern(shown.keying, vec![1, 2, 100]);
            }
            Way::EndsBeyond => intern(&[1, 2, u32::MAX]),
            Way::EndsBefore => intern(&[1, 2]),
            Way::EndsDescending => intern(&[2, 1, 3]),
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
