//! A request body that is there as a whole: its bytes are handed to the connection as they are, never copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// One piece: what a protocol puts in front, and the message itself. Both leave in one HTTP/2 frame where the peer takes one as
/// large, so that it can use the message in place.
#[derive(Debug)]
pub struct Outgoing {
    /// Taken once it is under way.
    piece: Option<Chain<Bytes, Bytes>>,
}

impl Outgoing {
    /// A message behind a prefix, which may be empty.
    pub fn new(prefix: Bytes, message: Bytes) -> Outgoing {
        Outgoing { piece: Some(prefix.chain(message)) }
    }
}

impl Body for Outgoing {
    type Data = Chain<Bytes, Bytes>;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(self.piece.take().filter(Buf::has_remaining).map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.as_ref().is_none_or(|piece| !piece.has_remaining())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.piece.as_ref().map_or(0, |piece| piece.remaining() as u64))
    }
}
