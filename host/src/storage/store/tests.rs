#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use super::*;
use crate::storage::memory::{Fault, Memory};
use crate::storage::{Namespace, Section};

fn store() -> (Arc<Memory>, Store) {
    let memory = Arc::new(Memory::default());
    (Arc::clone(&memory), Store::on(memory))
}

/// A change of state, and one of a queue.
fn trip(store: &Store) -> Vec<Write> {
    let namespace = Namespace::new(&"aggregate".parse().unwrap(), None);
    let state = StateStore::put(namespace.key(Section::Data, b"total"), "7".into());
    let entry = store.queues().queue(&"otlp".parse().unwrap()).put(3, "head".into(), "payload".into());
    [&[state][..], &entry].concat()
}

fn total(store: &Store) -> Result<Option<bytes::Bytes>, StoreError> {
    store.state().get(b"aggregate\0\x03total")
}

#[test]
fn a_trip_s_changes_are_one_commit() {
    let (memory, store) = store();
    let queue = store.queues().queue(&"otlp".parse().unwrap());
    store.commit(&trip(&store), false).unwrap();
    assert_eq!(memory.unsynced(), 1, "of state and queue together");
    assert_eq!(total(&store).unwrap().unwrap(), "7");
    assert_eq!(
        (queue.head(3).unwrap().unwrap(), queue.payload(3).unwrap().unwrap()),
        ("head".into(), "payload".into())
    );
    memory.cut_power(0);
    assert_eq!((total(&store).unwrap(), queue.head(3).unwrap(), queue.payload(3).unwrap()), (None, None, None));
    memory.set_fault(Some(Fault::Full));
    assert!(store.commit(&trip(&store), true).is_err());
    memory.set_fault(None);
    assert_eq!((total(&store).unwrap(), queue.head(3).unwrap()), (None, None));
    assert!(store.queues().holders().unwrap().is_empty());
}

#[test]
fn ends_of_two_backends_make_no_store() {
    let ((_, one), (_, other)) = (store(), store());
    let error = Store::of(one.state(), other.queues()).unwrap_err();
    assert!(matches!(error, StoreError::Apart), "{error}");
    let both = Store::of(one.state(), one.queues()).unwrap();
    both.commit(&trip(&both), true).unwrap();
    assert!(total(&one).unwrap().is_some() && total(&other).unwrap().is_none());
}

/// An end that cannot read has no keys, which is something else than none.
#[test]
fn what_cannot_be_read_is_not_absent() {
    let (memory, store) = store();
    store.commit(&trip(&store), true).unwrap();
    memory.set_fault(Some(Fault::Unreadable));
    let queues = store.queues();
    let queue = queues.queue(&"otlp".parse().unwrap());
    let all = |_: bytes::Bytes, _: bytes::Bytes| ControlFlow::Continue(());
    let (start, end) = Namespace::new(&"aggregate".parse().unwrap(), None).range();
    assert!(total(&store).is_err() && store.state().range(&start, &end, all).is_err());
    assert!(store.state().each_steady(|_| {}).is_err());
    assert!(queue.head(3).is_err() && queue.payload(3).is_err());
    assert!(queue.each_head(|_, _| ControlFlow::Continue(())).is_err() && queues.holders().is_err());
    assert!(queues.letter_head(0).is_err() && queues.letter_payload(0).is_err());
    assert!(queues.each_letter(|_, _| {}).is_err() && queues.each_mark(|_| {}).is_err());
}

#[test]
fn a_probe_leaves_nothing() {
    let (_, store) = store();
    store.commit(&QueueStore::probe(64 << 10), true).unwrap();
    assert!(store.backend().get(crate::storage::Family::Dead, &[0xff]).unwrap().is_none());
}

/// Keys of a store of an earlier version.
#[test]
fn queues_and_letters_are_where_they_always_were() {
    let (_, store) = store();
    let queue = store.queues().queue(&"otlp/a".parse().unwrap());
    let key = |write: &Write| match write {
        Write::Put(family, key, _) | Write::Delete(family, key) => (family.name(), key.to_vec()),
        Write::DeleteRange(..) => unreachable!("no range"),
    };
    let keys = |writes: &[Write]| writes.iter().map(key).collect::<Vec<_>>();
    let entry = |family| (family, b"otlp/a\0\0\0\0\0\0\0\x01\x02".to_vec());
    let expected = [entry("queue"), entry("payload")];
    assert_eq!(keys(&queue.put(258, "".into(), "".into())), expected);
    assert_eq!(keys(&queue.removal(258)), expected);
    let letter = |section: u8| ("dead", [&[section][..], &[0, 0, 0, 0, 0, 0, 1, 2]].concat());
    assert_eq!(keys(&QueueStore::put_letter(258, "".into(), "".into())), [letter(0), letter(1)]);
    assert_eq!(keys(&QueueStore::letter_removal(258)), [letter(0), letter(1)]);
    assert_eq!(keys(&[QueueStore::put_mark(258), QueueStore::mark_removal(258)]), [letter(2), letter(2)]);
}
