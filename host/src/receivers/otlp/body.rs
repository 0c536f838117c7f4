//! Gathering a request's body within its limits of size and time, with as few copies as possible.
//!
//! A body that arrives in one piece is handed on as it is; one in several pieces is copied once, into a buffer that
//! starts at what the sender announced, but never above [`UPFRONT_BYTES_MAX`]: five bytes must not cost 64 MiB.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use super::rejection::Rejection;
use crate::contract::MemoryPass;
use crate::net::{Encoding, UnpackError};

/// What is reserved on a sender's word alone.
const UPFRONT_BYTES_MAX: usize = 1 << 20;

/// A piece up to this size is copied rather than kept: it would keep the connection's whole read buffer alive.
const SMALL_BYTES_MAX: usize = 16 << 10;

/// Packed bodies and JSON above this size are unpacked away from the threads that do I/O.
const INLINE_BYTES_MAX: usize = 16 << 10;

/// How large a body may be, and which setting says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeLimit {
    /// As sent, and again unpacked.
    pub(super) bytes: usize,
    /// For the error text.
    pub(super) setting: &'static str,
}

impl SizeLimit {
    /// The rejection of a body beyond it.
    pub(super) fn passed(self) -> Rejection {
        Rejection::TooLarge { limit: self.bytes, setting: self.setting }
    }
}

/// The whole body. `announced` looks at its first piece and says how long the whole will be, if it can tell; an error of
/// its ends the request there, and so does a length for which there is no memory.
pub(super) async fn gather<B, F>(
    body: B,
    limit: usize,
    too_large: SizeLimit,
    memory: &mut MemoryPass,
    announced: F,
) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
    F: FnOnce(&[u8]) -> Result<Option<usize>, Rejection>,
{
    let mut body = body;
    let Some(first) = next_piece(&mut body).await? else {
        return Ok(Bytes::new());
    };
    let expected = announced(&first)?.unwrap_or(0);
    if expected > limit || first.len() > limit {
        return Err(too_large.passed());
    }
    memory.claim(expected as u64)?;
    memory.holds(first.len() as u64);
    let Some(second) = next_piece(&mut body).await? else {
        return Ok(kept(first));
    };
    let mut whole = BytesMut::with_capacity(expected.min(UPFRONT_BYTES_MAX).max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    // The read buffer behind a piece can be used again only once the piece is gone.
    drop(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if bytes.len() > limit - whole.len() {
            return Err(too_large.passed());
        }
        whole.extend_from_slice(&bytes);
        memory.holds(whole.len() as u64);
        drop(bytes);
        piece = next_piece(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// The next piece that is not empty; `None` at the end. Trailers mean nothing to OTLP.
async fn next_piece<B>(body: &mut B) -> Result<Option<Bytes>, Rejection>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        match frame.map_err(Rejection::Broken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {}
        }
    }
    Ok(None)
}

fn kept(piece: Bytes) -> Bytes {
    if piece.len() <= SMALL_BYTES_MAX { Bytes::copy_from_slice(&piece) } else { piece }
}

/// `work`, or a rejection when it takes longer than `limit`.
pub(super) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Rejection>>,
) -> Result<T, Rejection> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Rejection::Timeout { limit }),
    }
}

/// The unpacked body.
pub(super) fn unpack(encoding: Encoding, packed: Bytes, limit: SizeLimit) -> Result<Bytes, Rejection> {
    encoding.unpack(packed, limit.bytes).map_err(|error| match error {
        UnpackError::TooLarge => limit.passed(),
        UnpackError::Corrupt(source) => Rejection::Corrupt { encoding: encoding.name(), source },
    })
}

/// Runs `work`, which takes time in proportion to `bytes`, where it holds up nobody's I/O.
pub(super) async fn compute<T, F>(bytes: usize, work: F) -> Result<T, Rejection>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Rejection> + Send + 'static,
{
    if bytes <= INLINE_BYTES_MAX {
        return work();
    }
    // It fails to join only when the runtime is being shut down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Rejection::GoingDown))
}
