//! Waiting for a condition. Nothing here makes a test right by being slow: a condition that holds is seen at the next
//! look, and the deadline only ends a test that would hang.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Far beyond what anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until it finds something. The error says what it waited for, and the last failure.
pub fn until<T>(what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    within(DEADLINE, what, look)
}

/// The same with a deadline of one's own.
pub fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look();
        match found {
            Ok(Some(value)) => return Ok(value),
            Ok(None) if Instant::now() >= deadline => bail!("waited {} s in vain until {what}", limit.as_secs()),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited {} s in vain until {what}", limit.as_secs())));
            }
            _ => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Looks until a value is the expected one; the error shows the last that was seen.
pub fn until_equal<T: PartialEq + Debug>(what: &str, expected: &T, mut look: impl FnMut() -> Result<T>) -> Result<()> {
    let mut last = None;
    let found = until(what, || {
        let seen = look()?;
        let equal = seen == *expected;
        last = Some(seen);
        Ok(equal.then_some(()))
    });
    found.map_err(|error| error.context(format!("expected {expected:?}, last seen {last:?}")))
}
