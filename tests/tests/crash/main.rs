//! SIGKILL at random moments, again and again, while senders send: what was acknowledged is in the totals, once, and what
//! was not is in them once or not at all. The start time never changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cumulative;
mod delta;
mod reaper;
mod sender;
