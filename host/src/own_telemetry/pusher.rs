//! One push after the other to one destination.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::contract::{Batch, Client, Failure, InvalidUtf8, Metadata, Outcome, Signal};
use crate::telemetry::{Counter, Registry};

/// How often a destination that fails is told of, while it does.
const TELL_PAUSE: Duration = Duration::from_secs(30);

/// The wait after the first failure of a push; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);

tokio::task_local! {
    /// Set while a push is made: what is logged then is not pushed.
    static PUSHING: ();
}

/// Whether a push is made here and now.
pub fn is_pushing() -> bool {
    PUSHING.try_with(|()| ()).is_ok()
}

/// The way to one destination.
pub struct Pusher {
    client: Arc<dyn Client>,
    signal: Signal,
    /// Of one push, retries included.
    timeout: Duration,
    sent: Counter,
    failed: Counter,
    failing: Option<Failing>,
}

/// Pushes that fail, one after the other.
struct Failing {
    pushes: u64,
    told: Instant,
}

impl Pusher {
    /// To the destination of that client.
    pub fn new(client: Arc<dyn Client>, signal: Signal, timeout: Duration, registry: &Registry) -> Pusher {
        let counter = |name, help| registry.counter(name, help, &[("data_type", signal.name())]);
        Pusher {
            client,
            signal,
            timeout,
            sent: counter("otelier_telemetry_pushes", "Requests of the collector's own telemetry that were taken."),
            failed: counter(
                "otelier_telemetry_failed_pushes",
                "Requests of the collector's own telemetry that were given up.",
            ),
            failing: None,
        }
    }

    /// Sends one request of so many items, within its time and no later than `until`. False where it was given up.
    pub async fn push(&mut self, bytes: Bytes, items: u64, until: Option<Instant>) -> bool {
        let (invalid_utf8, metadata) = (InvalidUtf8::Accept, Metadata::default());
        let batch = Batch { signal: self.signal, bytes, items: Some(items), invalid_utf8, metadata };
        let in_time = Instant::now() + self.timeout;
        let give_up = until.map_or(in_time, |until| until.min(in_time));
        let sending = PUSHING.scope((), deliver(self.client.as_ref(), &batch, give_up));
        match sending.await {
            Ok(()) => self.taken(),
            Err(reason) => self.refused(&reason),
        }
    }

    fn taken(&mut self) -> bool {
        self.sent.add(1);
        if self.failing.take().is_some() {
            let (data_type, destination) = (self.signal.name(), self.client.destination());
            tracing::info!(data_type, destination, "the collector's own telemetry is taken again");
        }
        true
    }

    fn refused(&mut self, reason: &str) -> bool {
        self.failed.add(1);
        let (pushes, told) =
            self.failing.as_ref().map_or((1, None), |failing| (failing.pushes + 1, Some(failing.told)));
        let is_due = told.is_none_or(|told| told.elapsed() >= TELL_PAUSE);
        self.failing = Some(Failing { pushes, told: told.filter(|_| !is_due).unwrap_or_else(Instant::now) });
        if is_due {
            let (data_type, destination) = (self.signal.name(), self.client.destination());
            tracing::warn!(
                data_type,
                destination,
                pushes,
                "the collector's own telemetry cannot be pushed, and what was in it is given up: {reason}"
            );
        }
        false
    }
}

/// Tries until the destination has it, refuses it for good, or the time is over.
async fn deliver(client: &dyn Client, batch: &Batch, give_up: Instant) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    loop {
        let failure = match tokio::time::timeout_at(give_up.into(), client.send(batch)).await {
            Ok(Outcome::Delivered) => return Ok(()),
            Ok(Outcome::Partial { rejected, message }) if rejected > 0 => {
                return Err(format!("{rejected} items were refused: {message}"));
            }
            Ok(Outcome::Partial { .. }) => return Ok(()),
            Ok(Outcome::Failed(failure)) => failure,
            Err(_) => return Err("no answer in time".to_owned()),
        };
        let Failure { class, retry_after, .. } = &failure;
        let next = Instant::now() + retry_after.unwrap_or(wait).max(wait);
        if !class.is_retryable() || next >= give_up {
            return Err(failure.to_string());
        }
        tokio::time::sleep_until(next.into()).await;
        wait *= 2;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::sync::PoisonError;

    use super::*;
    use crate::contract::FailureClass;

    /// Answers as it is told, the last answer again and again; `None` never comes.
    struct Scripted(Mutex<Vec<Option<Outcome>>>);

    impl Client for Scripted {
        fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
            Box::pin(async {
                assert!(is_pushing());
                let answer = {
                    let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().flatten() }
                };
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            })
        }

        fn destination(&self) -> String {
            "grpc://backend:4317".to_owned()
        }
    }

    fn failed(class: FailureClass) -> Option<Outcome> {
        Some(Outcome::Failed(Failure { class, reason: "no".into(), retry_after: None, answered: None }))
    }

    async fn push(answers: Vec<Option<Outcome>>, timeout: Duration) -> (bool, Registry) {
        let registry = Registry::default();
        let client = Arc::new(Scripted(Mutex::new(answers)));
        let mut pusher = Pusher::new(client, Signal::Logs, timeout, &registry);
        (pusher.push(Bytes::new(), 1, None).await, registry)
    }

    #[tokio::test]
    async fn what_may_help_is_tried_again_until_the_time_is_over() {
        let answers = vec![failed(FailureClass::Unavailable), Some(Outcome::Delivered)];
        let (taken, registry) = push(answers, Duration::from_secs(30)).await;
        assert!(taken);
        assert_eq!(registry.total("otelier_telemetry_pushes", &[("data_type", "logs")]), 1);
        for answers in [
            vec![failed(FailureClass::Unavailable)],
            vec![failed(FailureClass::Permanent), Some(Outcome::Delivered)],
            vec![None],
        ] {
            let (taken, registry) = push(answers, Duration::from_millis(10)).await;
            assert!(!taken);
            assert_eq!(registry.total("otelier_telemetry_failed_pushes", &[]), 1);
        }
        assert!(!is_pushing());
    }
}
