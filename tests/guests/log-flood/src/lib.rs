//! A guest that writes more to the log than anybody reads, and counts as usual.

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// A thousand lines, one of them of a megabyte.
    #[default]
    Lines,
    /// A gigabyte.
    Gigabyte,
}

impl Vice for Way {
    fn before_work(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let long = "x".repeat(1 << 20);
        match self {
            Way::Lines => (0..1000).for_each(|line| match line {
                3 => batch.log().info(&long),
                _ => batch.log().info(&format!("line {line}")),
            }),
            Way::Gigabyte => (0..1024).for_each(|_| batch.log().info(&long)),
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
