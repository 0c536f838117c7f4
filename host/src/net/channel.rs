//! Requests to one target, over as many connections as it needs.

use std::sync::Arc;

use http::Request;

use super::answer::Answer;
use super::body::Outgoing;
use super::broken::Broken;
use super::options::Options;
use super::resolve::Addresses;
use super::slot::{ConnectionSlot, Exchange, Lease};
use super::target::Target;

/// A connection that ended while it lay idle is no failure, and neither is the next one; some destinations close every one.
const STALE_MAX: u32 = 8;

/// Requests to one target.
pub struct Channel {
    addresses: Addresses,
    options: Options,
}

impl Channel {
    /// A channel. Nothing is opened before the first request.
    pub fn new(target: Target, options: Options) -> Channel {
        let target = options.through.as_ref().map_or(target, |through| through.target());
        Channel { addresses: Addresses::new(target, options.balancer), options }
    }

    /// Sends a request, whose URI is absolute, and reads the answer. The future may be dropped at any time.
    pub async fn send(&self, request: Request<Outgoing>) -> Result<Answer, Broken> {
        let mut request = request;
        let mut stale = 0;
        loop {
            let (slot, lease) = self.lease().await?;
            match slot.exchange(lease, request, &self.options).await {
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
