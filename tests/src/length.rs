//! How long the suites that repeat themselves run: crashes, power cuts, full disks, swaps, and generated metrics. `OTELIER_TEST_LENGTH=10`
//! makes them ten times as long. Suites that have the machine for themselves in a tier of `cargo xtask test` run longer there, and only there
//! do they look at how long something took.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

const VARIABLE: &str = "OTELIER_TEST_LENGTH";

/// The tier in which a test runs, where it is one.
const TIER: &str = "OTELIER_TEST_TIER";

/// How often something is done that is usually done so often.
pub fn rounds(usual: u32) -> Result<u32> {
    Ok(usual * times()?)
}

/// Whether a tier gives a test the machine for itself.
pub fn is_alone() -> bool {
    std::env::var_os(TIER).is_some()
}

/// How long something goes on, in seconds: beside other tests, and alone.
pub fn seconds(beside: u32, alone: u32) -> Result<Duration> {
    let seconds = rounds(if is_alone() { alone } else { beside })?;
    Ok(Duration::from_secs(seconds.into()))
}

/// Does once what is usually done once, or as often as the suites are longer.
pub fn repeat(mut once: impl FnMut() -> Result<()>) -> Result<()> {
    (1..=times()?).try_for_each(|round| once().with_context(|| format!("in round {round}")))
}

fn times() -> Result<u32> {
    parse(std::env::var(VARIABLE).ok().as_deref())
}

fn parse(value: Option<&str>) -> Result<u32> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(1) };
    let times = value.parse().with_context(|| format!("{VARIABLE} is {value:?}, and no number"))?;
    ensure!((1..=1000).contains(&times), "{VARIABLE} is {times}; it can be 1 to 1000");
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_one_without_it() -> Result<()> {
        ensure!((parse(None)?, parse(Some(""))?, parse(Some("10"))?) == (1, 1, 10));
        for wrong in ["0", "-1", "1001", "ten", "1.5"] {
            ensure!(parse(Some(wrong)).is_err_and(|error| error.to_string().contains(VARIABLE)), "{wrong}");
        }
        Ok(())
    }
}
