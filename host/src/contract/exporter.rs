//! The consuming end of a lane.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Batch, BindError};

/// A component at the end of a lane. One task calls `consume`, one batch at a time and in order.
pub trait Exporter: Send + 'static {
    /// Takes one committed batch. An error costs that batch only; it is counted and logged by the lane.
    fn consume(&mut self, batch: &Batch) -> Result<Consumed, ExporterError>;

    /// Opens what the exporter listens on, if anything: called once, inside the tokio runtime, before any batch. A port
    /// already taken is found here, at start-up, and not at the first scrape.
    fn bind(&mut self) -> Result<(), BindError> {
        Ok(())
    }

    /// What serves the socket opened by `bind` until `stop` resolves. Called once, after restored state has been
    /// consumed, so that the first answer already has it.
    fn serve(&mut self, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        stop
    }

    /// Where to ask, while it runs, what it has to say of itself though it works: for the details of a health report.
    fn remarks(&self) -> Option<Remarks> {
        None
    }

    /// The endpoint to print at start-up: `http://127.0.0.1:9464/metrics`.
    fn endpoint(&self) -> Option<String> {
        None
    }
}

/// What there is to say of late; bounded.
pub type Remarks = Arc<dyn Fn() -> Vec<Remark> + Send + Sync>;

/// One thing that a component has to say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// One line.
    pub text: String,
    /// For how long it has been so.
    pub age: Duration,
}

/// Resolves when the component should stop.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How many items of a batch arrived, and how many the exporter could not represent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Items now in the exporter's hands.
    pub items: u64,
    /// Items dropped, because this exporter has no form for them or a bound was reached.
    pub dropped: u64,
    /// Why, for the ledger's `reason` label: a short constant such as `unsupported_signal`. Empty when none
    /// were, or when the exporter has put them into the ledger itself, by several reasons.
    pub reason: &'static str,
}

/// A batch an exporter could not take.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The bytes cannot be read: our own bug, since every batch was validated before.
    #[error("unreadable batch at byte {offset}: {reason}")]
    Unreadable {
        /// Offset into the batch.
        offset: usize,
        /// What was wrong there.
        reason: &'static str,
    },
    /// The exporter's output refused the write.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
