//! What a call is answered with: a message and its status, a status alone, or what a service in generated code streams.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::Response;
use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::watch;

use super::super::rejection::Rejection;
use super::super::serve::{Busy, stopped};
use super::super::status::{base64, percent_encode, status_protobuf};
use super::CONTENT_TYPE_GRPC;
use super::framing::PREFIX_BYTES;
use crate::contract::{Code, MemoryPass};
use crate::net::Encoding;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// A response body.
pub(super) enum Reply {
    /// At most one piece, then trailers.
    Whole { data: Option<Bytes>, trailers: Option<HeaderMap> },
    /// What a service in generated code says, for as long as it likes and the port is open.
    Streaming(Box<Streaming>),
}

/// An answer that may go on for long.
pub(super) struct Streaming {
    body: tonic::body::Body,
    /// Its connection is not idle, and its memory is taken, until it ends.
    _held: (Busy, MemoryPass),
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

impl Reply {
    /// One message, and that all is well.
    pub(super) fn succeeded(message: &[u8]) -> Response<Reply> {
        let data = if message.is_empty() {
            Bytes::from_static(&[0; PREFIX_BYTES])
        } else {
            // Some hundred bytes: the reason is the host's own words.
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            [&[0], &length.to_be_bytes()[..], message].concat().into()
        };
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        let mut response = Response::new(Reply::Whole { data: Some(data), trailers: Some(trailers) });
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_GRPC));
        response
    }

    /// What a service answers. It ends, as unavailable, when the port is to stop.
    pub(super) fn streaming(
        body: tonic::body::Body,
        held: (Busy, MemoryPass),
        mut stop: watch::Receiver<bool>,
    ) -> Reply {
        let stop = Box::pin(async move { stopped(&mut stop).await });
        Reply::Streaming(Box::new(Streaming { body, _held: held, stop, is_over: false }))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        match self.get_mut() {
            Reply::Whole { data, trailers } => {
                let data = data.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Reply::Streaming(streaming) => streaming.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Reply::Whole { data, trailers } => data.is_none() && trailers.is_none(),
            Reply::Streaming(streaming) => streaming.is_over || streaming.body.is_end_stream(),
        }
    }
}

impl Streaming {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => {}
            polled => return polled,
        }
        match self.stop.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.is_over = true;
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(GRPC_STATUS, HeaderValue::from(Code::Unavailable as u32));
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }
}

/// A response that is nothing but its status.
pub(super) fn rejected(rejection: &Rejection) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole { data: None, trailers: None });
    if matches!(rejection, Rejection::ContentType { .. } | Rejection::Method { .. }) {
        // Not a gRPC client: HTTP's own statuses are all it may understand.
        *response.status_mut() = rejection.http_status();
    }
    let (code, message) = (rejection.code(), rejection.message());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_GRPC));
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u32));
    if let Ok(text) = HeaderValue::try_from(percent_encode(&message)) {
        headers.insert(GRPC_MESSAGE, text);
    }
    let details = rejection.retry_after().map(|delay| status_protobuf(code, &message, Some(delay)));
    if let Some(Ok(details)) = details.map(|details| HeaderValue::try_from(base64(&details))) {
        headers.insert(GRPC_DETAILS, details);
    }
    if let Rejection::Encoding { .. } = rejection {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(Encoding::SUPPORTED));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::super::body::SizeLimit;
    use super::*;

    #[test]
    fn a_retryable_rejection_says_when_in_its_details() {
        let headers = rejected(&Rejection::GoingDown).into_parts().0.headers;
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(text(GRPC_STATUS), Some("14"));
        assert_eq!(text(GRPC_MESSAGE), Some("the collector is shutting down; retry after 1000 ms"));
        assert!(text(GRPC_DETAILS).is_some());
        let limit = SizeLimit { bytes: 10, setting: "max_recv_msg_size_mib" };
        let headers = rejected(&limit.passed()).into_parts().0.headers;
        assert_eq!(headers.get(GRPC_STATUS).map(HeaderValue::as_bytes), Some(&b"8"[..]));
        assert!(!headers.contains_key(GRPC_DETAILS));
    }
}
