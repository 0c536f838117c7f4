//! Everything that can stand in a request's way, and what it is in each protocol's terms: one table for both.

use std::time::Duration;

use ::http::StatusCode;

use crate::contract::{Code, Refusal};
use crate::net::Encoding;
use crate::otlp::json::JsonError;

/// A request that was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
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
        served: String,
    },
    /// Not a POST.
    #[error("method {method} is not allowed: send the export request with POST")]
    Method {
        /// What it was.
        method: String,
    },
    /// HTTP/1.1 without exactly one good `Host` (RFC 9112, section 3.2).
    #[error("{0}: RFC 9112 asks for exactly one, `Host: name` or `Host: name:port`")]
    Host(&'static str),
    /// More metadata than is read.
    #[error("the request has {bytes} bytes of metadata, more than {METADATA_BYTES_MAX}: send less")]
    Metadata {
        /// Names, values, and 32 for each, as HTTP/2 counts them.
        bytes: usize,
    },
    /// A `grpc-timeout` that is none.
    #[error("grpc-timeout {found:?} is not up to eight digits and one of H, M, S, m, u, n")]
    TimeoutForm {
        /// What the sender said.
        found: String,
    },
    /// The sender's own time has run out.
    #[error("the time of the call (grpc-timeout) has run out after {} ms", limit.as_millis())]
    Deadline {
        /// What the sender gave.
        limit: Duration,
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

/// Metadata of a gRPC call that is accepted, as HTTP/2 counts it (RFC 9113, section 6.5.2).
pub(super) const METADATA_BYTES_MAX: usize = 64 << 10;

/// Longer texts are cut: gRPC carries them in header fields, which clients bound.
const MESSAGE_BYTES_MAX: usize = 1024;

impl Rejection {
    /// Every `reason` label there is.
    pub(super) const REASONS: [&'static str; 22] = [
        "unauthenticated",
        "path",
        "method",
        "host",
        "metadata",
        "timeout_form",
        "deadline",
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
        "memory",
        "unavailable",
        "undelivered",
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
            Rejection::Host(_) => ("host", StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Rejection::Metadata { .. } => {
                ("metadata", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Code::ResourceExhausted)
            }
            Rejection::TimeoutForm { .. } => ("timeout_form", StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Rejection::Deadline { .. } => ("deadline", StatusCode::SERVICE_UNAVAILABLE, Code::DeadlineExceeded),
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
    pub fn http_status(&self) -> StatusCode {
        self.row().1
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        self.row().2
    }

    /// The place of its reason among [`Rejection::REASONS`].
    pub(super) fn place(&self) -> Option<usize> {
        let reason = self.reason();
        Rejection::REASONS.iter().position(|known| *known == reason)
    }

    /// How its items are counted, where it has any. As in the Collector, a request that is turned away before it is read, or that
    /// cannot be read, has none.
    pub(super) fn items(&self) -> Items {
        match self {
            Rejection::Refused(Refusal::Malformed { .. }) => Items::Unread,
            Rejection::Refused(_) => Items::Refused,
            Rejection::GoingDown => Items::Failed,
            _ => Items::Unread,
        }
    }

    /// What whoever runs the collector or the sender can do about it, where the text does not say.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Rejection::Unauthenticated { .. } => "compare the sender's credentials with the `auth` of this receiver",
            Rejection::Path { .. } | Rejection::Method { .. } => "correct the sender's endpoint",
            Rejection::Host(_) | Rejection::TimeoutForm { .. } => "the sender's HTTP library is at fault",
            Rejection::Metadata { .. } => "send fewer or shorter headers",
            Rejection::Deadline { .. } => "raise the sender's timeout, or see what holds requests up here",
            Rejection::ContentType { .. } | Rejection::Encoding { .. } => "set the sender to a form that is supported",
            Rejection::TooLarge { .. } => "send smaller batches or raise the limit",
            Rejection::Timeout { .. } => "look at the network between, or raise `read_timeout`",
            Rejection::Broken(_) => "compare the sender's timeout with how long its requests take",
            Rejection::Framing(_) => "only unary gRPC calls are served here",
            Rejection::Corrupt { .. } => "what packs the sender's data is at fault",
            Rejection::Json(_) => "compare what is sent with OTLP's JSON encoding",
            Rejection::Refused(refusal) => refusal_remedy(refusal),
            Rejection::GoingDown => "senders come back by themselves",
        }
    }

    /// When the sender should come back; `None` when sending again cannot help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Rejection::Refused(refusal) => refusal.retry_after(),
            Rejection::GoingDown => Some(GOING_DOWN_RETRY),
            _ => None,
        }
    }

    /// What the sender reads.
    pub fn message(&self) -> String {
        let mut message = self.to_string();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message
    }
}

/// What the items of a request that was not accepted are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    /// Nobody has read them.
    Unread,
    /// Refused on their way.
    Refused,
    /// Lost by a failure of this process.
    Failed,
}

fn refusal_remedy(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed { .. } => "the sender does not write OTLP; for texts that are not UTF-8 see `invalid_utf8`",
        Refusal::NoPipeline { .. } => "add the pipeline, or switch the signal off in the sender",
        Refusal::Declined { .. } => "see what the plugin accepts",
        Refusal::Full { .. } => "see why the destination is slow, or give the exporter a larger `sending_queue`",
        Refusal::Exhausted { .. } => {
            "send fewer or smaller requests at a time, or raise `service.receivers.memory_bytes_max`"
        }
        Refusal::Unavailable { .. } | Refusal::Down { .. } => "see the errors before this line",
        Refusal::Undelivered { .. } => "see why the destination did not take it",
    }
}

fn refusal_row(refusal: &Refusal) -> (&'static str, StatusCode, Code) {
    match refusal {
        Refusal::Malformed { .. } => ("malformed", StatusCode::BAD_REQUEST, Code::InvalidArgument),
        // What the Collector answers for a signal it was not told to receive.
        Refusal::NoPipeline { .. } => ("no_pipeline", StatusCode::NOT_FOUND, Code::Unimplemented),
        Refusal::Declined { .. } => ("declined", StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Refusal::Full { .. } => ("full", StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        Refusal::Exhausted { .. } => ("memory", StatusCode::SERVICE_UNAVAILABLE, Code::ResourceExhausted),
        Refusal::Unavailable { .. } | Refusal::Down { .. } => {
            ("unavailable", StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable)
        }
        Refusal::Undelivered { code, .. } => ("undelivered", http_status(*code), *code),
    }
}

/// What a destination's status is over HTTP: the Collector's table (`receiver/otlpreceiver/internal/errors`).
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => StatusCode::SERVICE_UNAVAILABLE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unimplemented => StatusCode::NOT_FOUND,
        Code::Unknown | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Duration, Refusal, Rejection, http_status};
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
                Refusal::Exhausted { reason: "memory".into(), retry_after }.into(),
                503,
                Code::ResourceExhausted,
                Some(retry_after),
            ),
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

    /// The Collector's table, code by code.
    #[test]
    fn a_destinations_status_is_told_over_http_as_the_collector_does() {
        let statuses = Code::ALL.map(|code| http_status(code).as_u16());
        assert_eq!(statuses, [503, 500, 400, 503, 500, 500, 403, 429, 500, 503, 503, 404, 500, 503, 503, 401]);
    }

    #[test]
    fn messages_are_cut_between_characters() {
        let rejection = Rejection::Path { path: "é".repeat(2000), served: String::new() };
        let message = rejection.message();
        assert!(message.len() <= 1024 && message.len() > 1020);
    }
}
