//! A sender as an SDK is one: a refused request is sent again, one without an answer is in doubt.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use otelier_tests::grpc::{self, Client, Outcome};

use crate::reaper::Progress;

/// Between two attempts to reach a host that is down.
const RECONNECT_AFTER: Duration = Duration::from_millis(2);

/// What is known of a request after it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The host has it.
    Acknowledged,
    /// The connection broke before the answer.
    InDoubt,
}

/// A connection that is made anew whenever it is needed.
pub struct Sender<'p> {
    address: SocketAddr,
    progress: &'p Progress,
    client: Option<Client>,
}

impl<'p> Sender<'p> {
    pub fn new(address: SocketAddr, progress: &'p Progress) -> Sender<'p> {
        Sender { address, progress, client: None }
    }

    /// Whether the last host is there.
    pub fn is_to_finish(&self) -> bool {
        self.progress.finish.load(Ordering::SeqCst)
    }

    /// Sends until the request has left, or its fate is in doubt. A refusal of a host that comes up or goes down promises
    /// that nothing has happened: the request is sent again.
    pub fn send(&mut self, request: &[u8]) -> Result<Known> {
        loop {
            ensure!(!self.progress.abandoned.load(Ordering::SeqCst), "there is no host any more");
            let Some(client) = &mut self.client else {
                match Client::connect(self.address) {
                    Ok(client) => self.client = Some(client),
                    Err(_) => std::thread::sleep(RECONNECT_AFTER),
                }
                continue;
            };
            match client.send(grpc::METRICS, request) {
                Outcome::Acknowledged(message) if message.is_empty() => {
                    self.progress.acknowledged.fetch_add(1, Ordering::SeqCst);
                    return Ok(Known::Acknowledged);
                }
                Outcome::Refused(refusal) if refusal.retry_after.is_some() => {
                    self.progress.refused.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(RECONNECT_AFTER);
                }
                Outcome::Lost(_) => {
                    self.client = None;
                    return Ok(Known::InDoubt);
                }
                other => bail!("a good request got {other:?}"),
            }
        }
    }
}
