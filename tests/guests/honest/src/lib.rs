//! A guest that does not break: what runs before one that does, and what mends it. It takes the configuration of any of them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tally::{Tally, Vice};

/// Whatever the other guest's way is, it is not this one's.
#[derive(Debug, Default, Deserialize)]
struct None(#[allow(dead_code)] IgnoredAny);

impl Vice for None {}

otelier_sdk::export!(Tally<None>);
