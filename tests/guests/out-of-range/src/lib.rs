//! A guest that speaks of rows, descriptors and keyings that there are not.

use otelier_sdk::bindings::otelier::plugin::output;
use otelier_sdk::{Batch, Bitmap, Failure};
use serde::Deserialize;
use tally::{Shown, Tally, Vice, rows_seen};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Drops the row after the last.
    #[default]
    Row,
    /// Drops a row that it has absorbed.
    Gone,
    /// Emits under a descriptor that was never described: what the SDK cannot be made to do.
    Descriptor,
    /// Emits under a keying that was never declared.
    Keying,
    /// Renames a metric that no batch has had.
    Metric,
}

impl Vice for Way {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        match self {
            Way::Row => {
                let mut beyond = Bitmap::new();
                beyond.set(batch.count());
                batch.drop_rows(beyond);
            }
            Way::Gone => batch.drop_rows(Bitmap::all(1)),
            Way::Descriptor => output::emit_integers(999_999, shown.keying.number(), &[0], &[], &[1], &[1]),
            Way::Keying => {
                let metric = output::describe(&rows_seen());
                output::emit_integers(metric, 999, &[0], &[], &[1], &[1]);
            }
            Way::Metric => output::edit_metric(999_999, "a", "", ""),
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
