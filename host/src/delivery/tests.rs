//! A lane from end to end, with a destination that does what a script says.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::gate::Gate;
use super::lane::PushReserved;
use super::{Budget, DeadLetters, LaneContext, LaneFull, LetterError, PushLane, Size, Waiter};
use crate::clock::Clock;
use crate::contract::{
    Accepted, Answer, Batch, Client, Code, Delivery, Failure, FailureClass, InvalidUtf8, Metadata, OnFull, Outcome,
    Refusal, SendingQueue, Signal,
};
use crate::otlp::wire::{put_bytes, put_fixed64};
use crate::otlp::{Strings, check};
use crate::storage::Store;
use crate::telemetry::Registry;

/// A destination.
#[derive(Default)]
struct Scripted {
    /// What it answers, in order; afterwards it takes everything.
    answers: Mutex<VecDeque<Outcome>>,
    /// What it was sent.
    got: Mutex<Vec<Bytes>>,
}

impl Client for Scripted {
    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(async move {
            self.got.lock().unwrap().push(batch.bytes.clone());
            self.answers.lock().unwrap().pop_front().unwrap_or(Outcome::Delivered)
        })
    }

    fn destination(&self) -> String {
        "scripted".to_owned()
    }
}

struct Bench {
    registry: Registry,
    store: Store,
    budget: Budget,
    dead_letters: DeadLetters,
    client: Arc<Scripted>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(answers: impl IntoIterator<Item = Outcome>) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let client = Scripted { answers: Mutex::new(answers.into_iter().collect()), got: Mutex::default() };
        let (registry, store) = (Registry::default(), Store::open(directory.path()).unwrap());
        Bench {
            dead_letters: DeadLetters::open(store.queues(), 1 << 20, &registry).unwrap(),
            registry,
            store,
            budget: Budget::new(1 << 20),
            client: Arc::new(client),
            _directory: directory,
        }
    }

    fn lane(&self, config: &Delivery) -> PushLane {
        let context = LaneContext {
            store: self.store.queues(),
            budget: self.budget.clone(),
            quotas: [("rocksdb".parse().unwrap(), Budget::new(1 << 20))].into(),
            dead_letters: self.dead_letters.clone(),
            clock: Clock::from_fn(|| 5),
            registry: self.registry.clone(),
        };
        PushLane::new(&"otlp".parse().unwrap(), config.clone(), Gate::default(), &context).unwrap()
    }

    /// As a committed trip does it.
    fn send(&self, lane: &PushLane, texts: &[&'static str], waiter: Option<&Waiter>) {
        let batches: Vec<Batch> = texts.iter().map(|text| batch(text)).collect();
        let mut reserved = one(lane, Size::default()).unwrap();
        let mut writes = Vec::new();
        reserved.prepare(&batches, &mut writes);
        self.store.commit(&writes, false).unwrap();
        reserved.send(batches, waiter);
    }

    fn total(&self, name: &str) -> i64 {
        self.registry.total(name, &[])
    }

    fn got(&self) -> Vec<Bytes> {
        self.client.got.lock().unwrap().clone()
    }
}

/// Room for one trip.
fn one(lane: &PushLane, size: Size) -> Result<PushReserved, LaneFull> {
    lane.reserve(size, 1).map(|mut shares| shares.remove(0))
}

fn batch(text: &'static str) -> Batch {
    Batch {
        signal: Signal::Logs,
        bytes: Bytes::from_static(text.as_bytes()),
        items: Some(2),
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::default(),
    }
}

fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed(Failure { class, reason: "scripted".to_owned(), retry_after: None, answered: None })
}

fn config(change: impl FnOnce(&mut Delivery)) -> Delivery {
    let mut config = Delivery { timeout: Duration::from_secs(5), ..Delivery::default() };
    config.queue.num_consumers = 1.try_into().unwrap();
    config.retry.initial_interval = Duration::from_millis(1);
    change(&mut config);
    config
}

/// Runs the lane until all that was sent is settled.
async fn run_to_the_end(lane: PushLane, bench: &Bench) {
    let client: Arc<dyn Client> = bench.client.clone();
    let running = tokio::spawn(lane.clone().run(client));
    while lane.shared.lock().queue.held() != Size::default() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lane.close();
    running.await.unwrap();
}

#[tokio::test]
async fn what_fails_is_sent_again_until_it_arrives() {
    let answers = [failed(FailureClass::Timeout), failed(FailureClass::Throttled), failed(FailureClass::Broken)];
    let bench = Bench::new(answers);
    let lane = bench.lane(&config(|_| {}));
    let remarks = lane.remarks();
    bench.send(&lane, &["one", "two"], None);
    run_to_the_end(lane, &bench).await;
    assert_eq!(bench.got(), ["one", "one", "one", "one", "two"]);
    assert_eq!(bench.total("otelcol_exporter_sent_log_records"), 4);
    assert_eq!(bench.total("otelier_exporter_retries"), 3);
    assert!(remarks().is_empty(), "it takes batches again");
    assert_eq!(bench.total("otelier_exporter_uncertain_items"), 4, "two attempts of two items had no answer");
    assert_eq!((bench.total("otelcol_exporter_send_failed_log_records"), bench.budget.used()), (0, 0));
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_sent_again() {
    let partial = Outcome::Partial { rejected: 1, message: "too old".to_owned() };
    let bench = Bench::new([failed(FailureClass::Permanent), partial]);
    let lane = bench.lane(&config(|_| {}));
    bench.send(&lane, &["one", "two"], None);
    run_to_the_end(lane, &bench).await;
    assert_eq!(bench.got(), ["one", "two"]);
    assert_eq!(bench.total("otelcol_exporter_send_failed_log_records"), 2);
    assert_eq!(bench.total("otelier_exporter_rejected_items"), 1);
    assert_eq!(bench.total("otelcol_exporter_sent_log_records"), 1);
    let (head, letter) = bench.dead_letters.read(0).unwrap();
    assert_eq!((&letter.bytes[..], head.reason.as_str(), head.time_unix_nano), (&b"one"[..], "scripted", 5));
    assert_eq!(bench.total("otelier_dead_letters"), 1);
}

#[tokio::test]
async fn a_queue_on_disk_goes_on_after_a_restart() {
    let bench = Bench::new([]);
    let config = config(|config| config.queue.storage = "rocksdb".parse().ok());
    let lane = bench.lane(&config);
    assert!(lane.is_persistent());
    bench.send(&lane, &["one", "two"], None);
    // Nothing has run: as after a kill.
    drop(lane);
    let lane = bench.lane(&config);
    assert_eq!(bench.total("otelier_exporter_restored_batches"), 2);
    bench.send(&lane, &["three"], None);
    run_to_the_end(lane, &bench).await;
    assert_eq!(bench.got(), ["one", "two", "three"]);
    let lane = bench.lane(&config);
    assert_eq!(lane.shared.lock().queue.held(), Size::default(), "what was sent is gone");
}

#[tokio::test]
async fn what_is_on_disk_is_not_waited_for_at_the_end() {
    let bench = Bench::new(std::iter::repeat_n(failed(FailureClass::Unavailable), 1000));
    let config = config(|config| {
        config.queue.storage = "rocksdb".parse().ok();
        config.retry.initial_interval = Duration::from_secs(3600);
        config.retry.max_elapsed_time = Duration::ZERO;
    });
    let lane = bench.lane(&config);
    bench.send(&lane, &["one"], None);
    let client: Arc<dyn Client> = bench.client.clone();
    let running = tokio::spawn(lane.clone().run(client));
    while bench.total("otelier_exporter_retries") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let remarks = lane.remarks()();
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].text.contains("scripted"), "{remarks:?}");
    lane.close();
    running.await.unwrap();
    assert_eq!(bench.total("otelcol_exporter_send_failed_log_records"), 0);
    assert_eq!(bench.lane(&config).shared.lock().queue.held().requests, 1);
}

#[tokio::test]
async fn what_is_in_memory_is_tried_once_more_at_the_end() {
    let bench = Bench::new(std::iter::repeat_n(failed(FailureClass::Unavailable), 1000));
    let lane = bench.lane(&config(|config| {
        config.retry.initial_interval = Duration::from_secs(3600);
        config.retry.max_elapsed_time = Duration::ZERO;
    }));
    bench.send(&lane, &["one"], None);
    let client: Arc<dyn Client> = bench.client.clone();
    let running = tokio::spawn(lane.clone().run(client));
    while bench.got().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lane.close();
    running.await.unwrap();
    assert_eq!(bench.got().len(), 2);
    assert_eq!(bench.total("otelcol_exporter_send_failed_log_records"), 2, "nothing is lost without being counted");
}

#[test]
fn a_full_queue_refuses_or_drops() {
    let bench = Bench::new([]);
    let mut config = config(|config| config.queue.queue_size = 2.try_into().unwrap());
    let lane = bench.lane(&config);
    bench.send(&lane, &["one"], None);
    let reserved = one(&lane, Size::default()).unwrap();
    let full = one(&lane, Size::default()).err().unwrap();
    assert!(full.retry_after > Duration::ZERO);
    drop(reserved);
    assert!(one(&lane, Size::default()).is_ok(), "what was not used is there again");
    config.on_full = OnFull::Drop;
    let lane = bench.lane(&config);
    bench.send(&lane, &["one", "two"], None);
    bench.send(&lane, &["three"], None);
    assert_eq!(bench.total("otelier_exporter_dropped_items"), 2);
}

#[test]
fn room_for_several_shares_is_given_whole_or_not_at_all() {
    let bench = Bench::new([]);
    let lane = bench.lane(&config(|config| config.queue.queue_size = 3.try_into().unwrap()));
    let shares = lane.reserve(Size::default(), 2).unwrap();
    assert!(lane.reserve(Size::default(), 2).is_err());
    assert_eq!(lane.held(), 2, "nothing is kept of what did not fit");
    drop(shares);
    let more_than_all = lane.reserve(Size::default(), 4).unwrap();
    assert_eq!(more_than_all.len(), 4, "alone, whatever its size");
}

#[test]
fn whoever_waits_for_room_holds_none_and_is_let_go_at_the_end() {
    let bench = Bench::new([]);
    let lane = bench.lane(&config(|config| {
        config.queue.queue_size = 1.try_into().unwrap();
        config.queue.block_on_overflow = true;
    }));
    let held = one(&lane, Size::default()).unwrap();
    assert!(one(&lane, Size::default()).err().unwrap().waits);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lane.wait_for_room(Size::default(), 1, &|| false));
        drop(held);
        waiting.join().unwrap();
        assert_eq!(lane.held(), 0);
    });
    let _held = one(&lane, Size::default()).unwrap();
    // Nobody waits for this one any more.
    lane.wait_for_room(Size::default(), 1, &|| true);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lane.wait_for_room(Size::default(), 1, &|| false));
        lane.stop_blocking();
        waiting.join().unwrap();
    });
    assert!(!one(&lane, Size::default()).err().unwrap().waits);
}

#[tokio::test]
async fn a_letter_sent_again_from_memory_stays_one_until_it_has_arrived() {
    let bench = Bench::new([failed(FailureClass::Permanent), failed(FailureClass::Permanent)]);
    let lane = bench.lane(&config(|_| {}));
    bench.send(&lane, &["one"], None);
    run_to_the_end(lane, &bench).await;
    for (number, left) in [(0, vec![1]), (1, vec![])] {
        let lane = bench.lane(&config(|_| {}));
        let (_, letter) = bench.dead_letters.read(number).unwrap();
        let claim = bench.dead_letters.claim(number).unwrap();
        assert!(matches!(bench.dead_letters.claim(number), Err(LetterError::InHand(_))), "one at a time");
        lane.try_reserve(Size::of(&letter)).unwrap().send_letter(letter, claim.hand_over());
        assert!(bench.dead_letters.read(number).is_ok());
        run_to_the_end(lane, &bench).await;
        let numbers: Vec<u64> = bench.dead_letters.list().unwrap().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, left, "refused once more it is a new letter, delivered none");
        assert_eq!(bench.total("otelier_dead_letters"), left.len() as i64);
    }
}

#[test]
fn all_queues_together_are_bounded() {
    let bench = Bench::new([]);
    let lane = bench.lane(&config(|_| {}));
    let large = Size { requests: 1, items: 1, bytes: 1 << 20 };
    bench.budget.force(1);
    assert!(one(&lane, large).is_err());
    bench.budget.give(1);
    let reserved = one(&lane, large).unwrap();
    assert!(one(&bench.lane(&config(|_| {})), Size { bytes: 1, ..large }).is_err(), "what is reserved counts");
    reserved.send(vec![batch("it is smaller than it was expected to be")], None);
    assert_eq!(bench.budget.used(), 40);
    drop(one(&lane, Size { bytes: 100, ..large }).unwrap());
    assert_eq!(bench.budget.used(), 40, "what was reserved and is not used is given back");
}

#[test]
fn room_on_disk_counts_from_the_moment_it_is_reserved() {
    let bench = Bench::new([]);
    let lane = bench.lane(&config(|config| config.queue.storage = Some("rocksdb".parse().unwrap())));
    let half = Size { requests: 1, items: 1, bytes: 1 << 19 };
    let reserved = lane.reserve(half, 2).unwrap();
    assert!(one(&lane, half).is_err());
    drop(reserved);
    assert!(one(&lane, half).is_ok());
}

#[tokio::test]
async fn a_sender_that_waits_hears_what_the_destination_says() {
    let partial = Outcome::Partial { rejected: 1, message: "too old".to_owned() };
    for (outcome, expected) in [
        (Outcome::Delivered, Ok(Accepted { items: 2, ..Accepted::default() })),
        (partial, Ok(Accepted { items: 2, rejected: 1, rejected_reason: "too old".to_owned() })),
        (
            failed(FailureClass::Permanent),
            Err(Refusal::Undelivered {
                exporter: "otlp".to_owned(),
                reason: "scripted".to_owned(),
                code: Code::Internal,
                retry_after: None,
            }),
        ),
    ] {
        let bench = Bench::new([outcome]);
        let lane = bench.lane(&config(|config| config.queue.wait_for_result = true));
        let (sender, receiver) = oneshot::channel::<Answer>();
        let waiter = Waiter::new(sender, Accepted { items: 2, ..Accepted::default() });
        bench.send(&lane, &["one"], Some(&waiter));
        drop(waiter);
        run_to_the_end(lane, &bench).await;
        assert_eq!(receiver.await.unwrap(), expected);
    }
}

/// A request of log records with these times.
fn logs(times: &[u8]) -> Batch {
    let mut records = Vec::new();
    for time in times {
        let mut record = Vec::new();
        put_fixed64(&mut record, 1, u64::from(*time));
        put_bytes(&mut records, 2, &record);
    }
    let (mut scopes, mut request) = (Vec::new(), Vec::new());
    put_bytes(&mut scopes, 2, &records);
    put_bytes(&mut request, 1, &scopes);
    Batch { bytes: request.into(), items: Some(times.len() as u64), ..batch("") }
}

fn send_batches(lane: &PushLane, batches: Vec<Batch>) {
    batches.into_iter().for_each(|batch| one(lane, Size::of(&batch)).unwrap().send(vec![batch], None));
}

fn batching(json: &str) -> Delivery {
    let queue: SendingQueue = serde_json::from_str(&format!(r#"{{"batch": {json}}}"#)).unwrap();
    config(|config| config.queue.batch = queue.batch.clone())
}

fn items_of(got: &[Bytes]) -> Vec<u64> {
    got.iter().map(|bytes| check(Signal::Logs, bytes, Strings::Utf8).unwrap()).collect()
}

#[tokio::test]
async fn small_batches_are_merged_and_large_ones_split() {
    let bench = Bench::new([]);
    let lane = bench.lane(&batching(r#"{"min_size": 4, "max_size": 5, "flush_timeout": "1h"}"#));
    send_batches(&lane, vec![logs(&[1, 2]), logs(&[3]), logs(&[4, 5, 6, 7, 8, 9, 10, 11]), logs(&[12])]);
    let client: Arc<dyn Client> = bench.client.clone();
    let running = tokio::spawn(lane.clone().run(client));
    while bench.got().len() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The last one waits for company until the end.
    lane.close();
    running.await.unwrap();
    assert_eq!(items_of(&bench.got()), [5, 5, 1, 1]);
    assert_eq!(bench.total("otelcol_exporter_sent_log_records"), 12);
    assert_eq!((lane.shared.lock().queue.held(), bench.budget.used()), (Size::default(), 0));
}

#[tokio::test]
async fn a_batch_waits_no_longer_than_its_time() {
    let bench = Bench::new([]);
    let lane = bench.lane(&batching(r#"{"min_size": 1000, "flush_timeout": "5ms"}"#));
    send_batches(&lane, vec![logs(&[1]), logs(&[2])]);
    run_to_the_end(lane, &bench).await;
    assert_eq!(items_of(&bench.got()).iter().sum::<u64>(), 2);
}

/// Batches that gather hold room in the queue: whoever finds none ends their wait.
#[tokio::test]
async fn batches_gather_no_longer_where_the_queue_is_full() {
    let bench = Bench::new([]);
    let mut delivery = batching(r#"{"min_size": 1000, "flush_timeout": "1h"}"#);
    delivery.queue.queue_size = 3.try_into().unwrap();
    let lane = bench.lane(&delivery);
    let client: Arc<dyn Client> = bench.client.clone();
    let running = tokio::spawn(lane.clone().run(client));
    send_batches(&lane, vec![logs(&[1]), logs(&[2]), logs(&[3])]);
    while one(&lane, Size::of(&logs(&[4]))).is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(items_of(&bench.got()).iter().sum::<u64>(), 3);
    lane.close();
    running.await.unwrap();
}

#[tokio::test]
async fn partitions_are_never_merged() {
    let bench = Bench::new([]);
    let lane = bench.lane(&batching(r#"{"min_size": 4, "partition": {"metadata_keys": ["X-Tenant"]}}"#));
    let of = |tenant: &str, times: &[u8]| {
        let metadata = vec![("x-tenant".to_owned(), tenant.to_owned()), ("x-request".to_owned(), format!("{times:?}"))];
        Batch { metadata: Metadata::new(metadata), ..logs(times) }
    };
    send_batches(&lane, vec![of("a", &[1, 2]), of("b", &[3]), of("a", &[4, 5]), of("b", &[6, 7, 8])]);
    run_to_the_end(lane, &bench).await;
    assert_eq!(items_of(&bench.got()), [4, 4]);
}

#[tokio::test]
async fn a_part_that_is_refused_dies_alone() {
    let bench = Bench::new([Outcome::Delivered, failed(FailureClass::Permanent)]);
    let lane = bench.lane(&batching(r#"{"min_size": 2, "max_size": 2}"#));
    send_batches(&lane, vec![logs(&[1, 2, 3, 4, 5, 6])]);
    run_to_the_end(lane, &bench).await;
    assert_eq!(items_of(&bench.got()), [2, 2, 2]);
    assert_eq!(bench.total("otelcol_exporter_sent_log_records"), 4);
    assert_eq!(bench.dead_letters.read(0).unwrap().0.items, 2);
}

/// A destination that answers the first request when it is let, and no other.
#[derive(Default)]
struct Held {
    sent: AtomicUsize,
    let_go: Notify,
}

impl Client for Held {
    fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(async move {
            match self.sent.fetch_add(1, Ordering::SeqCst) {
                0 => self.let_go.notified().await,
                _ => return failed(FailureClass::Unavailable),
            }
            Outcome::Delivered
        })
    }

    fn destination(&self) -> String {
        "held".to_owned()
    }
}

#[tokio::test]
async fn an_entry_of_which_a_part_was_not_sent_stays_on_disk_whatever_becomes_of_the_others() {
    let bench = Bench::new([]);
    let mut config = batching(r#"{"min_size": 1, "max_size": 1}"#);
    config.queue.storage = "rocksdb".parse().ok();
    config.queue.num_consumers = 2.try_into().unwrap();
    config.retry.initial_interval = Duration::from_secs(3600);
    config.retry.max_elapsed_time = Duration::ZERO;
    let lane = bench.lane(&config);
    let entry = logs(&[1, 2]);
    let (mut reserved, mut writes) = (one(&lane, Size::of(&entry)).unwrap(), Vec::new());
    reserved.prepare(std::slice::from_ref(&entry), &mut writes);
    bench.store.commit(&writes, false).unwrap();
    reserved.send(vec![entry], None);
    let client = Arc::new(Held::default());
    let running = tokio::spawn(lane.clone().run(client.clone()));
    while bench.total("otelier_exporter_retries") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let working = Arc::strong_count(&lane.shared);
    lane.close();
    // The consumer that waits for its next attempt ends at once, before the other has its answer.
    while Arc::strong_count(&lane.shared) == working {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.let_go.notify_one();
    running.await.unwrap();
    assert_eq!(bench.total("otelcol_exporter_sent_log_records"), 1);
    assert_eq!(bench.lane(&config).shared.lock().queue.held().items, 2);
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_merged_with_what_a_sender_still_has() {
    let bench = Bench::new([failed(FailureClass::Permanent), failed(FailureClass::Permanent)]);
    let mut config = batching(r#"{"min_size": 4, "flush_timeout": "1ms"}"#);
    config.queue.wait_for_result = true;
    let lane = bench.lane(&config);
    let (sender, receiver) = oneshot::channel::<Answer>();
    let waiter = Waiter::new(sender, Accepted { items: 2, ..Accepted::default() });
    for (times, waiter) in [([1, 2], Some(&waiter)), ([3, 4], None)] {
        let batch = logs(&times);
        one(&lane, Size::of(&batch)).unwrap().send(vec![batch], waiter);
    }
    drop(waiter);
    run_to_the_end(lane, &bench).await;
    assert!(receiver.await.unwrap().is_err(), "the sender sends again what it has");
    assert_eq!(bench.dead_letters.len(), 1);
    assert_eq!(bench.dead_letters.read(0).unwrap().1.bytes, logs(&[3, 4]).bytes, "only what nobody else has is kept");
}

#[tokio::test]
async fn what_is_refused_of_merged_batches_is_told_once() {
    let bench = Bench::new([Outcome::Partial { rejected: 3, message: "too old".to_owned() }]);
    let mut config = batching(r#"{"min_size": 4, "flush_timeout": "1h"}"#);
    config.queue.wait_for_result = true;
    let lane = bench.lane(&config);
    let send = |times: &[u8]| {
        let (sender, receiver) = oneshot::channel::<Answer>();
        let waiter = Waiter::new(sender, Accepted { items: 2, ..Accepted::default() });
        let batch = logs(times);
        one(&lane, Size::of(&batch)).unwrap().send(vec![batch], Some(&waiter));
        receiver
    };
    let answers = [send(&[1, 2]), send(&[3, 4])];
    run_to_the_end(lane.clone(), &bench).await;
    let mut rejected = Vec::new();
    for answer in answers {
        rejected.push(answer.await.unwrap().unwrap().rejected);
    }
    assert_eq!((items_of(&bench.got()), rejected), (vec![4], vec![2, 1]));
}
