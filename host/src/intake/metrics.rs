//! What is counted of requests and connections.

use std::net::SocketAddr;

use tokio::sync::oneshot;

use super::body::compute;
use super::foreign::Foreign;
use super::rejection::{Items, Rejection};
use super::submit::Sent;
use super::told::Told;
use super::transport::Transport;
use crate::contract::{Accepted, Answer, ComponentId, RECEIVE, Signal, SpanEnd};
use crate::otlp;
use crate::telemetry::{Counter, Gauge, Histogram, Registry};

/// Requests that were not accepted, by reason.
#[derive(Debug)]
struct RefusedRequests {
    counters: [Counter; Rejection::REASONS.len()],
}

impl RefusedRequests {
    fn new(labels: [(&str, &str); 2], registry: &Registry) -> Self {
        let counters = Rejection::REASONS.map(|reason| {
            let labels = [labels[0], labels[1], ("reason", reason)];
            registry.counter("otelier_receiver_refused_requests", "Requests not accepted, by reason.", &labels)
        });
        RefusedRequests { counters }
    }

    fn count(&self, rejection: &Rejection) {
        if let Some(counter) = rejection.place().and_then(|place| self.counters.get(place)) {
            counter.add(1);
        }
    }
}

/// What a port counts: its connections, and requests that belong to no component. Where several components share it, the label `receiver`
/// names them all.
#[derive(Debug)]
pub(super) struct PortMetrics {
    refused_requests: RefusedRequests,
    rejected_connections: [Counter; Foreign::ALL.len()],
    told: Told,
    /// Which protocol it has.
    pub(super) transport: Transport,
    /// Connections accepted.
    pub(super) connections: Counter,
    /// Connections closed at once, because there were too many.
    pub(super) refused_connections: Counter,
    /// Connections that ended before TLS was agreed on.
    pub(super) failed_handshakes: Counter,
    /// Connections open now.
    pub(super) open_connections: Gauge,
}

impl PortMetrics {
    pub(super) fn new(receivers: &str, transport: Transport, registry: &Registry) -> Self {
        let labels = [("receiver", receivers), ("transport", transport.name())];
        PortMetrics {
            refused_requests: RefusedRequests::new(labels, registry),
            rejected_connections: Foreign::ALL.map(|foreign| {
                let labels = [labels[0], labels[1], ("reason", foreign.reason())];
                registry.counter("otelier_receiver_rejected_connections", REJECTED_CONNECTIONS_HELP, &labels)
            }),
            told: Told::new(receivers.to_owned(), transport),
            transport,
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
            open_connections: registry.gauge("otelier_receiver_open_connections", "Connections open now.", &labels),
        }
    }

    /// Counts and tells of a request that was not accepted and belongs to no component.
    pub(super) fn refuse(&self, rejection: &Rejection, peer: Option<SocketAddr>) {
        self.refused_requests.count(rejection);
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
}

/// What is counted of the requests to one component through one protocol.
#[derive(Debug)]
pub(super) struct IntakeMetrics {
    accepted: [Counter; 3],
    refused: [Counter; 3],
    failed: [Counter; 3],
    accepted_requests: Counter,
    refused_requests: RefusedRequests,
    /// Accepted requests that had no item of their signal.
    empty: [Counter; 3],
    /// From a request that was read to its answer.
    durations: [Histogram; 3],
    told: Told,
    /// Whose requests they are.
    receiver: String,
    /// How they come.
    transport: Transport,
    /// Requests whose senders went before any plugin had seen them.
    pub(super) withdrawn: Counter,
    /// Headers of requests that were not kept as metadata, because there were too many.
    pub(super) dropped_metadata: Counter,
}

impl IntakeMetrics {
    pub(super) fn new(id: &ComponentId, transport: Transport, registry: &Registry) -> Self {
        let receiver = id.to_string();
        let labels = [("receiver", receiver.as_str()), ("transport", transport.name())];
        IntakeMetrics {
            accepted: Signal::ALL.map(|signal| registry.counter(accepted_name(signal), ACCEPTED_HELP, &labels)),
            refused: Signal::ALL.map(|signal| registry.counter(refused_name(signal), REFUSED_HELP, &labels)),
            failed: Signal::ALL.map(|signal| registry.counter(failed_name(signal), FAILED_HELP, &labels)),
            accepted_requests: registry.counter(
                "otelier_receiver_accepted_requests",
                "Requests taken over from senders.",
                &labels,
            ),
            refused_requests: RefusedRequests::new(labels, registry),
            empty: Signal::ALL.map(|signal| {
                let labels = [labels[0], labels[1], ("signal", signal.name())];
                registry.counter("otelier_receiver_empty_requests", EMPTY_HELP, &labels)
            }),
            durations: Signal::ALL.map(|signal| {
                let labels = [labels[0], labels[1], ("data_type", signal.name())];
                registry.histogram("otelier_receiver_request_duration_seconds", DURATION_HELP, &labels)
            }),
            told: Told::new(receiver.clone(), transport),
            receiver: receiver.clone(),
            transport,
            withdrawn: registry.counter(
                "otelier_receiver_withdrawn_requests",
                "Requests whose senders went away, or ran out of time, before they were processed: nothing of them counts.",
                &labels,
            ),
            dropped_metadata: registry.counter(
                "otelier_receiver_dropped_metadata",
                "Headers that were not kept as metadata, because a request had too many.",
                &labels,
            ),
        }
    }

    /// Counts and tells of a request that was not accepted.
    pub(super) fn refuse(&self, rejection: &Rejection, peer: Option<SocketAddr>) {
        self.refused_requests.count(rejection);
        self.told.request(rejection, peer);
    }

    /// What there is to say of a request that is answered.
    fn span(&self, signal: Signal, outcome: &Result<Accepted, Rejection>) -> SpanEnd {
        SpanEnd::default()
            .with("receiver", self.receiver.as_str())
            .with("transport", self.transport.name())
            .with("data_type", signal.name())
            .with_some("items", outcome.as_ref().ok().map(|accepted| accepted.items))
            .failed(outcome.as_ref().err().map(Rejection::message))
    }

    /// Counts the host's answer, and puts a missing one in words.
    pub(super) async fn count_answer(
        &self,
        sent: &Sent,
        answer: Result<Answer, oneshot::error::RecvError>,
    ) -> Result<Accepted, Rejection> {
        let outcome = match answer {
            Ok(answer) => answer.map_err(Rejection::from),
            Err(_) => Err(Rejection::GoingDown),
        };
        let place = sent.signal as usize;
        sent.trace.root(RECEIVE, sent.began, || self.span(sent.signal, &outcome));
        self.durations[place].record(sent.began.elapsed());
        match &outcome {
            Ok(accepted) => {
                self.accepted_requests.add(1);
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

const ACCEPTED_HELP: &str = "Items taken over from senders.";
const REFUSED_HELP: &str = "Items refused on their way: of refused requests, and of partial successes.";
const FAILED_HELP: &str = "Items of requests that ended without an answer because the process was ending.";
const DURATION_HELP: &str = "From the moment a request was read to its answer.";
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
