//! Results that the contract does not allow.

use anyhow::{Context, Result};

use super::alone::breaks_alone;
use super::hasty;

#[test]
fn results_that_break_the_contract_are_discarded_whole() -> Result<()> {
    for guest in [
        "unknown-code",
        "out-of-range/descriptor",
        "row-flood",
        "wrong-length/columns",
        "invalid-utf8/key",
        "invalid-utf8/log",
        "undeclared-column/undeclared",
        "undeclared-column/twice",
        "out-of-range/row",
        "out-of-range/gone",
        "wrong-length/key",
        "undeclared-column/late",
    ] {
        breaks_alone(guest, hasty(), "contract violated").context(guest)?;
    }
    Ok(())
}
