//! Leaves a destination alone for a while after some failures in a row.

use std::time::Duration;

use otelier_sdk::Failure;
use otelier_sdk::config::duration;
use otelier_sdk::policy::{Decision, Policy, Question};

/// Opens after so many failures in a row, waits, and then lets one attempt through.
pub struct {{Type}} {
    failures: u64,
    pause_ns: u64,
    /// Until when the gate is open, if it is not closed.
    until: Option<u64>,
}

/// The keys under the extension's name in the collector's configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Failures in a row that open it.
    failures: u64,
    /// How long it stays open.
    #[serde(deserialize_with = "duration::deserialize")]
    pause: Duration,
}

impl Policy for {{Type}} {
    type Config = Config;

    fn configure(config: Config) -> Result<{{Type}}, Failure> {
        if config.failures == 0 || config.pause.is_zero() {
            return Err(Failure::refused("`failures` and `pause` must not be zero"));
        }
        let pause_ns = u64::try_from(config.pause.as_nanos()).unwrap_or(u64::MAX);
        Ok({{Type}} { failures: config.failures, pause_ns, until: None })
    }

    /// Whether attempts may be made. The counters begin anew whenever the answer is another state.
    fn admit(&mut self, question: &Question) -> Decision {
        let Question { now, counters, .. } = *question;
        let opens = match self.until {
            None => counters.consecutive_failures >= self.failures,
            // The probe failed.
            Some(until) => now >= until && counters.failures > 0,
        };
        if opens {
            self.until = Some(now.saturating_add(self.pause_ns));
        }
        match self.until {
            None => Decision::Allow,
            Some(until) if now < until => Decision::Reject(until),
            Some(_) if counters.successes > 0 => {
                self.until = None;
                Decision::Allow
            }
            Some(_) => Decision::Probe(1),
        }
    }
}

otelier_sdk::export_policy!({{Type}});
