//! What a running host tells of itself to people: `otelier status` asks for it over the control socket, the extension `zpages` shows it in a
//! browser. Both get the same [`Report`].
//!
//! `counts` reads the host's own counters, `rates` remembers what they were some seconds ago, `last_errors` takes the last line of each
//! component out of the log, and `board` puts all of it together at the moment somebody asks.

mod board;
mod counts;
mod last_errors;
mod rates;
mod report;
#[cfg(test)]
mod tests;
mod text;

pub use board::{Board, Sources};
pub use last_errors::{LastErrors, last_errors};
pub use report::{
    Breaker, DeadLettersShown, Flow, HealthShown, LastError, Part, PipelineShown, PluginShown, Queue, Report,
    TroubleShown,
};
pub use text::text;
