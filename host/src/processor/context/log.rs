//! A guest's lines in the host's log: bounded, and tagged with the component they come from.

use crate::contract::ComponentId;
use crate::processor::secrets::Secrets;

/// Lines of one call.
const LINES_MAX: u32 = 64;
/// Bytes of one line.
const LINE_BYTES_MAX: usize = 4096;

/// How a panic's message begins, as Rust's hooks write it.
const PANICKED: &str = "panicked at ";

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

/// What a component's calls have written.
#[derive(Debug)]
pub struct GuestLog {
    component: ComponentId,
    /// What one call may write.
    bytes_max: usize,
    /// Of this call.
    lines: u32,
    bytes: usize,
    left_out: LeftOut,
    /// What a panic said, until it is known how the call ended.
    panic: Option<String>,
    /// Whether lines are thrown away; what a panic says is not.
    muted: bool,
    /// What is not to be told.
    secrets: Secrets,
}

/// What was too much of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Lines, those that were cut included.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

impl GuestLog {
    /// For one component, with so many bytes for each call; with none, nothing is written and nothing said of that.
    pub fn new(component: &ComponentId, bytes_max: usize) -> GuestLog {
        let component = component.clone();
        GuestLog {
            component,
            bytes_max,
            lines: 0,
            bytes: 0,
            left_out: LeftOut::default(),
            panic: None,
            muted: false,
            secrets: Secrets::default(),
        }
    }

    /// Throws lines away from now on, or does not any more.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// What is not to be told from now on.
    pub fn hide(&mut self, secrets: &Secrets) {
        self.secrets = secrets.clone();
    }

    /// Another call. One line says what the one before had too much.
    pub fn begin(&mut self) {
        if let Some(message) = self.panic.take() {
            self.put(Severity::Error, &message);
        }
        let LeftOut { lines, bytes } = self.end();
        if lines > 0 && self.bytes_max > 0 {
            tracing::warn!(component = %self.component, lines, bytes, "the plugin logged more in one call than `log_bytes` of the manifest, {LINES_MAX} lines or {LINE_BYTES_MAX} bytes a line allow; the rest was left out");
        }
    }

    /// Starts to count from zero and returns what was left out.
    fn end(&mut self) -> LeftOut {
        (self.lines, self.bytes) = (0, 0);
        std::mem::take(&mut self.left_out)
    }

    /// What a panic of this call said, in one line. It is told with the trap that it is the reason of, and not on its own.
    pub fn take_panic(&mut self) -> Option<String> {
        self.panic.take().map(|message| message.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// `log.write`: what is too much of a call is left out, and counted.
    pub fn write(&mut self, severity: Severity, message: &str) {
        if severity == Severity::Error && message.starts_with(PANICKED) {
            // The last one counts; a guest that writes such lines all the time is bounded like any other.
            if let Some(before) = self.panic.replace(cut(message, LINE_BYTES_MAX).to_owned()) {
                self.put(severity, &before);
            }
            return;
        }
        self.put(severity, message);
    }

    fn put(&mut self, severity: Severity, message: &str) {
        if self.muted {
            return;
        }
        // Before it is cut: a part of a secret would not be found.
        let message = self.secrets.scrub(message);
        let Some(text) = self.admit(&message) else { return };
        let component = &self.component;
        match severity {
            Severity::Trace => tracing::trace!(%component, "{text}"),
            Severity::Debug => tracing::debug!(%component, "{text}"),
            Severity::Info => tracing::info!(%component, "{text}"),
            Severity::Warn => tracing::warn!(%component, "{text}"),
            Severity::Error => tracing::error!(%component, "{text}"),
        }
    }

    /// As much of a message as there is room for; `None` where there is none.
    fn admit<'m>(&mut self, message: &'m str) -> Option<&'m str> {
        let has_line = self.lines < LINES_MAX;
        let room = if has_line { LINE_BYTES_MAX.min(self.bytes_max - self.bytes) } else { 0 };
        let text = cut(message, room);
        self.bytes += text.len();
        self.lines = self.lines.saturating_add(1);
        if !has_line || text.len() < message.len() {
            self.left_out.lines += 1;
            self.left_out.bytes += (message.len() - text.len()) as u64;
        }
        // An empty line takes no bytes, and is one of so many all the same.
        (has_line && text.is_empty() == message.is_empty()).then_some(text)
    }
}

/// As much of a text as that many bytes hold.
pub fn cut(message: &str, bytes_max: usize) -> &str {
    message.get(..message.floor_char_boundary(bytes_max)).unwrap_or_default()
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.begin();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{GuestLog, LINE_BYTES_MAX, LINES_MAX, LeftOut, Severity};

    fn log(bytes_max: usize) -> GuestLog {
        GuestLog::new(&"aggregate".parse().unwrap(), bytes_max)
    }

    #[test]
    fn a_call_has_so_many_bytes_and_the_next_again() {
        let mut log = log(10);
        for _ in 0..2 {
            assert_eq!(
                (log.admit("123456"), log.admit("ab\u{e9}de"), log.admit("x")),
                (Some("123456"), Some("ab\u{e9}"), None)
            );
            assert_eq!(log.end(), LeftOut { lines: 2, bytes: 3 });
        }
        assert_eq!(log.end(), LeftOut::default());
    }

    #[test]
    fn what_a_panic_said_is_told_with_its_trap() {
        let mut log = log(1000);
        log.write(Severity::Error, "panicked at src/lib.rs:3:5:\nrow 7 has   no name");
        assert_eq!(log.take_panic().unwrap(), "panicked at src/lib.rs:3:5: row 7 has no name");
        log.write(Severity::Error, "panicked at a");
        log.begin();
        assert_eq!(log.take_panic(), None, "a call that went on after it is not the reason of a later trap");
    }

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let mut log = log(usize::MAX);
        assert_eq!(log.admit(&"x".repeat(1 << 30)).map(str::len), Some(LINE_BYTES_MAX));
        let rest = (1 << 30) - LINE_BYTES_MAX as u64;
        for _ in 2..LINES_MAX {
            assert_eq!(log.admit("line"), Some("line"));
        }
        assert_eq!((log.admit(""), log.admit(""), log.admit("line")), (Some(""), None, None));
        assert_eq!(log.end(), LeftOut { lines: 3, bytes: rest + 4 });
    }
}
