//! Delivery: what stands between pipelines and exporters. A lane to one that pushes is queue ► gate ► retry ► client; one that holds
//! its data in memory is fed in order.
//!
//! Room is reserved before any plugin runs, so a full lane refuses a request while nothing has changed, and a committed trip always
//! has a place to go. What a lane holds leaves it in one of four ways, each counted: delivered, rejected by the destination (partial
//! success), dead (kept apart with the reason), or, where the configuration says so, dropped because the lane was full.
//!
//! - `queue` is the order and the bound, plain data without threads;
//! - `lane` is the near end, which pipelines reserve and fill: of the queue, or of an exporter in memory; `consumer` is the queue's far
//!   end, which takes and sends;
//! - `dispatch` is what leaves the queue together: one entry, or several that `gathering` has merged, or a part of one;
//! - `retry` says how long to wait, `gate` whether to try at all;
//! - `dead_letters` keeps what could not be delivered, with the reason;
//! - `stored` is the queue's form on disk: an entry is there from the commit of its trip until it is settled.

mod attempts;
mod backpressure;
mod consumer;
pub mod dead_letters;
mod dispatch;
pub mod gate;
mod gathering;
mod lane;
mod metrics;
mod queue;
mod retry;
mod settling;
mod stored;
#[cfg(test)]
mod tests;
mod waiter;

pub use backpressure::Budget;
pub use dead_letters::{DeadLetters, LetterError};
pub use gate::Gate;
pub use lane::{Lane, LaneContext, LaneError, LaneFull, LocalLane, LocalTask, PushLane, Reserved};
pub use metrics::failed_writes;
pub use queue::Size;
pub use waiter::Waiter;
