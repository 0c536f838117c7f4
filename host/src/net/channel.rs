//! Requests to one target, over as many connections as it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Answer;
use super::body::Outgoing;
use super::broken::Broken;
use super::options::Options;
use super::resolve::Addresses;
use super::slot::{ConnectionSlot, Exchange, Lease};
use super::target::Target;

/// A connection that ended while it lay idle is no failure, and neither is the next one; some destinations close every one.
const STALE_MAX: u32 = 8;

/// How soon a destination that cannot be reached is tried again by a request that waits for it; doubled each time.
const READY_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest time.
const READY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Requests to one target.
pub struct Channel {
    addresses: Addresses,
    options: Options,
    /// Connections that take one request each.
    places: Option<Arc<Semaphore>>,
    /// All requests share one connection to each address.
    is_multiplexed: AtomicBool,
}

impl Channel {
    /// A channel. Nothing is opened before the first request.
    pub fn new(target: Target, options: Options) -> Channel {
        let target = options.through.as_ref().map_or(target, |through| through.target());
        let addresses = Addresses::new(target, options.balancer);
        let places = options.connections_max.map(|max| Arc::new(Semaphore::new(max.get().min(Semaphore::MAX_PERMITS))));
        Channel { addresses, options, places, is_multiplexed: AtomicBool::new(false) }
    }

    /// Sends a request, whose URI is absolute, and reads the answer. The future may be dropped at any time.
    pub async fn send(&self, request: Request<Outgoing>) -> Result<Answer, Broken> {
        let mut request = request;
        let mut stale = 0;
        loop {
            let place = self.place().await;
            let (slot, lease) = self.ready().await?;
            let is_multiplexed = matches!(lease, Lease::Multiplexed(_));
            self.is_multiplexed.store(is_multiplexed, Ordering::Relaxed);
            let place = place.filter(|_| !is_multiplexed);
            match slot.exchange(lease, request, &self.options, place).await {
                Exchange::Answered(answer) => return Ok(*answer),
                Exchange::NotSent(unsent) if stale < STALE_MAX => {
                    stale += 1;
                    request = *unsent;
                }
                Exchange::NotSent(_) => {
                    let reason = "it closes every connection before a request".to_owned();
                    return Err(Broken::Exchange { address: slot.address.clone(), reason });
                }
                Exchange::Broken(broken) => {
                    self.addresses.doubt();
                    return Err(broken);
                }
            }
        }
    }

    /// Room for a connection. It is given back when the connection can serve the next request.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let places = self.places.as_ref().filter(|_| !self.is_multiplexed.load(Ordering::Relaxed))?;
        // Closed never.
        Arc::clone(places).acquire_owned().await.ok()
    }

    /// A connection, waited for where that is wanted.
    async fn ready(&self) -> Result<(Arc<ConnectionSlot>, Lease), Broken> {
        let mut pause = READY_PAUSE_MIN;
        loop {
            match self.lease().await {
                Err(_) if self.options.wait_for_ready => tokio::time::sleep(pause).await,
                leased => return leased,
            }
            pause = (pause * 2).min(READY_PAUSE_MAX);
        }
    }

    /// A connection to the address whose turn it is, or to the next that can be reached.
    async fn lease(&self) -> Result<(Arc<ConnectionSlot>, Lease), Broken> {
        let mut last = None;
        for slot in self.addresses.in_turn().await? {
            match slot.lease(&self.options).await {
                Ok(lease) => return Ok((slot, lease)),
                Err(broken) => {
                    self.addresses.doubt();
                    last = Some(broken);
                }
            }
        }
        let reason = || "no address is left".to_owned();
        Err(last.unwrap_or_else(|| Broken::Resolve { host: String::new(), reason: reason() }))
    }
}
