//! The one path into the host that all protocols and signals share, and what is counted on it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::body::compute;
use super::deadline::Deadline;
use super::foreign::Foreign;
use super::rejection::{Items, Rejection};
use super::told::Told;
use crate::contract::{
    Accepted, Answer, Batch, ComponentId, Ingest, InvalidUtf8, MemoryGate, MemoryHolder, MemoryPass, Metadata, Request,
    Signal, Submitted,
};
use crate::net::network;
use crate::otlp;
use crate::telemetry::{Counter, Gauge, Registry};

/// The `transport` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP.
    Http,
}

impl Transport {
    pub(super) fn name(self) -> &'static str {
        match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        }
    }
}

/// What a request of unknown length takes until its length is known.
const UNKNOWN_BYTES: usize = 64 << 10;

/// One protocol's way into the host.
#[derive(Clone)]
pub(super) struct Intake {
    ingest: Arc<dyn Ingest>,
    invalid_utf8: InvalidUtf8,
    memory: MemoryGate,
    counters: Arc<IntakeMetrics>,
}

impl Intake {
    /// A way into `ingest`, counted under the receiver's id and the transport.
    pub(super) fn new(
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

    /// What texts of requests may be.
    pub(super) fn strings(&self) -> otlp::Strings {
        self.invalid_utf8.into()
    }

    /// Lets a request in before it is read, as far as its length is known.
    pub(super) fn admit(&self, holder: &MemoryHolder, announced: Option<usize>) -> Result<MemoryPass, Rejection> {
        Ok(self.memory.admit(holder, announced.unwrap_or(UNKNOWN_BYTES) as u64)?)
    }

    /// What a connection's requests hold.
    pub(super) fn holder(&self, peer: Option<SocketAddr>) -> MemoryHolder {
        self.memory.holder(peer.map(|peer| network(peer.ip())))
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
        let sent = Sent { signal, bytes: bytes.clone(), peer };
        let batch = Batch { signal, bytes, items: None, invalid_utf8: self.invalid_utf8, metadata };
        let (request, submitted) = Request::new(batch);
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

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    /// The other end of the connection.
    pub(super) peer: Option<SocketAddr>,
    /// What its requests hold.
    pub(super) memory: MemoryHolder,
}

/// What is known of a request while the host has it.
#[derive(Clone)]
struct Sent {
    signal: Signal,
    bytes: Bytes,
    peer: Option<SocketAddr>,
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

/// What one port counts.
#[derive(Debug)]
pub(super) struct IntakeMetrics {
    accepted: [Counter; 3],
    refused: [Counter; 3],
    failed: [Counter; 3],
    refused_requests: [Counter; Rejection::REASONS.len()],
    /// Requests whose senders went before any plugin had seen them.
    withdrawn: Counter,
    /// Accepted requests that had no item of their signal.
    empty: [Counter; 3],
    rejected_connections: [Counter; Foreign::ALL.len()],
    told: Told,
    /// Which port this is.
    pub(super) transport: Transport,
    /// Connections accepted.
    pub(super) connections: Counter,
    /// Connections closed at once, because there were too many.
    pub(super) refused_connections: Counter,
    /// Connections that ended before TLS was agreed on.
    pub(super) failed_handshakes: Counter,
    /// Headers of requests that were not kept as metadata, because there were too many.
    pub(super) dropped_metadata: Counter,
    /// Connections open now.
    pub(super) open_connections: Gauge,
}

impl IntakeMetrics {
    fn new(id: &ComponentId, transport: Transport, registry: &Registry) -> Self {
        let receiver = id.to_string();
        let labels = [("receiver", receiver.as_str()), ("transport", transport.name())];
        IntakeMetrics {
            accepted: Signal::ALL.map(|signal| registry.counter(accepted_name(signal), ACCEPTED_HELP, &labels)),
            refused: Signal::ALL.map(|signal| registry.counter(refused_name(signal), REFUSED_HELP, &labels)),
            failed: Signal::ALL.map(|signal| registry.counter(failed_name(signal), FAILED_HELP, &labels)),
            rejected_connections: Foreign::ALL.map(|foreign| {
                let labels = [labels[0], labels[1], ("reason", foreign.reason())];
                registry.counter("otelier_receiver_rejected_connections", REJECTED_CONNECTIONS_HELP, &labels)
            }),
            empty: Signal::ALL.map(|signal| {
                let labels = [labels[0], labels[1], ("signal", signal.name())];
                registry.counter("otelier_receiver_empty_requests", EMPTY_HELP, &labels)
            }),
            told: Told::new(receiver.clone(), transport),
            transport,
            refused_requests: Rejection::REASONS.map(|reason| {
                let labels = [labels[0], labels[1], ("reason", reason)];
                registry.counter("otelier_receiver_refused_requests", "Requests not accepted, by reason.", &labels)
            }),
            withdrawn: registry.counter(
                "otelier_receiver_withdrawn_requests",
                "Requests whose senders went away, or ran out of time, before they were processed: nothing of them counts.",
                &labels,
            ),
            connections: registry.counter("otelier_receiver_connections", "Connections accepted.", &labels),
            refused_connections: registry.counter(
                "otelier_receiver_refused_connections",
                "Connections closed at once because max_connections were open.",
                &labels,
            ),
            failed_handshakes: registry.counter(
                "otelier_receiver_failed_tls_handshakes",
                "Connections that ended before TLS was agreed on.",
                &labels,
            ),
            dropped_metadata: registry.counter(
                "otelier_receiver_dropped_metadata",
                "Headers that were not kept as metadata, because a request had too many.",
                &labels,
            ),
            open_connections: registry.gauge("otelier_receiver_open_connections", "Connections open now.", &labels),
        }
    }

    /// Counts and tells of a request that was not accepted.
    pub(super) fn refuse(&self, rejection: &Rejection, peer: Option<SocketAddr>) {
        if let Some(counter) = rejection.place().and_then(|place| self.refused_requests.get(place)) {
            counter.add(1);
        }
        self.told.request(rejection, peer);
    }

    /// Counts and tells of a connection that ended before its first request.
    pub(super) fn reject_connection(&self, foreign: Foreign, peer: Option<SocketAddr>, error: &str) {
        if let Some(counter) = self.rejected_connections.get(foreign as usize) {
            counter.add(1);
        }
        self.told.connection(foreign, peer, error);
    }

    /// Tells that no connection can be accepted for the moment, most likely for want of file descriptors.
    pub(super) fn cannot_accept(&self, error: &std::io::Error) {
        self.told.cannot_accept(error);
    }

    /// Counts the host's answer, and puts a missing one in words.
    async fn count_answer(
        &self,
        sent: &Sent,
        answer: Result<Answer, oneshot::error::RecvError>,
    ) -> Result<Accepted, Rejection> {
        let outcome = match answer {
            Ok(answer) => answer.map_err(Rejection::from),
            Err(_) => Err(Rejection::GoingDown),
        };
        let place = sent.signal as usize;
        match &outcome {
            Ok(accepted) => {
                if accepted.items == 0 {
                    self.empty[place].add(1);
                    self.told.empty(sent.signal, sent.peer);
                }
                self.accepted[place].add(accepted.items.saturating_sub(accepted.rejected));
                self.refused[place].add(accepted.rejected);
            }
            Err(rejection) => {
                self.refuse(rejection, sent.peer);
                match rejection.items() {
                    Items::Unread => {}
                    Items::Refused => add_items(&self.refused[place], sent).await,
                    Items::Failed => add_items(&self.failed[place], sent).await,
                }
            }
        }
        outcome
    }
}

/// Counts the items of a request that nobody has counted.
async fn add_items(counter: &Counter, Sent { signal, bytes, .. }: &Sent) {
    let (signal, bytes) = (*signal, bytes.clone());
    // Uncounted only while the process ends.
    if let Ok(items) = compute(bytes.len(), move || Ok(otlp::count(signal, &bytes))).await {
        counter.add(items);
    }
}

/// The request as a sender of today writes it.
fn migrated(bytes: Bytes) -> Bytes {
    match otlp::deprecated::migrated(&bytes) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(migrated) => migrated.into(),
    }
}

const ACCEPTED_HELP: &str = "Items taken over from senders.";
const REFUSED_HELP: &str = "Items refused on their way: of refused requests, and of partial successes.";
const FAILED_HELP: &str = "Items of requests that ended without an answer because the process was ending.";
const EMPTY_HELP: &str = "Requests that were accepted and held nothing of their signal.";
const REJECTED_CONNECTIONS_HELP: &str = "Connections that never got to a request, by what stood in their way.";

fn accepted_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "otelcol_receiver_accepted_metric_points",
        Signal::Traces => "otelcol_receiver_accepted_spans",
        Signal::Logs => "otelcol_receiver_accepted_log_records",
    }
}

fn failed_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "otelcol_receiver_failed_metric_points",
        Signal::Traces => "otelcol_receiver_failed_spans",
        Signal::Logs => "otelcol_receiver_failed_log_records",
    }
}

fn refused_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "otelcol_receiver_refused_metric_points",
        Signal::Traces => "otelcol_receiver_refused_spans",
        Signal::Logs => "otelcol_receiver_refused_log_records",
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
