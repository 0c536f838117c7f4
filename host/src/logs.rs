//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogEncoding, LogLevel, LogSettings};

/// Starts logging. Later calls in one process change nothing.
pub fn start(settings: &LogSettings) {
    let level = match settings.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    // RUST_LOG goes before the file, for a closer look at one part. What HTTP/2 says of a peer names none, and has no end: whoever serves the
    // connection tells it once in a while.
    let usual = || EnvFilter::new(format!("{level},h2=off"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| usual());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // It would complain on standard error, and panic where that cannot be written or nobody reads it any more: a log on a full disk ended
        // the process.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let _already_started = match settings.encoding {
        LogEncoding::Console => builder.try_init(),
        LogEncoding::Json => builder.json().flatten_event(true).try_init(),
    };
}
