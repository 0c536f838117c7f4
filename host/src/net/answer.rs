//! What comes back, read within a bound.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// An answer is read so far and no further: whatever a destination has to say to a sender is shorter.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP's own.
    pub status: StatusCode,
    /// Before the body.
    pub headers: HeaderMap,
    /// At most [`ANSWER_BYTES_MAX`] bytes.
    pub body: Bytes,
    /// Behind the body: where gRPC says how it went.
    pub trailers: HeaderMap,
    /// Whether there was more than was read.
    pub is_cut: bool,
}

impl Answer {
    /// Reads a response to its end or to the bound.
    pub(super) async fn read(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut trailers, mut is_cut) = (Vec::new(), HeaderMap::new(), false);
        while let Some(frame) = incoming.frame().await {
            let frame = frame?;
            match frame.into_data() {
                Ok(data) => {
                    let room = ANSWER_BYTES_MAX - body.len();
                    body.extend_from_slice(data.get(..room).unwrap_or(&data));
                    is_cut = data.len() > room;
                }
                Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
            }
            if is_cut {
                break;
            }
        }
        Ok(Answer { status: head.status, headers: head.headers, body: body.into(), trailers, is_cut })
    }
}
