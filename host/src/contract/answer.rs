//! How a receiver hands over a request and what it is told.

use std::time::Duration;

use super::{Code, Request, Signal, Trace};

/// Where receivers put requests. The implementation owns validation, the trip and the commit.
pub trait Ingest: Send + Sync + 'static {
    /// Takes one request, which is answered once it is where its pipelines' `durability` says it must be, or with why it was refused;
    /// it is dropped unanswered only when the process is going down. Until a plugin sees it, its sender can withdraw it.
    fn submit(&self, request: Request);

    /// The trace of the next request, if that has one.
    fn trace(&self) -> Trace {
        Trace::default()
    }

    /// Whether any pipeline takes requests of this signal.
    fn takes(&self, signal: Signal) -> bool {
        let _ = signal;
        true
    }
}

/// The outcome of one request.
pub type Answer = Result<Accepted, Refusal>;

/// A request the host has taken responsibility for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Items in the request: metric points, spans or log records.
    pub items: u64,
    /// Items of those refused for good; with `rejected_reason`, an OTLP partial success.
    pub rejected: u64,
    /// Why `rejected` items were refused, for the sender to read. Empty when none were.
    pub rejected_reason: String,
}

/// Why a whole request was refused. Nothing of it has changed any state.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not an OTLP request; sending them again cannot help.
    #[error("malformed request at byte {offset}: {reason}")]
    Malformed {
        /// Offset into the decompressed protobuf message.
        offset: usize,
        /// What was wrong there.
        reason: &'static str,
    },
    /// A queue on the way is full; the sender should come back.
    #[error("{queue} is full; retry after {} ms", retry_after.as_millis())]
    Full {
        /// Which queue.
        queue: String,
        /// When room is expected.
        retry_after: Duration,
    },
    /// Requests under way hold as much memory as they may; the sender should come back.
    #[error("{reason}; retry after {} ms", retry_after.as_millis())]
    Exhausted {
        /// Whose, and which bound.
        reason: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The state could not be written, or a part of the host is not there yet; the sender should come back.
    #[error("{reason}; retry after {} ms", retry_after.as_millis())]
    Unavailable {
        /// What stands in the way, specific enough for an operator.
        reason: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// A plugin broke on the request, or is left alone after it broke; the sender should come back.
    #[error("processor {component} is unavailable; retry after {} ms", retry_after.as_millis())]
    Down {
        /// The component id from the configuration.
        component: String,
        /// What happened, with the plugin's own words. For the log, health and whoever looks after the host: no sender is told.
        details: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The receiver stands in no pipeline of that signal; sending again cannot help.
    #[error("no pipeline takes {signal} from this receiver; add one under `service.pipelines`")]
    NoPipeline {
        /// What was sent.
        signal: Signal,
    },
    /// The destination that the sender waits for did not take it.
    #[error("exporter {exporter}: {reason}{}", when(*.retry_after))]
    Undelivered {
        /// The exporter's id.
        exporter: String,
        /// Status and words of the destination, or the error of the connection.
        reason: String,
        /// What it answered, in gRPC's terms.
        code: Code,
        /// When to come back; `None` when sending again cannot help.
        retry_after: Option<Duration>,
    },
    /// A plugin declined the batch for good.
    #[error("processor {component}: {message}")]
    Declined {
        /// The component id from the configuration.
        component: String,
        /// The plugin's own words.
        message: String,
    },
}

impl Refusal {
    /// When the sender should come back; `None` when sending again cannot help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Full { retry_after, .. }
            | Refusal::Exhausted { retry_after, .. }
            | Refusal::Unavailable { retry_after, .. }
            | Refusal::Down { retry_after, .. } => Some(*retry_after),
            Refusal::Undelivered { retry_after, .. } => *retry_after,
            Refusal::Malformed { .. } | Refusal::NoPipeline { .. } | Refusal::Declined { .. } => None,
        }
    }
}

/// The end of a text that says when to come back.
fn when(retry_after: Option<Duration>) -> String {
    retry_after.map(|delay| format!("; retry after {} ms", delay.as_millis())).unwrap_or_default()
}
