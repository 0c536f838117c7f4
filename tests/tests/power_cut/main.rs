//! The power goes at random moments, again and again, while senders send: what was not synced is gone, the last write is
//! torn, and what was acknowledged is still there, once.
//!
//! SIGKILL leaves what was written, so `crash` does not tell a write from a sync; here the host runs on a disk that does.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cuts;
mod damage;
mod disk;
mod powered;

#[path = "../crash/cumulative.rs"]
mod cumulative;
#[path = "../crash/delta.rs"]
mod delta;
#[path = "../crash/reaper.rs"]
mod reaper;
#[path = "../crash/sender.rs"]
mod sender;
