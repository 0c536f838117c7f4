//! What a receiver brings to a path over HTTP: how its bodies become OTLP, and how its answers look.

use std::sync::Arc;

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;
use http_body_util::Full;

pub use super::super::body::SizeLimit;
use super::super::rejection::Rejection;
use super::super::submit::Intake;
use crate::contract::{Accepted, Signal};

/// The format of requests to a path.
pub trait HttpFormat: Send + Sync + 'static {
    /// How a request with this head is read. What the head alone can tell is refused here, before the body is read.
    fn reading(&self, head: &Parts) -> Result<Reading, Rejection>;

    /// What a sender is told whose request was taken over.
    fn accepted(&self, head: &Parts, accepted: &Accepted) -> Response<Full<Bytes>>;

    /// What a sender is told whose request was not.
    fn rejected(&self, head: &Parts, rejection: &Rejection) -> Response<Full<Bytes>>;
}

/// How a body is read.
pub struct Reading {
    /// What it holds.
    pub signal: Signal,
    /// How it becomes an OTLP request in protobuf; `None` where it is one.
    pub conversion: Option<Conversion>,
}

/// Turns a body into an OTLP request in protobuf.
pub struct Conversion {
    /// What it takes at most, in bytes for each of the unpacked body's, while both are there.
    pub growth: u64,
    /// Converts a body, to at most so many bytes. It takes time in proportion to the body, and runs where it holds up nobody's I/O.
    pub convert: Box<dyn FnOnce(Bytes, SizeLimit) -> Result<Bytes, Rejection> + Send>,
}

/// A path that is served.
#[derive(Clone)]
pub struct HttpPath {
    /// As in a request's target, without a query: `/v1/traces`.
    pub path: String,
    /// Whose it is.
    pub intake: Intake,
    /// What is sent there.
    pub format: Arc<dyn HttpFormat>,
}
