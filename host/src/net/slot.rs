//! One address and the connections to it.
//!
//! HTTP/2 needs one connection, which all requests share; HTTP/1.1 one for each request under way, kept for the next. What a peer
//! speaks may be known only once it was asked, so whoever opens the first connection lets the others wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use http::header::{CONNECTION, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::address::Address;
use super::answer::Answer;
use super::body::Outgoing;
use super::broken::Broken;
use super::connection::{self, Exclusive, Multiplexed, Opened, TrySend, for_proxy, in_origin_form, with_causes};
use super::options::{Options, Protocol};
use super::proxy::Through;

/// How long an address is passed by after the first failure to connect; doubled with each further one.
const REST_MIN: Duration = Duration::from_secs(1);
/// The longest time.
const REST_MAX: Duration = Duration::from_secs(30);

/// One address.
pub(super) struct ConnectionSlot {
    pub(super) address: Address,
    shared: tokio::sync::Mutex<Option<Multiplexed>>,
    idle: Mutex<Vec<Idle>>,
    failures: Mutex<Failures>,
}

/// A connection between two requests.
struct Idle {
    connection: Exclusive,
    since: Instant,
}

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    resting_until: Option<Instant>,
}

/// A connection that is to take one request.
pub(super) enum Lease {
    Multiplexed(Multiplexed),
    Exclusive(Exclusive),
}

/// How an exchange ended.
pub(super) enum Exchange {
    Answered(Box<Answer>),
    /// The connection had ended before it took the request.
    NotSent(Box<Request<Outgoing>>),
    Broken(Broken),
}

impl ConnectionSlot {
    pub(super) fn new(address: Address) -> ConnectionSlot {
        ConnectionSlot {
            address,
            shared: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Until when other addresses are tried first.
    pub(super) fn resting_until(&self) -> Option<Instant> {
        self.failures().resting_until
    }

    /// A connection could not be opened.
    pub(super) fn rest(&self) {
        let mut failures = self.failures();
        let rest = REST_MIN.saturating_mul(1 << failures.in_a_row.min(10)).min(REST_MAX);
        failures.in_a_row += 1;
        failures.resting_until = Some(Instant::now() + rest);
    }

    /// A connection for one request: one that is open, else a new one.
    pub(super) async fn lease(&self, options: &Options) -> Result<Lease, Broken> {
        if let Some(connection) = self.idle_connection(options) {
            return Ok(Lease::Exclusive(connection));
        }
        if options.protocol == Protocol::Http1 {
            return match self.open(options).await? {
                Opened::Http2(connection) => Ok(Lease::Multiplexed(connection)),
                Opened::Http1(connection) => Ok(Lease::Exclusive(connection)),
            };
        }
        let mut shared = self.shared.lock().await;
        if let Some(connection) = shared.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Lease::Multiplexed(connection.clone()));
        }
        *shared = None;
        match self.open(options).await? {
            Opened::Http1(connection) => Ok(Lease::Exclusive(connection)),
            Opened::Http2(connection) => {
                if options.reuse {
                    *shared = Some(connection.clone());
                }
                Ok(Lease::Multiplexed(connection))
            }
        }
    }

    /// Opens a connection. One that is given up half open counts as failed: the next request goes elsewhere first.
    async fn open(&self, options: &Options) -> Result<Opened, Broken> {
        let attempt = Attempt { slot: self, is_open: false };
        let opened = connection::open(&self.address, options).await?;
        attempt.succeeded();
        Ok(opened)
    }

    fn idle_connection(&self, options: &Options) -> Option<Exclusive> {
        let mut idle = self.idle();
        if let Some(longest) = options.idle_timeout {
            idle.retain(|idle| idle.since.elapsed() < longest);
        }
        // The newest first: the others may come to their end.
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Sends a request on a leased connection and reads the answer. Its place is taken until the connection can serve the next.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        lease: Lease,
        mut request: Request<Outgoing>,
        options: &Options,
        place: Option<OwnedSemaphorePermit>,
    ) -> Exchange {
        match lease {
            Lease::Multiplexed(mut connection) => {
                let waiting = connection.wait();
                let exchange = match connection.send(request).await {
                    Ok(response) => self.answered(Answer::read(response).await),
                    Err(error) => self.unanswered(error),
                };
                waiting.end();
                exchange
            }
            Lease::Exclusive(mut connection) => {
                // A request that comes back from here goes out on another connection, which may speak HTTP/2.
                let uri = request.uri().clone();
                match options.through.as_ref().and_then(Through::handed) {
                    Some(authorization) => for_proxy(&mut request, authorization),
                    None => in_origin_form(&mut request),
                }
                if !options.reuse {
                    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                let response = match connection.send(request).await {
                    Ok(response) => response,
                    Err(error) => {
                        let mut exchange = self.unanswered(error);
                        if let Exchange::NotSent(request) = &mut exchange {
                            *request.uri_mut() = uri;
                        }
                        return exchange;
                    }
                };
                let read = Answer::read(response).await;
                if options.reuse && read.as_ref().is_ok_and(|answer| !answer.is_cut) {
                    self.keep(connection, options.idle_max, place);
                }
                self.answered(read)
            }
        }
    }

    fn answered(&self, read: Result<Answer, hyper::Error>) -> Exchange {
        match read {
            Ok(answer) => Exchange::Answered(Box::new(answer)),
            Err(error) => self.broken(&error),
        }
    }

    fn unanswered(&self, mut error: TrySend) -> Exchange {
        match error.take_message() {
            Some(request) => Exchange::NotSent(Box::new(request)),
            None => self.broken(error.error()),
        }
    }

    fn broken(&self, error: &hyper::Error) -> Exchange {
        Exchange::Broken(Broken::Exchange { address: self.address.clone(), reason: with_causes(error) })
    }

    /// Keeps a connection for the next request, once the peer has taken all of this one.
    fn keep(self: &Arc<Self>, mut connection: Exclusive, idle_max: usize, place: Option<OwnedSemaphorePermit>) {
        if connection.is_usable() {
            return self.put(connection, idle_max);
        }
        let slot = Arc::downgrade(self);
        tokio::spawn(async move {
            if connection.is_reusable().await
                && let Some(slot) = slot.upgrade()
            {
                slot.put(connection, idle_max);
            }
            drop(place);
        });
    }

    fn put(&self, connection: Exclusive, idle_max: usize) {
        let mut idle = self.idle();
        idle.retain(|idle| idle.connection.is_usable());
        if idle.len() < idle_max {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to connect; it has failed unless it says otherwise.
struct Attempt<'s> {
    slot: &'s ConnectionSlot,
    is_open: bool,
}

impl Attempt<'_> {
    fn succeeded(mut self) {
        self.is_open = true;
        *self.slot.failures() = Failures::default();
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_open {
            self.slot.rest();
        }
    }
}
