//! What is logged of requests and connections that were not accepted: one line for each reason in a while, which says how many were
//! left out. A sender cannot fill the log, and what it says stands in a line shortened and in one piece.

use std::net::SocketAddr;

use super::foreign::Foreign;
use super::rejection::Rejection;
use super::transport::Transport;
use crate::contract::Signal;
use crate::net::{Paced, bounded};

/// One port's lines.
#[derive(Debug)]
pub(super) struct Told {
    receiver: String,
    transport: Transport,
    requests: [Paced; Rejection::REASONS.len()],
    connections: [Paced; Foreign::ALL.len()],
    accepting: Paced,
    empty: Paced,
}

/// The address of a peer, where the system still knows it.
pub(super) fn peer_name(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "gone".to_owned(), |peer| peer.to_string())
}

impl Told {
    pub(super) fn new(receiver: String, transport: Transport) -> Told {
        Told {
            receiver,
            transport,
            requests: Default::default(),
            connections: Default::default(),
            accepting: Paced::default(),
            empty: Paced::default(),
        }
    }

    /// A request was not accepted.
    pub(super) fn request(&self, rejection: &Rejection, peer: Option<SocketAddr>) {
        let line = rejection.place().and_then(|place| self.requests.get(place));
        let Some(left_out) = line.and_then(Paced::admit) else { return };
        let (receiver, transport, peer) = (&self.receiver, self.transport.name(), peer_name(peer));
        let (reason, remedy, text) = (rejection.reason(), rejection.remedy(), bounded(&rejection.message()));
        tracing::warn!(receiver, transport, peer, reason, remedy, left_out, "a request was not accepted: {text}");
    }

    /// A request had nothing of its signal in it. It may be a probe, or data of another signal: what a reader does not know, OTLP lets it skip.
    pub(super) fn empty(&self, signal: Signal, peer: Option<SocketAddr>) {
        let Some(left_out) = self.empty.admit() else { return };
        let (receiver, transport, peer) = (&self.receiver, self.transport.name(), peer_name(peer));
        let remedy = "if data is missing, look whether it is sent to the path or service of its own signal";
        tracing::info!(receiver, transport, peer, remedy, left_out, "a request for {signal} holds no {signal}");
    }

    /// No connection can be accepted for the moment.
    pub(super) fn cannot_accept(&self, error: &std::io::Error) {
        let Some(left_out) = self.accepting.admit() else { return };
        let (receiver, transport) = (&self.receiver, self.transport.name());
        tracing::warn!(receiver, transport, %error, left_out, "cannot accept a connection; trying again");
    }

    /// A connection ended without a request.
    pub(super) fn connection(&self, foreign: Foreign, peer: Option<SocketAddr>, error: &str) {
        let Some(left_out) = self.connections.get(foreign as usize).and_then(Paced::admit) else { return };
        let (receiver, transport, peer) = (&self.receiver, self.transport.name(), peer_name(peer));
        let (reason, remedy, error) = (foreign.reason(), foreign.remedy(), bounded(error));
        let verdict = if foreign == Foreign::GaveWay { "accepted" } else { "not accepted" };
        tracing::warn!(receiver, transport, peer, reason, remedy, left_out, "a connection was {verdict}: {error}");
    }
}
