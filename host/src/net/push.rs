//! What every exporter that pushes over the network has in its configuration beside its protocol: one struct, so that the lane and the
//! authenticator are named in one way.

use std::time::Duration;

use crate::contract::{ComponentId, Delivery, ExporterAuth, OnFull, RetryOnFailure, SendingQueue};

/// Two keys that name a breaker.
#[derive(Debug, thiserror::Error)]
#[error("`auth` and `breaker` both name a breaker: keep `breaker`")]
pub struct TwoBreakers;

/// The keys as they were read.
#[derive(Debug)]
pub struct PushKeys {
    /// `timeout`.
    pub timeout: Duration,
    /// `sending_queue`.
    pub queue: SendingQueue,
    /// `retry_on_failure`.
    pub retry: RetryOnFailure,
    /// `breaker`.
    pub breaker: Option<ComponentId>,
    /// `on_full`.
    pub on_full: OnFull,
    /// `auth`.
    pub auth: Option<ExporterAuth>,
}

impl PushKeys {
    /// What the lane is told, and which extension authenticates.
    pub fn resolve(self) -> Result<(Delivery, Option<ComponentId>), TwoBreakers> {
        let PushKeys { timeout, queue, retry, breaker, on_full, auth } = self;
        let (authenticator, other_breaker) = match auth {
            None => (None, None),
            Some(ExporterAuth::Authenticator(id)) => (Some(id), None),
            Some(ExporterAuth::Breaker(id)) => (None, Some(id)),
        };
        if breaker.is_some() && other_breaker.is_some() {
            return Err(TwoBreakers);
        }
        Ok((Delivery { timeout, queue, retry, breaker: breaker.or(other_breaker), on_full }, authenticator))
    }
}
