//! Two destinations that do what a test says, one after the other.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::*;
use crate::contract::{InvalidUtf8, Metadata, Signal};

/// Answers always the same, until it is told otherwise.
struct Fixed {
    answer: Mutex<Outcome>,
    attempts: AtomicUsize,
}

impl Fixed {
    fn new(answer: Outcome) -> Arc<Fixed> {
        Arc::new(Fixed { answer: Mutex::new(answer), attempts: AtomicUsize::new(0) })
    }

    fn answers(&self, answer: Outcome) {
        *self.answer.lock().unwrap() = answer;
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

impl Client for Fixed {
    fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move { answer })
    }

    fn destination(&self) -> String {
        "fixed".to_owned()
    }
}

fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed(Failure { class, reason: "scripted".to_owned(), retry_after: None, answered: None })
}

fn batch() -> Batch {
    Batch {
        signal: Signal::Logs,
        bytes: Bytes::new(),
        items: Some(3),
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::default(),
    }
}

fn fallback(first: &Arc<Fixed>, second: &Arc<Fixed>, interval: Duration, registry: &Registry) -> FallbackClient {
    let member = |id: &str, client: &Arc<Fixed>| Destination {
        id: id.parse().unwrap(),
        client: client.clone(),
        timeout: Duration::from_secs(1),
    };
    FallbackClient::new("fallback".parse().unwrap(), interval, vec![member("a", first), member("b", second)], registry)
}

#[tokio::test]
async fn the_first_that_works_gets_everything() {
    let (first, second) = (Fixed::new(Outcome::Delivered), Fixed::new(Outcome::Delivered));
    let client = fallback(&first, &second, Duration::from_secs(3600), &Registry::default());
    for _ in 0..3 {
        assert_eq!(client.send(&batch()).await, Outcome::Delivered);
    }
    assert_eq!((first.attempts(), second.attempts()), (3, 0));
}

#[tokio::test]
async fn the_next_takes_over_within_the_attempt_and_keeps_on() {
    let (first, second) = (Fixed::new(failed(FailureClass::Timeout)), Fixed::new(Outcome::Delivered));
    let registry = Registry::default();
    let client = fallback(&first, &second, Duration::from_secs(3600), &registry);
    for _ in 0..3 {
        assert_eq!(client.send(&batch()).await, Outcome::Delivered);
    }
    assert_eq!((first.attempts(), second.attempts()), (1, 3), "the first is left alone after its failure");
    assert_eq!(registry.total("otelier_fallback_uncertain_items", &[]), 3);
    assert_eq!(registry.total("otelier_fallback_up", &[("destination", "a")]), 0);
}

#[tokio::test]
async fn the_first_takes_over_again_when_a_try_arrives() {
    let (first, second) = (Fixed::new(failed(FailureClass::Unavailable)), Fixed::new(Outcome::Delivered));
    let registry = Registry::default();
    let client = fallback(&first, &second, Duration::from_nanos(1), &registry);
    client.send(&batch()).await;
    first.answers(Outcome::Delivered);
    for _ in 0..3 {
        assert_eq!(client.send(&batch()).await, Outcome::Delivered);
    }
    assert_eq!((first.attempts(), second.attempts()), (4, 1));
    assert_eq!(registry.total("otelier_fallback_switches", &[]), 2);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_good_goes_nowhere_else() {
    let (first, second) = (Fixed::new(failed(FailureClass::Permanent)), Fixed::new(Outcome::Delivered));
    let client = fallback(&first, &second, Duration::from_secs(3600), &Registry::default());
    assert_eq!(client.send(&batch()).await, failed(FailureClass::Permanent));
    assert_eq!(second.attempts(), 0);
}

#[tokio::test]
async fn when_all_are_down_all_are_tried() {
    let (first, second) = (Fixed::new(failed(FailureClass::Unavailable)), Fixed::new(failed(FailureClass::Throttled)));
    let client = fallback(&first, &second, Duration::from_secs(3600), &Registry::default());
    for attempts in 1..4 {
        assert_eq!(client.send(&batch()).await, failed(FailureClass::Throttled));
        assert_eq!((first.attempts(), second.attempts()), (attempts, attempts));
    }
}
