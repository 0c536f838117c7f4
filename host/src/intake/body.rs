//! Gathering a request's body within its limits of size and time, with as few copies as possible.
//!
//! A body that arrives in one piece is handed on as it is; one in several pieces is copied into a buffer that grows with what has arrived, by
//! so much at a time that little is copied twice: five bytes must not cost 64 MiB, whatever they announce.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::rejection::Rejection;
use crate::contract::MemoryPass;
use crate::net::{Encoding, UnpackError};

/// A buffer that has to grow gets so many times what has arrived, as far as the sender has announced it.
const GROWTH: usize = 4;

/// A piece up to this size is copied rather than kept: it would keep the connection's whole read buffer alive.
const SMALL_BYTES_MAX: usize = 16 << 10;

/// Packed bodies and JSON above this size are unpacked away from the threads that do I/O.
const INLINE_BYTES_MAX: usize = 16 << 10;

/// And smaller ones that unpack to more than this.
const INLINE_UNPACKED_BYTES_MAX: usize = 256 << 10;

/// How many bodies are unpacked or transcoded at a time: as many as there are cores. Each may take a decoder's window beside what is counted.
static COMPUTING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// How large a body may be, and which setting says so.
#[derive(Debug, Clone, Copy)]
pub struct SizeLimit {
    /// As sent, and again unpacked.
    pub bytes: usize,
    /// For the error text.
    pub setting: &'static str,
}

impl SizeLimit {
    /// The rejection of a body beyond it.
    pub fn passed(self) -> Rejection {
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
    memory.has_room_for(expected as u64)?;
    memory.holds(first.len() as u64)?;
    let Some(second) = next_piece(&mut body).await? else {
        return Ok(kept(first));
    };
    let mut whole = BytesMut::new();
    append(&mut whole, &first, expected, memory)?;
    // The read buffer behind a piece can be used again only once the piece is gone.
    drop(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if bytes.len() > limit - whole.len() {
            return Err(too_large.passed());
        }
        append(&mut whole, &bytes, expected, memory)?;
        drop(bytes);
        piece = next_piece(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// Copies a piece behind what has arrived before, of an expected length in all.
fn append(whole: &mut BytesMut, piece: &[u8], expected: usize, memory: &mut MemoryPass) -> Result<(), Rejection> {
    let needed = whole.len() + piece.len();
    if needed > whole.capacity() {
        let capacity = expected.min(needed.saturating_mul(GROWTH)).max(needed);
        memory.holds(capacity as u64)?;
        whole.reserve(capacity - whole.len());
    }
    whole.extend_from_slice(piece);
    Ok(())
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

/// The unpacked body and the memory it takes. What takes long does not hold up anybody's I/O.
pub(super) async fn unpacked(
    encoding: Encoding,
    packed: Bytes,
    limit: SizeLimit,
    mut memory: MemoryPass,
) -> Result<(Bytes, MemoryPass), Rejection> {
    if encoding == Encoding::Identity {
        return if packed.len() > limit.bytes { Err(limit.passed()) } else { Ok((packed, memory)) };
    }
    if packed.len() <= INLINE_BYTES_MAX {
        let small = SizeLimit { bytes: limit.bytes.min(INLINE_UNPACKED_BYTES_MAX), ..limit };
        match unpack(encoding, packed.clone(), small, &mut memory) {
            Err(Rejection::TooLarge { .. }) if small.bytes < limit.bytes => {}
            unpacked => return Ok((unpacked?, memory)),
        }
    }
    let unpack = move || Ok((unpack(encoding, packed, limit, &mut memory)?, memory));
    elsewhere(unpack).await
}

fn unpack(encoding: Encoding, packed: Bytes, limit: SizeLimit, memory: &mut MemoryPass) -> Result<Bytes, Rejection> {
    let (sent, mut refused) = (packed.len() as u64, None);
    let mut has_room = |bytes: usize| {
        refused = memory.holds(sent + bytes as u64).err();
        refused.is_none()
    };
    let unpacked = encoding.unpack(packed, limit.bytes, &mut has_room).map_err(|error| match error {
        UnpackError::TooLarge | UnpackError::NoRoom => limit.passed(),
        UnpackError::Corrupt(source) => Rejection::Corrupt { encoding: encoding.name(), source },
    });
    match refused {
        Some(refusal) => Err(refusal.into()),
        None => unpacked.inspect(|unpacked| memory.keeps(unpacked.len() as u64)),
    }
}

/// Runs `work`, which takes time in proportion to `bytes`, where it holds up nobody's I/O.
pub(super) async fn compute<T, F>(bytes: usize, work: F) -> Result<T, Rejection>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Rejection> + Send + 'static,
{
    if bytes <= INLINE_UNPACKED_BYTES_MAX { work() } else { elsewhere(work).await }
}

/// Runs `work` on a thread that does no I/O, when its turn has come.
async fn elsewhere<T, F>(work: F) -> Result<T, Rejection>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Rejection> + Send + 'static,
{
    // Closed never.
    let turn = COMPUTING.acquire().await.map_err(|_| Rejection::GoingDown)?;
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    // It fails to join only when the runtime is being shut down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Rejection::GoingDown))
}
