//! Everything that can stand in a request's way, and what it is in each protocol's terms: one table for both.

use std::time::Duration;

use ::http::StatusCode;

use crate::contract::Refusal;
use crate::net::Encoding;
use crate::otlp::json::JsonError;

/// A request that was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    /// Nobody who may send. The words name no secret.
    #[error("not authenticated: {reason}")]
    Unauthenticated {
        /// What was missing or wrong.
        reason: String,
        /// What `WWW-Authenticate` asks for.
        challenge: String,
    },
    /// No such path or gRPC method.
    #[error("nothing is served at {path}: {served}")]
    Path {
        /// What was asked for.
        path: String,
        /// What there is.
        served: &'static str,
    },
    /// Not a POST.
    #[error("method {method} is not allowed: send the export request with POST")]
    Method {
        /// What it was.
        method: String,
    },
    /// A body in a format that is not OTLP's.
    #[error("content type {found:?} is not supported: send {supported}")]
    ContentType {
        /// What the sender said.
        found: String,
        /// What this port takes.
        supported: &'static str,
    },
    /// A compression the host does not know.
    #[error("content encoding {found:?} is not supported: send {}", Encoding::SUPPORTED)]
    Encoding {
        /// What the sender said.
        found: String,
    },
    /// Larger than the limit, as sent or unpacked.
    #[error("the request is larger than {limit} bytes: send smaller batches or raise `{setting}`")]
    TooLarge {
        /// The limit that was passed.
        limit: usize,
        /// The setting it comes from.
        setting: &'static str,
    },
    /// The body did not arrive in time.
    #[error("the request did not arrive within {} ms (`read_timeout`)", limit.as_millis())]
    Timeout {
        /// The limit that was passed.
        limit: Duration,
    },
    /// The connection broke or the sender gave up in the middle of the body.
    #[error("the request body ended early: {0}")]
    Broken(hyper::Error),
    /// gRPC's own framing around the message is wrong.
    #[error("not a unary gRPC request: {0}")]
    Framing(&'static str),
    /// The compressed data is damaged.
    #[error("the body is not valid {encoding} data: {source}")]
    Corrupt {
        /// What the sender said it was.
        encoding: &'static str,
        /// The decoder's words.
        source: std::io::Error,
    },
    /// Not OTLP/JSON.
    #[error("not an OTLP/JSON request: {0}")]
    Json(JsonError),
    /// The host's own refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The process is ending and did not take responsibility.
    #[error("the collector is shutting down; retry after {} ms", GOING_DOWN_RETRY.as_millis())]
    GoingDown,
}

/// When senders should come back to a process that is ending: its successor may already be starting.
const GOING_DOWN_RETRY: Duration = Duration::from_secs(1);

/// Longer texts are cut: gRPC carries them in header fields, which clients bound.
const MESSAGE_BYTES_MAX: usize = 1024;

/// A status code of gRPC, of which only these are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 1
    Cancelled = 1,
    /// 3
    InvalidArgument = 3,
    /// 4
    DeadlineExceeded = 4,
    /// 8: OTLP senders retry it only when a `RetryInfo` comes with it.
    ResourceExhausted = 8,
    /// 12
    Unimplemented = 12,
    /// 13
    Internal = 13,
    /// 14: OTLP senders retry it.
    Unavailable = 14,
    /// 16
    Unauthenticated = 16,
}

impl Rejection {
    /// Every `reason` label there is.
    pub(super) const REASONS: [&'static str; 16] = [
        "unauthenticated",
        "path",
        "method",
        "content_type",
        "encoding",
        "too_large",
        "timeout",
        "broken",
        "framing",
        "compression",
        "json",
        "malformed",
        "no_pipeline",
        "declined",
        "full",
        "unavailable",
    ];

    /// The `reason` label, the HTTP status and the gRPC code.
    fn row(&self) -> (&'static str, StatusCode, Code) {
        match self {
            Rejection::Unauthenticated { .. } => ("unauthenticated", StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Rejection::Path { .. } => ("path", StatusCode::NOT_FOUND, Code::Unimplemented),
            Rejection::Method { .. } => ("method", StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
            Rejection::ContentType { .. } => {
                ("content_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument)
            }
            Rejection::Encoding { .. } => ("encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented),
            Rejection::TooLarge { .. } => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Rejection::Timeout { .. } => ("timeout", StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            Rejection::Broken(_) => ("broken", StatusCode::BAD_REQUEST, Code::Cancelled),
            Rejection::Framing(_) => ("framing", StatusCode::BAD_REQUEST, Code::Internal),
            Rejection::Corrupt { .. } => ("compression", StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Rejection::Json(_) => ("json", StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Rejection::Refused(refusal) => refusal_row(refusal),
            Rejection::GoingDown => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        }
    }

    /// The `reason` label it is counted under.
    pub(super) fn reason(&self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub(super) fn http_status(&self) -> StatusCode {
        self.row().1
    }

    /// The gRPC code.
    pub(super) fn code(&self) -> Code {
        self.row().2
    }

    /// When the sender should come back; `None` when sending again cannot help.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Rejection::Refused(refusal) => refusal.retry_after(),
            Rejection::GoingDown => Some(GOING_DOWN_RETRY),
            _ => None,
        }
    }

    /// What the sender reads.
    pub(super) fn message(&self) -> String {
        let mut message = self.to_string();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message
    }
}

fn refusal_row(refusal: &Refusal) -> (&'static str, StatusCode, Code) {
    match refusal {
        Refusal::Malformed { .. } => ("malformed", StatusCode::BAD_REQUEST, Code::InvalidArgument),
        // What the Collector answers for a signal it was not told to receive.
        Refusal::NoPipeline { .. } => ("no_pipeline", StatusCode::NOT_FOUND, Code::Unimplemented),
        Refusal::Declined { .. } => ("declined", StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Refusal::Full { .. } => ("full", StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        Refusal::Unavailable { .. } => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Duration, Refusal, Rejection};
    use crate::contract::Signal;

    #[test]
    fn refusals_map_to_what_otlp_senders_retry_or_do_not() {
        let retry_after = Duration::from_millis(1500);
        let component = "filter".to_owned();
        for (rejection, http, code, retry) in [
            (Refusal::NoPipeline { signal: Signal::Logs }.into(), 404, Code::Unimplemented, None),
            (Refusal::Malformed { offset: 3, reason: "cut" }.into(), 400, Code::InvalidArgument, None),
            (Refusal::Declined { component, message: String::new() }.into(), 400, Code::InvalidArgument, None),
            (Refusal::Full { queue: "q".into(), retry_after }.into(), 503, Code::Unavailable, Some(retry_after)),
            (
                Refusal::Unavailable { reason: "disk".into(), retry_after }.into(),
                503,
                Code::Unavailable,
                Some(retry_after),
            ),
            (Rejection::GoingDown, 503, Code::Unavailable, Some(Duration::from_secs(1))),
            (Rejection::TooLarge { limit: 1, setting: "s" }, 413, Code::ResourceExhausted, None),
        ] {
            assert_eq!(rejection.http_status().as_u16(), http, "{rejection}");
            assert_eq!(rejection.code(), code, "{rejection}");
            assert_eq!(rejection.retry_after(), retry, "{rejection}");
            assert!(Rejection::REASONS.contains(&rejection.reason()), "{rejection}");
        }
    }

    #[test]
    fn messages_are_cut_between_characters() {
        let rejection = Rejection::Path { path: "é".repeat(2000), served: "" };
        let message = rejection.message();
        assert!(message.len() <= 1024 && message.len() > 1020);
    }
}
