//! A guest that hands over strings that are none.

use otelier_sdk::bindings::otelier::plugin::log;
use otelier_sdk::key::{KeyBuilder, Value};
use otelier_sdk::{Batch, Failure, Level, Severity};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// In a key.
    #[default]
    Key,
    /// As a line of the log: a language whose strings are no more than bytes can do this.
    Log,
}

impl Vice for Way {
    #[allow(unsafe_code)]
    fn after_work(&self, batch: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        const NO_TEXT: &[u8] = b"\xff\xfe";
        if *self == Way::Log {
            // Safety: there is none; the host is what is tested, and nothing in the guest reads the string.
            let text = unsafe { std::str::from_utf8_unchecked(std::hint::black_box(NO_TEXT)) };
            log::write(Severity::Info, text);
            return Ok(());
        }
        let key = KeyBuilder::default().attribute(Level::Item, "work.type", Value::String(NO_TEXT)).finish();
        batch.output().intern(shown.keying, key);
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
