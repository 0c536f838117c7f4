//! The far end of a lane that pushes: a client that makes one attempt at a time.
//!
//! A client knows its protocol and nothing else. When an attempt is made, how often, what is kept meanwhile and what becomes of
//! what cannot be delivered is the lane's business, which is why every outcome has a class that the lane can act on.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Batch, Code};

/// What sends batches to one destination. Several attempts may be under way at once.
pub trait Client: Send + Sync + 'static {
    /// Called once, before the first attempt: for what is to happen without one.
    fn begin(&self) {}

    /// Makes one attempt. The lane bounds it in time by dropping the future, which must leave the client usable.
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>>;

    /// Where it sends to, for logs and the banner: `grpc://collector:4317`.
    fn destination(&self) -> String;

    /// Host and port of the destination, for the labels of metrics; `None` where there are several.
    fn server(&self) -> Option<(String, u16)> {
        None
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has taken the batch.
    Delivered,
    /// It has taken the batch apart from some items, which must not be sent again (OTLP, partial success).
    Partial {
        /// Items it refused for good.
        rejected: u64,
        /// Its words.
        message: String,
    },
    /// It has not, or nobody knows.
    Failed(Failure),
}

/// An attempt without a positive answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What the lane acts on.
    pub class: FailureClass,
    /// For a person: status and words of the destination, or the error of the connection.
    pub reason: String,
    /// How long the destination asks to be left alone: gRPC's RetryInfo, HTTP's Retry-After.
    pub retry_after: Option<Duration>,
    /// What the destination answered, in gRPC's terms; `None` where no answer came.
    pub answered: Option<Code>,
}

impl Failure {
    /// What a sender is told that waits for the destination's answer.
    pub fn code(&self) -> Code {
        self.answered.unwrap_or(match self.class {
            FailureClass::Timeout => Code::DeadlineExceeded,
            // Nobody was asked: the batch cannot be sent at all.
            FailureClass::Permanent => Code::Internal,
            FailureClass::Unreachable | FailureClass::Broken | FailureClass::Unavailable | FailureClass::Throttled => {
                Code::Unavailable
            }
        })
    }
}

/// Kinds of failure, by what can be done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// No connection: the batch has not arrived.
    Unreachable,
    /// A connection that broke, or what came over it was no answer: nobody knows whether the batch arrived.
    Broken,
    /// No answer in time: the same.
    Timeout,
    /// The destination is there and cannot take it now.
    Unavailable,
    /// It can take it later, and said when.
    Throttled,
    /// It will never take it.
    Permanent,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [FailureClass; 6] = [
        FailureClass::Unreachable,
        FailureClass::Broken,
        FailureClass::Timeout,
        FailureClass::Unavailable,
        FailureClass::Throttled,
        FailureClass::Permanent,
    ];

    /// For a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            FailureClass::Unreachable => "unreachable",
            FailureClass::Broken => "broken",
            FailureClass::Timeout => "timeout",
            FailureClass::Unavailable => "unavailable",
            FailureClass::Throttled => "throttled",
            FailureClass::Permanent => "permanent",
        }
    }

    /// Whether the batch may have arrived all the same.
    pub fn is_uncertain(self) -> bool {
        matches!(self, FailureClass::Broken | FailureClass::Timeout)
    }

    /// Whether the same batch may be sent again.
    pub fn is_retryable(self) -> bool {
        self != FailureClass::Permanent
    }
}
