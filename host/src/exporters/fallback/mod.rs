//! The fallback exporter: an exporter of exporters. Batches go to the first destination that works; those in front of it are
//! tried again now and then, with one real batch at a time, and take over as soon as one arrives.
//!
//! There is one queue and one retry, the fallback's own: a batch that the first destination fails to take goes to the next within
//! the same attempt, so nothing is lost at the switch. Where the first one gave no answer the batch may be at both; such items
//! are counted.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::pushing::PushType;
use crate::contract::{
    Batch, Client, ComponentId, Delivery, Failure, FailureClass, OnFull, Outcome, RetryOnFailure, SendingQueue,
    duration,
};
use crate::families::{Destination, ExporterContext, MakeError};
use crate::telemetry::{Counter, Gauge, Registry};

/// `exporters: {fallback: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The exporters, the one to prefer first. Their own queues, retries and breakers are not used.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(deserialize_with = "some")]
    pub exporters: Vec<ComponentId>,
    /// How long a destination that failed is left alone before the next try.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(default = "probe_interval", deserialize_with = "duration::nonzero")]
    pub probe_interval: Duration,
    /// The queue in front of all of them.
    #[serde(default)]
    pub sending_queue: SendingQueue,
    /// What happens when none of them takes a batch.
    #[serde(default)]
    pub retry_on_failure: RetryOnFailure,
    /// When to try at all.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(default)]
    pub breaker: Option<ComponentId>,
    /// What becomes of a batch that finds the queue full.
    #[schemars(extend("x-collector" = "ours"))]
    #[serde(default)]
    pub on_full: OnFull,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ComponentId>, D::Error> {
    let exporters = Vec::deserialize(deserializer)?;
    match exporters.is_empty() {
        false => Ok(exporters),
        true => {
            Err(de::Error::custom("`exporters` names nobody: list the exporters to send to, the one to prefer first"))
        }
    }
}

fn probe_interval() -> Duration {
    Duration::from_secs(30)
}

impl Config {
    /// How its lane works. Each destination has its own time limit.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            timeout: Duration::ZERO,
            queue: self.sending_queue.clone(),
            retry: self.retry_on_failure.clone(),
            breaker: self.breaker.clone(),
            on_full: self.on_full,
        }
    }
}

/// The type `fallback`.
pub struct Type;

impl PushType for Type {
    const NAMES: &'static [&'static str] = &["fallback"];
    const HAS_DESTINATIONS: bool = true;
    type Config = Config;

    fn delivery(config: &Config) -> Delivery {
        config.delivery()
    }

    fn destinations(config: &Config) -> &[ComponentId] {
        &config.exporters
    }

    fn client(id: &ComponentId, config: Config, context: &ExporterContext<'_>) -> Result<Arc<dyn Client>, MakeError> {
        let destinations = config.exporters.iter().map(context.destination).collect::<Result<_, _>>()?;
        let client = FallbackClient::new(id.clone(), config.probe_interval, destinations, context.registry);
        Ok(Arc::new(client))
    }
}

/// The client behind a fallback's lane.
pub struct FallbackClient {
    id: ComponentId,
    probe_interval: Duration,
    members: Vec<Standing>,
    switches: Counter,
    uncertain: Counter,
}

/// A destination and how it stands.
struct Standing {
    member: Destination,
    /// When it may be tried again; `None` while it works.
    down_until: Mutex<Option<Instant>>,
    active: Gauge,
}

impl FallbackClient {
    /// Sends to these, in this order.
    pub fn new(
        id: ComponentId,
        probe_interval: Duration,
        members: Vec<Destination>,
        registry: &Registry,
    ) -> FallbackClient {
        let exporter = id.to_string();
        let labels = [("exporter", exporter.as_str())];
        let standing = |member: Destination| {
            let destination = member.id.to_string();
            let labels = [("exporter", exporter.as_str()), ("destination", destination.as_str())];
            let active = registry.gauge("otelier_fallback_up", "Whether a destination took the last batch.", &labels);
            active.set(1);
            Standing { member, down_until: Mutex::new(None), active }
        };
        FallbackClient {
            probe_interval,
            members: members.into_iter().map(standing).collect(),
            switches: registry.counter(
                "otelier_fallback_switches",
                "Times a destination stopped working or came back.",
                &labels,
            ),
            uncertain: registry.counter(
                "otelier_fallback_uncertain_items",
                "Items sent to another destination though nobody knows whether they had arrived: possible duplicates.",
                &labels,
            ),
            id,
        }
    }

    /// In order: those that work or are due for a try. Then the others: rather that than no destination at all.
    async fn send_first(&self, batch: &Batch) -> Outcome {
        let (mut last, mut left_alone) = (None, Vec::new());
        let mut order: VecDeque<(&Standing, bool)> = self.members.iter().map(|standing| (standing, false)).collect();
        while let Some((standing, anyway)) = order.pop_front() {
            if !anyway && !standing.claim(Instant::now(), self.probe_interval) {
                left_alone.push((standing, true));
                if order.is_empty() {
                    order.extend(left_alone.drain(..));
                }
                continue;
            }
            if last.as_ref().is_some_and(leaves_open) {
                self.uncertain.add(batch.items.unwrap_or(0));
            }
            let outcome = attempt(&standing.member, batch).await;
            match outcome {
                Outcome::Failed(failure) if failure.class.is_retryable() => {
                    self.went_down(standing, &failure);
                    last = Some(failure);
                    if order.is_empty() {
                        order.extend(left_alone.drain(..));
                    }
                }
                // It works, whatever it thinks of this batch.
                outcome => {
                    self.came_up(standing);
                    return outcome;
                }
            }
        }
        let nobody = || Failure {
            class: FailureClass::Unavailable,
            reason: "there is no destination".to_owned(),
            retry_after: None,
            answered: None,
        };
        Outcome::Failed(last.unwrap_or_else(nobody))
    }

    fn went_down(&self, standing: &Standing, failure: &Failure) {
        if standing.set(Some(Instant::now() + self.probe_interval)) {
            self.switches.add(1);
            let (exporter, destination) = (&self.id, &standing.member.id);
            tracing::warn!(%exporter, %destination, "destination failed, the next one takes over: {failure}");
        }
    }

    fn came_up(&self, standing: &Standing) {
        if standing.set(None) {
            self.switches.add(1);
            let (exporter, destination) = (&self.id, &standing.member.id);
            tracing::info!(%exporter, %destination, "destination works again");
        }
    }
}

/// Whether the batch may have arrived all the same.
fn leaves_open(failure: &Failure) -> bool {
    failure.class.is_uncertain()
}

impl Standing {
    /// Whether it may be tried. Who finds it due is the only one to try for an interval.
    fn claim(&self, now: Instant, interval: Duration) -> bool {
        let mut down_until = self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *down_until {
            None => true,
            Some(until) if until > now => false,
            Some(_) => {
                *down_until = Some(now + interval);
                true
            }
        }
    }

    /// True when that is news.
    fn set(&self, down_until: Option<Instant>) -> bool {
        let before =
            std::mem::replace(&mut *self.down_until.lock().unwrap_or_else(PoisonError::into_inner), down_until);
        self.active.set(i64::from(down_until.is_none()));
        before.is_some() != down_until.is_some()
    }
}

async fn attempt(destination: &Destination, batch: &Batch) -> Outcome {
    let sending = destination.client.send(batch);
    let timeout = destination.timeout;
    if timeout.is_zero() {
        return sending.await;
    }
    tokio::time::timeout(timeout, sending).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} ms", timeout.as_millis());
        Outcome::Failed(Failure { class: FailureClass::Timeout, reason, retry_after: None, answered: None })
    })
}

impl Client for FallbackClient {
    fn begin(&self) {
        self.members.iter().for_each(|standing| standing.member.client.begin());
    }

    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(self.send_first(batch))
    }

    fn destination(&self) -> String {
        let all: Vec<String> = self.members.iter().map(|standing| standing.member.client.destination()).collect();
        all.join(", else ")
    }
}
