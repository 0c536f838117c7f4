//! Breaker policies: a type that implements [`Policy`], and one line that exports it.
//!
//! ```
//! use otelier_sdk::Failure;
//! use otelier_sdk::policy::{Decision, Policy, Question};
//!
//! /// Leaves the destination alone for ten seconds after each failure.
//! struct Cautious {
//!     until: u64,
//! }
//!
//! impl Policy for Cautious {
//!     type Config = serde::de::IgnoredAny;
//!
//!     fn configure(_: Self::Config) -> Result<Cautious, Failure> {
//!         Ok(Cautious { until: 0 })
//!     }
//!
//!     fn admit(&mut self, question: &Question) -> Decision {
//!         if question.counters.failures > 0 {
//!             self.until = question.now + 10_000_000_000;
//!         }
//!         if question.now < self.until { Decision::Reject(self.until) } else { Decision::Allow }
//!     }
//! }
//!
//! otelier_sdk::export_policy!(Cautious);
//! ```
//!
//! The host counts, waits and enforces; [`testing::Gate`](crate::testing::Gate) does the same in a test.

#[rustfmt::skip]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;

use serde::de::DeserializeOwned;

use crate::Failure;

pub use bindings::exports::otelier::plugin::breaker::{Counters, Decision, Outcome};

/// What is known when the host asks whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// In nanoseconds, on a clock that never goes back.
    pub now: u64,
    /// Attempts since the gate was last in another state, within its window.
    pub counters: Counters,
    /// Batches that wait.
    pub queue_depth: u64,
    /// Batches a second that have left lately.
    pub drain_rate: f64,
}

/// A breaker policy. Functions are called one at a time; times are in nanoseconds.
pub trait Policy: Sized {
    /// The extension's configuration. It may have the gate's own keys `interval` and `bucket_period`; `max_hold` is taken out.
    type Config: DeserializeOwned;

    /// Checks the configuration and makes a policy for a gate that is closed.
    fn configure(config: Self::Config) -> Result<Self, Failure>;

    /// Whether attempts may be made. It can be asked at any time and as often as the host likes.
    fn admit(&mut self, question: &Question) -> Decision;

    /// How an attempt of the present state ended. Whoever goes by the counters alone needs none of it.
    fn on_outcome(&mut self, outcome: Outcome, latency: u64, now: u64) {
        let _ = (outcome, latency, now);
    }
}

impl Outcome {
    /// Whether the destination failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::Unreachable | Outcome::Timeout | Outcome::Unavailable | Outcome::Throttled)
    }
}

/// Makes a [`Policy`] what the component exports. Once per crate; the crate's type is `cdylib` (and `rlib` for tests).
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::policy::guest::Exported<$policy>;
    $crate::policy::bindings::export_policy_component!(Exported with_types_in $crate::policy::bindings);
        };
        // Where there is no component, the type is used and checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            let _ = <$policy as $crate::policy::Policy>::admit;
        };
    };
}
