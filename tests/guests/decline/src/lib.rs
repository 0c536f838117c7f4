//! A guest that says itself that it will not: not now, or never.

use otelier_sdk::{Batch, Declare, Failure, Start};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Its configuration.
    Describe,
    /// The state that it finds; without any it starts.
    State,
    /// A batch, which may come again.
    #[default]
    NotNow,
    /// A batch, when it has written.
    Never,
}

impl Vice for Way {
    fn describe(&self, _: &mut Declare<'_>) -> Result<(), Failure> {
        match self {
            Way::Describe => Err(Failure::refused("`way`: this configuration is refused, as it asks for")),
            _ => Ok(()),
        }
    }

    fn start(&self, start: &mut Start<'_>) -> Result<(), Failure> {
        match self {
            Way::State if start.previous().is_some() => {
                Err(Failure::refused("this state is refused, as the configuration asks for"))
            }
            _ => Ok(()),
        }
    }

    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        match self {
            Way::NotNow => Err(Failure::retry("not now, as the configuration asks for")),
            _ => Ok(()),
        }
    }

    fn after_work(&self, _: &mut Batch<'_>, _: &Shown) -> Result<(), Failure> {
        match self {
            Way::Never => Err(Failure::refused("never, as the configuration asks for")),
            _ => Ok(()),
        }
    }
}

otelier_sdk::export!(Tally<Way>);
