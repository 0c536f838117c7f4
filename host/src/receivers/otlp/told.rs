//! What is logged of requests and connections that were not accepted: one line for each reason in a while, which says how many were
//! left out. A sender cannot fill the log, and what it says stands in a line shortened and in one piece.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::foreign::Foreign;
use super::intake::Transport;
use super::rejection::Rejection;
use crate::net::bounded;

/// How long the same reason is not told again.
const PAUSE: Duration = Duration::from_secs(30);

/// One port's lines.
#[derive(Debug)]
pub(super) struct Told {
    receiver: String,
    transport: Transport,
    requests: [Mutex<Paced>; Rejection::REASONS.len()],
    connections: [Mutex<Paced>; Foreign::ALL.len()],
    accepting: Mutex<Paced>,
}

/// The lines of one reason.
#[derive(Debug, Default)]
struct Paced {
    told: Option<Instant>,
    left_out: u64,
}

impl Paced {
    /// Whether to tell it now: then with how many were left out since the last that was told.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
            self.left_out += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

fn admit(paced: Option<&Mutex<Paced>>) -> Option<u64> {
    paced?.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now())
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
            accepting: Mutex::default(),
        }
    }

    /// A request was not accepted.
    pub(super) fn request(&self, rejection: &Rejection, peer: Option<SocketAddr>) {
        let Some(left_out) = admit(rejection.place().and_then(|place| self.requests.get(place))) else { return };
        let (receiver, transport, peer) = (&self.receiver, self.transport.name(), peer_name(peer));
        let (reason, remedy, text) = (rejection.reason(), rejection.remedy(), bounded(&rejection.message()));
        tracing::warn!(receiver, transport, peer, reason, remedy, left_out, "a request was not accepted: {text}");
    }

    /// No connection can be accepted for the moment.
    pub(super) fn cannot_accept(&self, error: &std::io::Error) {
        let Some(left_out) = admit(Some(&self.accepting)) else { return };
        let (receiver, transport) = (&self.receiver, self.transport.name());
        tracing::warn!(receiver, transport, %error, left_out, "cannot accept a connection; trying again");
    }

    /// A connection ended without a request.
    pub(super) fn connection(&self, foreign: Foreign, peer: Option<SocketAddr>, error: &str) {
        let Some(left_out) = admit(self.connections.get(foreign as usize)) else { return };
        let (receiver, transport, peer) = (&self.receiver, self.transport.name(), peer_name(peer));
        let (reason, remedy, error) = (foreign.reason(), foreign.remedy(), bounded(error));
        let verdict = if foreign == Foreign::GaveWay { "accepted" } else { "not accepted" };
        tracing::warn!(receiver, transport, peer, reason, remedy, left_out, "a connection was {verdict}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_in_a_while_with_how_many_were_left_out() {
        let (mut paced, start) = (Paced::default(), Instant::now());
        assert_eq!([(); 3].map(|()| paced.admit(start)), [Some(0), None, None]);
        assert_eq!(paced.admit(start + PAUSE / 2), None);
        assert_eq!(paced.admit(start + PAUSE), Some(3));
        assert_eq!(paced.admit(start + PAUSE * 3), Some(0));
    }
}
