//! One component's way into the host, which all protocols, formats and signals share.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::body::compute;
use super::deadline::Deadline;
use super::metrics::IntakeMetrics;
use super::rejection::Rejection;
use super::transport::Transport;
use crate::contract::{
    Accepted, Batch, ComponentId, Ingest, InvalidUtf8, MemoryGate, MemoryHolder, MemoryPass, Metadata, Request, Signal,
    Submitted, Trace,
};
use crate::otlp;
use crate::telemetry::Registry;

/// What a request of unknown length takes until its length is known.
const UNKNOWN_BYTES: usize = 64 << 10;

/// The way of one component's requests into the host, through one protocol.
#[derive(Clone)]
pub struct Intake {
    ingest: Arc<dyn Ingest>,
    invalid_utf8: InvalidUtf8,
    memory: MemoryGate,
    counters: Arc<IntakeMetrics>,
}

impl Intake {
    /// A way into `ingest`, counted under the receiver's id and the transport.
    pub fn new(
        id: &ComponentId,
        transport: Transport,
        ingest: Arc<dyn Ingest>,
        invalid_utf8: InvalidUtf8,
        memory: MemoryGate,
        registry: &Registry,
    ) -> Self {
        Intake { ingest, invalid_utf8, memory, counters: Arc::new(IntakeMetrics::new(id, transport, registry)) }
    }

    /// What is counted.
    pub(super) fn counters(&self) -> &Arc<IntakeMetrics> {
        &self.counters
    }

    /// Whether any pipeline takes that signal.
    pub fn takes(&self, signal: Signal) -> bool {
        self.ingest.takes(signal)
    }

    /// What texts of requests may be.
    pub fn strings(&self) -> otlp::Strings {
        self.invalid_utf8.into()
    }

    /// Lets a request in before it is read, as far as its length is known.
    pub(super) fn admit(&self, holder: &MemoryHolder, announced: Option<usize>) -> Result<MemoryPass, Rejection> {
        Ok(self.memory.admit(holder, announced.unwrap_or(UNKNOWN_BYTES) as u64)?)
    }

    /// Hands over one request and waits for the host's answer. The outcome is counted here, even when the sender goes
    /// away and this future is dropped meanwhile: the host may have taken responsibility all the same. At the deadline the request is
    /// withdrawn; one that a plugin has seen by then may count, so it is waited for: to be told too late is better than to be told wrong.
    pub(super) async fn submit(
        &self,
        signal: Signal,
        bytes: Bytes,
        metadata: Metadata,
        peer: Option<SocketAddr>,
        deadline: Option<Deadline>,
    ) -> Result<Accepted, Rejection> {
        let bytes = match otlp::deprecated::has_libraries(&bytes) {
            true => compute(bytes.len(), move || Ok(migrated(bytes))).await?,
            false => bytes,
        };
        let metadata = metadata.sent_by(peer.map(|peer| peer.ip()));
        let batch = Batch { signal, bytes: bytes.clone(), items: None, invalid_utf8: self.invalid_utf8, metadata };
        let (request, submitted) = Request::traced(batch, self.ingest.trace());
        let sent = Sent { signal, bytes, peer, began: request.began(), trace: request.trace().clone() };
        let mut pending = Pending { submitted: Some(submitted), counters: Arc::clone(&self.counters), sent };
        self.ingest.submit(request);
        let Some(submitted) = &mut pending.submitted else {
            return Err(Rejection::GoingDown);
        };
        let answer = match deadline {
            None => submitted.await,
            Some(Deadline { limit, at }) => match tokio::time::timeout_at(at, &mut *submitted).await {
                Ok(answer) => answer,
                Err(_) if submitted.try_withdraw() => {
                    pending.submitted = None;
                    let rejection = Rejection::Deadline { limit };
                    self.counters.withdrawn.add(1);
                    self.counters.refuse(&rejection, peer);
                    return Err(rejection);
                }
                Err(_) => submitted.await,
            },
        };
        pending.submitted = None;
        self.counters.count_answer(&pending.sent, answer).await
    }
}

/// What is known of a request while the host has it.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) signal: Signal,
    pub(super) bytes: Bytes,
    pub(super) peer: Option<SocketAddr>,
    /// When all of it had been read.
    pub(super) began: Instant,
    pub(super) trace: Trace,
}

/// A request in the host's hands.
struct Pending {
    /// Taken once it has answered.
    submitted: Option<Submitted>,
    counters: Arc<IntakeMetrics>,
    sent: Sent,
}

/// The sender has gone, or its time has run out.
impl Drop for Pending {
    fn drop(&mut self) {
        let Some(submitted) = self.submitted.take() else { return };
        let Some(answer) = submitted.withdraw() else {
            self.counters.withdrawn.add(1);
            return;
        };
        // No plugin is stopped half-way: what was begun counts or not, and is counted as what it was.
        let Ok(runtime) = Handle::try_current() else { return };
        let (counters, sent) = (Arc::clone(&self.counters), self.sent.clone());
        runtime.spawn(async move {
            // Counted inside; nobody is left to be told.
            let _ = counters.count_answer(&sent, answer.await).await;
        });
    }
}

/// The request as a sender of today writes it.
fn migrated(bytes: Bytes) -> Bytes {
    match otlp::deprecated::migrated(&bytes) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(migrated) => migrated.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::{Mutex, PoisonError};
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    /// Keeps the one request it is given unanswered.
    #[derive(Default)]
    struct Silent(Mutex<Option<Request>>);

    impl Ingest for Silent {
        fn submit(&self, request: Request) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        }
    }

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn intake(host: &Arc<Silent>, registry: &Registry) -> Result<Intake, Box<dyn std::error::Error>> {
        let (id, memory) = ("otlp".parse()?, MemoryGate::default());
        Ok(Intake::new(&id, Transport::Grpc, host.clone(), InvalidUtf8::Reject, memory, registry))
    }

    /// An intake that was given a request of a sender that goes away, after `taken` has seen the request.
    fn gone(taken: impl FnOnce(&Request)) -> Result<Registry, Box<dyn std::error::Error>> {
        let (host, registry) = (Arc::new(Silent::default()), Registry::default());
        let intake = intake(&host, &registry)?;
        let mut request = Box::pin(intake.submit(Signal::Logs, Bytes::new(), Metadata::default(), None, None));
        assert!(matches!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        taken(host.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().ok_or("nothing submitted")?);
        drop(request);
        Ok(registry)
    }

    #[tokio::test]
    async fn a_request_that_nobody_has_taken_goes_with_its_sender() -> Outcome {
        let registry = gone(|request| assert!(!request.is_withdrawn()))?;
        assert_eq!(registry.total("otelier_receiver_withdrawn_requests", &[("transport", "grpc")]), 1);
        assert_eq!(registry.total("otelcol_receiver_accepted_log_records", &[("transport", "grpc")]), 0);
        Ok(())
    }

    #[tokio::test]
    async fn an_answer_is_counted_even_when_the_sender_has_gone() -> Outcome {
        let mut answer = None;
        let registry = gone(|request| answer = request.take().map(|(_, answer)| answer))?;
        let accepted = Accepted { items: 5, ..Accepted::default() };
        assert!(answer.is_some_and(|answer| answer.send(Ok(accepted)).is_ok()));
        assert_eq!(registry.total("otelier_receiver_withdrawn_requests", &[("transport", "grpc")]), 0);
        while registry.total("otelcol_receiver_accepted_log_records", &[("transport", "grpc")]) != 5 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
    /// The outcome of a request whose deadline is over after `taken` has seen it.
    async fn late(taken: impl FnOnce(&Request)) -> Result<Result<Accepted, Rejection>, Box<dyn std::error::Error>> {
        let host = Arc::new(Silent::default());
        let intake = intake(&host, &Registry::default())?;
        let deadline = Some(Deadline::after(Duration::from_millis(1)));
        let mut request = Box::pin(intake.submit(Signal::Logs, Bytes::new(), Metadata::default(), None, deadline));
        assert!(matches!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        taken(host.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().ok_or("nothing submitted")?);
        Ok(request.await)
    }

    #[tokio::test]
    async fn a_request_that_nobody_has_taken_is_refused_at_its_deadline() -> Outcome {
        assert!(matches!(late(|_| ()).await?, Err(Rejection::Deadline { .. })));
        Ok(())
    }

    #[tokio::test]
    async fn what_a_plugin_has_seen_is_answered_as_what_it_became_also_after_the_deadline() -> Outcome {
        let outcome = late(|request| {
            let answer = request.take().map(|(_, answer)| answer);
            tokio::spawn(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                answer.map(|answer| answer.send(Ok(Accepted { items: 5, ..Accepted::default() })))
            });
        });
        assert_eq!(outcome.await?.map_err(|_| "refused"), Ok(Accepted { items: 5, ..Accepted::default() }));
        Ok(())
    }
}
