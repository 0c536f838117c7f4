//! Structured logs, on standard error unless told otherwise. How much is logged can be changed while they are written.

mod output;
mod sampling;

use std::io;
use std::sync::OnceLock;

use tracing_subscriber::filter::{FilterExt as _, LevelFilter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, reload};

use crate::config::{LogEncoding, LogLevel, LogSettings};
use crate::own_telemetry::LogLayer;
use crate::status::LastErrors;
use output::Lines;
use sampling::Sampling;

/// Puts another filter into the place of the one that was started with; false where that is not possible any more.
static REPLACE: OnceLock<Box<dyn Fn(EnvFilter) -> bool + Send + Sync>> = OnceLock::new();

/// Starts logging, also into what pushes the log. Later calls in one process change nothing.
///
/// # Errors
///
/// If a file that the settings name cannot be opened.
pub fn start(settings: &LogSettings, pushed: Option<LogLayer>) -> io::Result<()> {
    // RUST_LOG goes before the file, for a closer look at one part.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| from(settings.level));
    let (filter, handle) = reload::Layer::new(filter);
    let output = Lines::open(settings)?;
    let (is_for_a_terminal, sampling) = (output.is_for_a_terminal(), Sampling::new(settings.sampling));
    let lines = fmt::layer()
        .with_writer(move || output.clone())
        .with_target(false)
        // It would complain on standard error, and panic where that cannot be written or nobody reads it any more: a log on a full disk ended
        // the process.
        .log_internal_errors(false)
        .with_ansi(is_for_a_terminal);
    let lines = match settings.encoding {
        LogEncoding::Console => lines.boxed(),
        LogEncoding::Json => lines.json().flatten_event(true).boxed(),
    };
    // What failed last is remembered whatever the level is.
    let remembered = LastErrors::of_process().with_filter(LevelFilter::WARN);
    let logged = lines.and_then(pushed).with_filter(filter.and(sampling));
    if tracing_subscriber::registry().with(logged).with(remembered).try_init().is_ok() {
        let _ = REPLACE.set(Box::new(move |filter| handle.reload(filter).is_ok()));
    }
    Ok(())
}

/// Logs from this level on from now on, whatever RUST_LOG said. False where no log was started.
pub fn change(level: LogLevel) -> bool {
    let changed = REPLACE.get().is_some_and(|replace| replace(from(level)));
    if changed {
        tracing::info!("the collector logs from {level} on");
    }
    changed
}

/// What HTTP/2 says of a peer names none, and has no end: whoever serves the connection tells it once in a while.
fn from(level: LogLevel) -> EnvFilter {
    EnvFilter::new(format!("{level},h2=off"))
}
