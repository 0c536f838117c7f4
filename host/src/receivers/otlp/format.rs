//! OTLP/HTTP: protobuf or JSON. A response is in the format of its request, as the OTLP specification has it.

use ::http::header::CONTENT_TYPE;
use ::http::request::Parts;
use ::http::{HeaderValue, Response};
use bytes::Bytes;
use http_body_util::Full;

use super::answers::{response_json, response_protobuf};
use crate::contract::{Accepted, Signal};
use crate::intake::{Conversion, HttpFormat, Reading, Rejection, StatusFormat, rejected};
use crate::net::shown;
use crate::otlp::Strings;
use crate::otlp::json::{self, JsonError};

/// Export requests of one signal.
pub(super) struct Format {
    pub(super) signal: Signal,
    /// What texts may be.
    pub(super) strings: Strings,
}

impl HttpFormat for Format {
    fn reading(&self, head: &Parts) -> Result<Reading, Rejection> {
        let Format { signal, strings } = *self;
        let conversion = match StatusFormat::of(&head.headers) {
            Some(StatusFormat::Protobuf) => None,
            // Protobuf is no longer than JSON.
            Some(StatusFormat::Json) => Some(Conversion {
                growth: 1,
                convert: Box::new(move |body, limit| {
                    json::to_protobuf(signal, &body, limit.bytes, strings).map_err(|error| match error {
                        JsonError::TooLarge => limit.passed(),
                        other => Rejection::Json(other),
                    })
                }),
            }),
            None => {
                let found = head.headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
                let supported = "application/x-protobuf or application/json";
                return Err(Rejection::ContentType { found: shown(found).into_owned(), supported });
            }
        };
        Ok(Reading { signal, conversion })
    }

    fn accepted(&self, head: &Parts, accepted: &Accepted) -> Response<Full<Bytes>> {
        let format = StatusFormat::of(&head.headers).unwrap_or(StatusFormat::Protobuf);
        format.response(match format {
            StatusFormat::Protobuf => response_protobuf(accepted),
            StatusFormat::Json => response_json(self.signal, accepted),
        })
    }

    fn rejected(&self, head: &Parts, rejection: &Rejection) -> Response<Full<Bytes>> {
        rejected(rejection, StatusFormat::of(&head.headers))
    }
}
