#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use bytes::Bytes;

use super::*;
use crate::contract::FailureClass;
use crate::storage::{Family, Store};

const HEAD: u8 = 0;
const PAYLOAD: u8 = 1;
const MARK: u8 = 2;

fn batch(length: usize) -> Batch {
    Batch {
        signal: Signal::Logs,
        bytes: vec![7; length].into(),
        items: Some(3),
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::new(vec![("x-tenant".into(), "a".into())]),
    }
}

fn bury(letters: &DeadLetters, length: usize) {
    let reason = "400: a point is too old".to_owned();
    let failure = Failure { class: FailureClass::Permanent, reason, retry_after: None, answered: None };
    letters.remove(&[], &letters.bury(&"otlp/one".parse().unwrap(), &batch(length), &failure, 5)).unwrap();
}

fn numbers(letters: &DeadLetters) -> Vec<u64> {
    letters.list().unwrap().into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_letter_is_what_could_not_be_delivered_and_why() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let letters = DeadLetters::open(store.queues(), 1000, &Registry::default()).unwrap();
    bury(&letters, 400);
    let (head, read) = letters.read(0).unwrap();
    assert_eq!((head.exporter.as_str(), head.items, head.class.as_str()), ("otlp/one", 3, "permanent"));
    assert_eq!(head.reason, "400: a point is too old");
    let sent = batch(400);
    assert_eq!((read.signal, &read.bytes, read.items), (sent.signal, &sent.bytes, sent.items));
    assert_eq!((read.invalid_utf8, read.metadata), (sent.invalid_utf8, sent.metadata));
    let error = letters.read(9).unwrap_err().to_string();
    assert!(error.contains("no dead letter 9"), "{error}");
}

#[test]
fn items_that_break_a_plugin_make_room_for_their_like_and_come_back_where_that_failed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let letters = DeadLetters::open(store.queues(), 3000, &Registry::default()).unwrap();
    let stage = Stage { pipeline: "logs".into(), processor: "filter".into(), plugin: "00".into() };
    let poison = |letters: &DeadLetters| {
        let mut writes = Vec::new();
        (letters.bury_poison(&stage, &batch(400), &"x".repeat(5000), 5, &mut writes), writes)
    };
    bury(&letters, 400);
    let (_, writes) = poison(&letters);
    letters.remove(&[], &writes).unwrap();
    let (burial, _) = poison(&letters);
    assert_eq!(letters.len(), 2);
    letters.unbury(burial);
    assert_eq!((letters.len(), numbers(&letters)), (2, vec![0, 1]));
    let (_, writes) = poison(&letters);
    letters.remove(&[], &writes).unwrap();
    // Number 2 was never written.
    assert_eq!(numbers(&letters), [0, 3]);
    assert_eq!(letters.read(3).unwrap().0.reason.len(), REASON_BYTES_MAX);
}

#[test]
fn a_letter_that_was_never_written_does_not_come_back_with_those_that_took_its_room() {
    let directory = tempfile::tempdir().unwrap();
    let (store, registry) = (Store::open(directory.path()).unwrap(), Registry::default());
    let letters = DeadLetters::open(store.queues(), 1500, &registry).unwrap();
    let stage = Stage { pipeline: "logs".into(), processor: "filter".into(), plugin: "00".into() };
    let poison = || letters.bury_poison(&stage, &batch(900), "", 5, &mut Vec::new());
    let (first, second, third) = (poison(), poison(), poison());
    letters.unbury(first);
    letters.unbury(second);
    letters.unbury(third);
    assert!(letters.is_empty() && registry.total("otelier_dead_letters", &[]) == 0);
    assert_eq!(registry.total("otelier_dead_letters_evicted", &[]), 0, "nothing that was kept had to go");
}

#[test]
fn the_oldest_make_room_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let registry = Registry::default();
    let letters = DeadLetters::open(store.queues(), 1500, &registry).unwrap();
    (0..3).for_each(|_| bury(&letters, 400));
    assert_eq!(numbers(&letters), [1, 2]);
    let letters = DeadLetters::open(store.queues(), 1500, &registry).unwrap();
    bury(&letters, 400);
    assert_eq!(numbers(&letters), [2, 3]);
    assert_eq!(registry.total("otelier_dead_letters_evicted", &[]), 2);
    letters.remove(&[2], &letters.removal(2)).unwrap();
    assert_eq!(numbers(&letters), [3]);
    let kept: usize = [HEAD, PAYLOAD].iter().map(|section| stored(&store, *section).len()).sum();
    assert_eq!(registry.total("otelier_dead_letter_bytes", &[]), kept as i64);
}

fn stored(store: &Store, section: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = &mut |_: Bytes, value: Bytes| {
        bytes.extend_from_slice(&value);
        ControlFlow::Continue(())
    };
    store.backend().range(Family::Dead, &[section], &[section + 1], all).unwrap();
    bytes
}

#[test]
fn what_is_kept_about_a_letter_takes_room_as_the_letter_does() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let letters = DeadLetters::open(store.queues(), 4000, &Registry::default()).unwrap();
    let stage = Stage { pipeline: "logs".into(), processor: "filter".into(), plugin: "00".into() };
    for _ in 0..100 {
        let mut writes = Vec::new();
        let burial = letters.bury_poison(&stage, &batch(1), &"x".repeat(1000), 5, &mut writes);
        letters.remove(&[], &writes).unwrap();
        letters.buried([burial].iter());
    }
    assert_eq!(numbers(&letters), [97, 98, 99]);
    assert!(stored(&store, HEAD).len() <= 4000);
}

#[test]
fn a_number_is_given_out_once_also_when_all_letters_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let open = || DeadLetters::open(store.queues(), 1000, &Registry::default()).unwrap();
    let drop_all = |letters: &DeadLetters, order: &[u64]| {
        order.iter().for_each(|number| letters.remove(&[*number], &letters.removal(*number)).unwrap());
        assert!(letters.is_empty());
    };
    let letters = open();
    (0..3).for_each(|_| bury(&letters, 10));
    drop_all(&letters, &[2, 0, 1]);
    for round in 0..3 {
        let letters = open();
        bury(&letters, 10);
        assert_eq!(numbers(&letters), [3 + round], "after a restart");
        drop_all(&letters, &[3 + round]);
    }
    let mut marks = 0;
    let count = &mut |_: Bytes, _: Bytes| {
        marks += 1;
        ControlFlow::Continue(())
    };
    store.backend().range(Family::Dead, &[MARK], &[MARK + 1], count).unwrap();
    assert_eq!(marks, 1, "older marks go");
}

/// Two commits that remove letters may arrive in the other order.
#[test]
fn a_removal_that_is_stored_late_takes_no_number_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let letters = DeadLetters::open(store.queues(), 1000, &Registry::default()).unwrap();
    bury(&letters, 10);
    let late = letters.removal(0);
    bury(&letters, 10);
    letters.remove(&[1], &letters.removal(1)).unwrap();
    letters.remove(&[0], &late).unwrap();
    let letters = DeadLetters::open(store.queues(), 1000, &Registry::default()).unwrap();
    bury(&letters, 10);
    assert_eq!(numbers(&letters), [2]);
}

#[test]
fn a_letter_is_in_one_hand_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let letters = DeadLetters::open(store.queues(), 1000, &Registry::default()).unwrap();
    bury(&letters, 10);
    let claim = letters.claim(0).unwrap();
    assert!(matches!(letters.claim(0), Err(LetterError::InHand(0))));
    drop(claim);
    let claim = letters.claim(0).unwrap();
    letters.remove(&[0], &letters.removal(0)).unwrap();
    assert!(matches!(letters.claim(0), Err(LetterError::Missing(0))), "it was sent, whoever asks later");
    drop(claim);
    assert!(matches!(letters.claim(0), Err(LetterError::Missing(0))));
}
