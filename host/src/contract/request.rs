//! A request on its way into the host, which its sender can give up.
//!
//! Whoever holds the near end, a [`Submitted`], waits for the answer; dropped, it withdraws the request. The far end, a [`Request`], is taken
//! by the worker at the last moment before any plugin sees the batch. One of the two comes first: a request that was withdrawn changes nothing
//! and gives its memory and its place back at once, one that was taken counts, or is refused, whoever still listens.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use super::{Answer, Batch, Refusal, Trace};

/// The far end: what the host holds of a request until it processes it.
#[derive(Debug, Clone)]
pub struct Request(Arc<RequestCell>);

#[derive(Debug)]
struct RequestCell {
    began: Instant,
    trace: Trace,
    waiting: Mutex<Option<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
    /// Given back with the request.
    place: Option<Box<dyn Any + Send>>,
}

impl Request {
    /// Both ends of a request.
    pub fn new(batch: Batch) -> (Request, Submitted) {
        Request::traced(batch, Trace::default())
    }

    /// Both ends of a request with a trace.
    pub fn traced(batch: Batch, trace: Trace) -> (Request, Submitted) {
        let (answer, receiver) = oneshot::channel();
        let waiting = Mutex::new(Some(Waiting { batch, answer, place: None }));
        let request = Request(Arc::new(RequestCell { began: Instant::now(), trace, waiting }));
        (request.clone(), Submitted { request, answer: Some(receiver) })
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it was made: once all of it had been read.
    pub fn began(&self) -> Instant {
        self.0.began
    }

    /// What is told of its way.
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }

    /// What is dropped once the request is taken or withdrawn: its place in a queue.
    pub fn keep(&self, place: impl Any + Send) {
        if let Some(waiting) = self.waiting().as_mut() {
            waiting.place = Some(Box::new(place));
        }
    }

    /// The batch, which stays withdrawable; `None` once it was withdrawn.
    pub fn batch(&self) -> Option<Batch> {
        self.waiting().as_ref().map(|waiting| waiting.batch.clone())
    }

    /// Whether the sender has given up, so that nobody is to do anything for it.
    pub fn is_withdrawn(&self) -> bool {
        self.waiting().is_none()
    }

    /// Takes the request: it cannot be withdrawn any more. `None` where it was.
    pub fn take(&self) -> Option<(Batch, oneshot::Sender<Answer>)> {
        let Waiting { batch, answer, .. } = self.waiting().take()?;
        Some((batch, answer))
    }

    /// Answers a request that nobody has processed.
    pub fn refuse(&self, refusal: Refusal) {
        if let Some((_, answer)) = self.take() {
            // The sender may have hung up.
            let _ = answer.send(Err(refusal));
        }
    }
}

/// The near end: resolves to the answer, or to an error where the process is going down. Dropped before, it withdraws the request.
#[derive(Debug)]
pub struct Submitted {
    request: Request,
    /// `None` once it was given away.
    answer: Option<oneshot::Receiver<Answer>>,
}

impl Submitted {
    /// Gives the request up. `None` says that nothing of it counts; otherwise the host had taken it before, and this is its answer.
    pub fn withdraw(mut self) -> Option<oneshot::Receiver<Answer>> {
        let answer = self.answer.take()?;
        match self.request.take() {
            Some(_) => None,
            None => Some(answer),
        }
    }

    /// The same where the answer goes on to be waited for here: false says that the host had taken it before.
    pub fn try_withdraw(&mut self) -> bool {
        self.request.take().is_some()
    }
}

impl Future for Submitted {
    type Output = Result<Answer, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.answer.as_mut() {
            Some(answer) => Pin::new(answer).poll(context),
            None => Poll::Pending,
        }
    }
}

impl Drop for Submitted {
    fn drop(&mut self) {
        if self.answer.is_some() {
            self.request.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::contract::{Accepted, InvalidUtf8, Metadata, Signal};

    fn batch() -> Batch {
        let (signal, bytes) = (Signal::Logs, Bytes::from_static(b"request"));
        Batch { signal, bytes, items: None, invalid_utf8: InvalidUtf8::Reject, metadata: Metadata::default() }
    }

    struct Place(Arc<AtomicBool>);

    impl Drop for Place {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn kept(request: &Request) -> Arc<AtomicBool> {
        let given_back = Arc::new(AtomicBool::new(false));
        request.keep(Place(Arc::clone(&given_back)));
        given_back
    }

    #[test]
    fn a_sender_that_goes_gives_place_and_bytes_back_at_once() {
        let (request, submitted) = Request::new(batch());
        let given_back = kept(&request);
        assert!(request.batch().is_some() && !request.is_withdrawn());
        drop(submitted);
        assert!(given_back.load(Ordering::Relaxed));
        assert!(request.is_withdrawn() && request.batch().is_none() && request.take().is_none());
    }

    #[test]
    fn what_was_withdrawn_cannot_be_taken_and_what_was_taken_cannot_be_withdrawn() {
        let (request, submitted) = Request::new(batch());
        assert!(submitted.withdraw().is_none());
        assert!(request.take().is_none());
        let (request, submitted) = Request::new(batch());
        let given_back = kept(&request);
        let taken = request.take();
        assert!(given_back.load(Ordering::Relaxed), "it waits no more");
        let answer = submitted.withdraw();
        let accepted = Accepted { items: 3, ..Accepted::default() };
        assert!(taken.is_some_and(|(_, answer)| answer.send(Ok(accepted.clone())).is_ok()));
        assert_eq!(answer.and_then(|mut answer| answer.try_recv().ok()), Some(Ok(accepted)));
    }

    #[tokio::test]
    async fn a_refusal_reaches_the_sender_and_one_that_has_answered_withdraws_nothing() {
        let (request, submitted) = Request::new(batch());
        let refusal = Refusal::NoPipeline { signal: Signal::Logs };
        request.refuse(refusal.clone());
        assert_eq!(submitted.await, Ok(Err(refusal)));
    }
}
