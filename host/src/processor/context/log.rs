//! A guest's lines in the host's log: bounded, and tagged with the component they come from.

use crate::contract::ComponentId;

const LOG_LINES_MAX: u32 = 64;
const LOG_LINE_BYTES_MAX: usize = 4096;

/// How bad a guest's log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Trace.
    Trace,
    /// Debug.
    Debug,
    /// Info.
    Info,
    /// Warn.
    Warn,
    /// Error.
    Error,
}

/// What one call has written.
#[derive(Debug, Default)]
pub struct GuestLog {
    lines: u32,
}

impl GuestLog {
    /// Another call.
    pub fn begin(&mut self) {
        self.lines = 0;
    }

    /// `log.write`: what is too much of a call is left out.
    pub fn write(&mut self, component: &ComponentId, severity: Severity, message: &str) {
        self.lines = self.lines.saturating_add(1);
        if self.lines > LOG_LINES_MAX {
            return;
        }
        let cut = message.floor_char_boundary(LOG_LINE_BYTES_MAX);
        let text = message.get(..cut).unwrap_or_default();
        match severity {
            Severity::Trace => tracing::trace!(%component, "{text}"),
            Severity::Debug => tracing::debug!(%component, "{text}"),
            Severity::Info => tracing::info!(%component, "{text}"),
            Severity::Warn => tracing::warn!(%component, "{text}"),
            Severity::Error => tracing::error!(%component, "{text}"),
        }
    }
}
