//! A guest that declares too much, or twice.

use otelier_sdk::{Declare, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Two thousand patterns of a kilobyte.
    #[default]
    Huge,
    /// The same durable keying twice.
    Duplicate,
}

impl Vice for Way {
    fn describe(&self, declare: &mut Declare<'_>) -> Result<(), Failure> {
        match self {
            Way::Huge => declare.metrics(vec!["a".repeat(1000); 2000]),
            Way::Duplicate => {
                declare.keep(Vec::new(), true);
                declare.keep(Vec::new(), true);
            }
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
