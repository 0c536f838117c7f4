//! `memory_limiter`, processor or extension, with the Collector's keys: above the soft limit requests are refused until memory is
//! below it again. The limit holds for the whole process and is asked before a request is read, so that a crowd of senders is
//! turned away without having taken any memory first.
//!
//! Soft limit = limit - spike limit. Between two measurements the receivers count what they take. Above the hard limit the log says
//! so: there is no garbage to collect here.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{ComponentId, MemoryGate, duration};
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Stability, Task};
use crate::telemetry::resident_bytes;

/// `memory_limiter: …`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    /// How often memory is measured.
    pub check_interval: Duration,
    /// The hard limit.
    pub limit: Share,
    /// How much below it the soft limit is; a fifth of it unless told otherwise.
    pub spike_limit: Option<Share>,
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// In bytes.
    Bytes(u64),
    /// In percent of what the machine or the control group has.
    Percent(u64),
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// How often memory is measured.
    #[schemars(extend("x-collector" = "same; it has a default"))]
    #[serde(deserialize_with = "duration::nonzero")]
    check_interval: Duration,
    /// The hard limit, in MiB: above it requests are refused.
    limit_mib: u64,
    /// How much below it the soft limit is, in MiB; a fifth of the limit without it.
    spike_limit_mib: u64,
    /// The hard limit, in percent of what the machine or the control group has.
    limit_percentage: u64,
    /// How much below it the soft limit is, in percent.
    spike_limit_percentage: u64,
    /// Memory held for Go's garbage collector, in earlier versions.
    #[schemars(extend("x-no-effect" = "there is no garbage collector"))]
    ballast_size_mib: u64,
    /// How often Go's garbage collector may be run.
    #[schemars(extend("x-no-effect" = "there is no garbage collector"))]
    #[serde(deserialize_with = "duration::deserialize")]
    min_gc_interval_when_soft_limited: Duration,
    /// How often Go's garbage collector may be run.
    #[schemars(extend("x-no-effect" = "there is no garbage collector"))]
    #[serde(deserialize_with = "duration::deserialize")]
    min_gc_interval_when_hard_limited: Duration,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            check_interval: Duration::from_secs(1),
            limit_mib: 0,
            spike_limit_mib: 0,
            limit_percentage: 0,
            spike_limit_percentage: 0,
            ballast_size_mib: 0,
            min_gc_interval_when_soft_limited: Duration::ZERO,
            min_gc_interval_when_hard_limited: Duration::ZERO,
        }
    }
}

/// A limit that cannot be.
#[derive(Debug, thiserror::Error)]
enum LimitError {
    #[error("`limit_mib` or `limit_percentage` is needed: write `limit_mib: 512`")]
    None,
    #[error("`limit_percentage` and `spike_limit_percentage` are at most 100")]
    Percentage,
    #[error("the spike limit is not below the limit: nothing would ever be let in")]
    Spike,
}

impl TryFrom<RawConfig> for Config {
    type Error = LimitError;

    fn try_from(raw: RawConfig) -> Result<Self, LimitError> {
        if raw.limit_percentage > 100 || raw.spike_limit_percentage > 100 {
            return Err(LimitError::Percentage);
        }
        // As in the Collector: a number of MiB goes before a percentage, and the spike limit is of the same kind as the limit.
        let some = |number: u64, share: fn(u64) -> Share| (number > 0).then(|| share(number));
        let mib: fn(u64) -> Share = |mib| Share::Bytes(mib.saturating_mul(1 << 20));
        let (limit, spike_limit) = match (raw.limit_mib, raw.limit_percentage) {
            (0, 0) => return Err(LimitError::None),
            (0, percent) => (Share::Percent(percent), some(raw.spike_limit_percentage, Share::Percent)),
            (limit, _) => (mib(limit), some(raw.spike_limit_mib, mib)),
        };
        let too_large = match (limit, spike_limit) {
            (Share::Bytes(limit), Some(Share::Bytes(spike))) | (Share::Percent(limit), Some(Share::Percent(spike))) => {
                spike >= limit
            }
            _ => false,
        };
        if too_large {
            Err(LimitError::Spike)
        } else {
            Ok(Config { check_interval: raw.check_interval, limit, spike_limit })
        }
    }
}

impl Config {
    /// Hard and soft limit, in bytes, on a machine that has `total`.
    fn limits(&self, total: u64) -> (u64, u64) {
        let bytes = |share| match share {
            Share::Bytes(bytes) => bytes,
            Share::Percent(percent) => total / 100 * percent,
        };
        let hard = bytes(self.limit);
        let spike = self.spike_limit.map_or(hard / 5, bytes);
        (hard, hard.saturating_sub(spike).max(1))
    }
}

/// The type `memory_limiter`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["memory_limiter"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;
}

impl ExtensionType for Type {
    fn make(id: &ComponentId, config: Config, context: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        let (id, gate) = (id.to_string(), context.memory.clone());
        let task: Task = Box::new(move |stop| {
            let (hard, soft) = config.limits(total_bytes().unwrap_or(u64::MAX));
            let interval = config.check_interval;
            // Before anything is served.
            gate.limit(soft, interval);
            Box::pin(async move {
                tokio::select! {
                    () = measure(&id, interval, hard, soft, &gate) => {}
                    () = stop => {}
                }
            })
        });
        Ok(Extension { task: Some(task), ..Extension::default() })
    }
}

/// Without an end.
async fn measure(id: &str, interval: Duration, hard: u64, soft: u64, gate: &MemoryGate) {
    let mut above = false;
    loop {
        if let Some(used) = resident_bytes() {
            gate.measured(used);
            tell(id, used, hard, soft, &mut above);
        }
        tokio::time::sleep(interval).await;
    }
}

/// Logs when the soft limit is passed, either way.
fn tell(component: &str, used: u64, hard: u64, soft: u64, above: &mut bool) {
    let (used_mib, soft_limit_mib, limit_mib) = (used >> 20, soft >> 20, hard >> 20);
    if used > soft && !*above {
        tracing::warn!(
            component,
            used_mib,
            soft_limit_mib,
            limit_mib,
            "memory is above the soft limit: requests are refused"
        );
    } else if used <= soft && *above {
        tracing::info!(component, used_mib, soft_limit_mib, "memory is below the soft limit again");
    }
    *above = used > soft;
}

/// What the control group allows, else what the machine has.
fn total_bytes() -> Option<u64> {
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let allowed = group.and_then(|text| text.trim().parse::<u64>().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| kib(&text, "MemTotal:"));
    match (allowed, machine) {
        (Some(allowed), Some(machine)) => Some(allowed.min(machine)),
        (allowed, machine) => allowed.or(machine),
    }
}

fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number = line.trim().split(' ').next()?.parse::<u64>().ok()?;
    Some(number << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_soft_limit_is_below_the_hard_one() -> Result<(), String> {
        let limits = |json: &str| parse(json).map(|config| config.limits(1000 << 20));
        assert_eq!(limits(r#"{"limit_mib": 500}"#)?, (500 << 20, 400 << 20));
        assert_eq!(limits(r#"{"limit_mib": 500, "spike_limit_mib": 50}"#)?, (500 << 20, 450 << 20));
        assert_eq!(limits(r#"{"limit_percentage": 50, "spike_limit_percentage": 20}"#)?, (500 << 20, 300 << 20));
        Ok(())
    }

    #[test]
    fn limits_that_cannot_be_say_so() {
        for (json, words) in [
            ("{}", "`limit_mib` or `limit_percentage` is needed"),
            (r#"{"limit_mib": 10, "spike_limit_mib": 10}"#, "nothing would ever be let in"),
            (r#"{"limit_percentage": 101}"#, "at most 100"),
            (r#"{"limit_mib": 10, "check_interval": "0s"}"#, "longer than zero"),
        ] {
            assert!(parse(json).is_err_and(|error| error.contains(words)), "{json}");
        }
    }

    #[test]
    fn this_process_takes_memory_and_the_machine_has_more() {
        let (used, total) = (resident_bytes(), total_bytes());
        assert!(used.is_some_and(|used| used > 1 << 20) && used < total, "{used:?} of {total:?}");
    }
}
