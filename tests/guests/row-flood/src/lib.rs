//! A guest that emits more than it may.

use otelier_sdk::key::{KeyBuilder, Value};
use otelier_sdk::{Batch, Failure, Level, NO_KEY};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// A hundred thousand points, a hundred at a time: a few megabytes.
    #[default]
    Points,
    /// Ten thousand points of a key with 60,000 bytes: 600 megabytes.
    Bytes,
}

impl Vice for Way {
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let now = batch.now();
        let mut output = batch.output();
        match self {
            Way::Points => (0..1000).for_each(|_| shown.emit(&mut output, vec![NO_KEY; 100], now)),
            Way::Bytes => {
                let text = "x".repeat(60_000);
                let key = KeyBuilder::default().attribute(Level::Item, "a", Value::String(text.as_bytes())).finish();
                let code = output.intern(shown.keying, key);
                shown.emit(&mut output, vec![code.unwrap_or(NO_KEY); 10_000], now);
            }
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
