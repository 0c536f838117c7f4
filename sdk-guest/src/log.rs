//! Lines in the host's log.

use crate::{Host, Severity};

/// Writes to the host's log, tagged there with the component id. At most 64 lines a call.
pub struct Log<'c> {
    pub(crate) host: &'c mut dyn Host,
}

impl Log<'_> {
    /// Of interest while looking for a defect.
    pub fn debug(&mut self, message: &str) {
        self.host.log_write(Severity::Debug, message);
    }

    /// Normal and worth knowing.
    pub fn info(&mut self, message: &str) {
        self.host.log_write(Severity::Info, message);
    }

    /// Somebody should look at this.
    pub fn warn(&mut self, message: &str) {
        self.host.log_write(Severity::Warn, message);
    }

    /// Something is lost or refused.
    pub fn error(&mut self, message: &str) {
        self.host.log_write(Severity::Error, message);
    }
}
