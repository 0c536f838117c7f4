//! The exporters' modules that turn a sender's bytes into what others read, without sockets, logs and counters.

#[path = "../../../../host/src/exporters/escape.rs"]
mod escape;
pub mod prometheus;
#[path = "../../../../host/src/exporters/value.rs"]
mod value;
