//! Carries state of the other format over, within `start`: its changes are committed with it, or nothing is.

use otelier_sdk::{Failure, Storage, Stored};

use crate::{STATE_FORMAT, stored};

/// The first byte of the first section in each format.
fn first_section(format: u32) -> Option<u8> {
    match format {
        2 => Some(0),
        3 => Some(64),
        _ => None,
    }
}

/// Moves what another format stored to where this one looks. What was stored counts as of this format from then on.
pub fn carry_over(storage: &mut Storage<'_>, previous: Stored) -> Result<Stored, Failure> {
    let from = first_section(previous.format).filter(|_| previous.format != STATE_FORMAT);
    let (Some(from), Some(to)) = (from, first_section(STATE_FORMAT)) else { return Ok(previous) };
    let sections = stored::OBSERVED - stored::META;
    storage.carry_over(&[from], &[from + sections + 1], |key, value, carried| {
        let (section, rest) = key.split_first().ok_or_else(|| Failure::damaged("an empty key"))?;
        carried.put(&[&[section - from + to], rest].concat(), value);
        Ok(())
    })?;
    Ok(Stored { format: STATE_FORMAT, ..previous })
}
