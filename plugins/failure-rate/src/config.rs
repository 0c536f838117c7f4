//! The configuration: resilience4j's names and defaults, and the names that both breakers have where they mean the same.

use std::time::Duration;

use otelier_sdk::Failure;
use otelier_sdk::config::duration;
use serde::Deserialize;

/// Calls or seconds of a window, at the most: memory is set aside for it.
const WINDOW_MAX: u32 = 100_000;

/// What a window is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum WindowType {
    /// The last calls.
    #[serde(rename = "COUNT_BASED", alias = "count_based")]
    Count,
    /// The last seconds.
    #[serde(rename = "TIME_BASED", alias = "time_based")]
    Time,
}

/// As it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    failure_rate_threshold: f64,
    slow_call_rate_threshold: f64,
    #[serde(deserialize_with = "duration::deserialize")]
    slow_call_duration_threshold: Duration,
    #[serde(alias = "max_requests")]
    permitted_number_of_calls_in_half_open_state: u32,
    #[serde(deserialize_with = "duration::deserialize")]
    max_wait_duration_in_half_open_state: Duration,
    sliding_window_type: Option<WindowType>,
    sliding_window_size: Option<u32>,
    /// A window of so much time.
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    minimum_number_of_calls: u32,
    #[serde(alias = "timeout", deserialize_with = "duration::deserialize")]
    wait_duration_in_open_state: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration_threshold: Duration::from_secs(60),
            permitted_number_of_calls_in_half_open_state: 10,
            max_wait_duration_in_half_open_state: Duration::ZERO,
            sliding_window_type: None,
            sliding_window_size: None,
            interval: Duration::ZERO,
            minimum_number_of_calls: 100,
            wait_duration_in_open_state: Duration::from_secs(60),
        }
    }
}

/// The same, checked, in the units of who goes by it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Percent, above 0 and at most 100.
    pub failure_rate: f64,
    /// Percent, above 0 and at most 100.
    pub slow_rate: f64,
    /// A call that takes longer is slow.
    pub slow_ns: u64,
    /// Calls that half-open lets through.
    pub permitted: u32,
    /// How long half-open may take. 0: as long as it takes.
    pub half_open_ns: u64,
    /// Kind of the closed state's window.
    pub window_type: WindowType,
    /// Its size, calls or seconds.
    pub window_size: u32,
    /// Calls before a rate is a rate.
    pub minimum: u32,
    /// How long it stays open.
    pub open_ns: u64,
}

impl Config {
    /// Checks what a type cannot say.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let (window_type, window_size) = self.window()?;
        for (key, rate) in [
            ("failure_rate_threshold", self.failure_rate_threshold),
            ("slow_call_rate_threshold", self.slow_call_rate_threshold),
        ] {
            if !(rate > 0.0 && rate <= 100.0) {
                return Err(Failure::refused(format!("`{key}` is a percentage above 0 and at most 100, not {rate}")));
            }
        }
        for (key, number) in [
            ("permitted_number_of_calls_in_half_open_state", self.permitted_number_of_calls_in_half_open_state),
            ("minimum_number_of_calls", self.minimum_number_of_calls),
        ] {
            if number == 0 {
                return Err(Failure::refused(format!("`{key}` must be at least 1")));
            }
        }
        for (key, time) in [
            ("slow_call_duration_threshold", self.slow_call_duration_threshold),
            ("wait_duration_in_open_state", self.wait_duration_in_open_state),
        ] {
            if time.is_zero() {
                return Err(Failure::refused(format!("`{key}` must be longer than zero, such as `1s`")));
            }
        }
        Ok(Settings {
            failure_rate: self.failure_rate_threshold,
            slow_rate: self.slow_call_rate_threshold,
            slow_ns: nanoseconds(self.slow_call_duration_threshold),
            permitted: self.permitted_number_of_calls_in_half_open_state,
            half_open_ns: nanoseconds(self.max_wait_duration_in_half_open_state),
            window_type,
            window_size,
            minimum: self.minimum_number_of_calls,
            open_ns: nanoseconds(self.wait_duration_in_open_state),
        })
    }

    fn window(&self) -> Result<(WindowType, u32), Failure> {
        let (window_type, size) = (self.sliding_window_type, self.sliding_window_size);
        if self.interval.is_zero() {
            let size = size.unwrap_or(100);
            if size == 0 || size > WINDOW_MAX {
                let message = format!("`sliding_window_size` must be from 1 to {WINDOW_MAX}, not {size}");
                return Err(Failure::refused(message));
            }
            return Ok((window_type.unwrap_or(WindowType::Count), size));
        }
        if size.is_some() || window_type == Some(WindowType::Count) {
            let message = "`interval` is a window of time: leave out `sliding_window_type` and `sliding_window_size`, or leave it out";
            return Err(Failure::refused(message));
        }
        let seconds = self.interval.as_secs();
        match u32::try_from(seconds) {
            Ok(size @ 1..=WINDOW_MAX) if self.interval.subsec_nanos() == 0 => Ok((WindowType::Time, size)),
            _ => Err(Failure::refused(format!("`interval` must be whole seconds, from 1s to {WINDOW_MAX}s"))),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
