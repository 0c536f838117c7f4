#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;

use super::steady::stored_steady;
use super::{CALL_MAX, ENTRY_BYTES, Extent, MergeOp, Namespace, Section, Snapshot, State, StateError, Watermark};
use crate::contract::ComponentId;
use crate::storage::{StateStore, Store, Write};

fn state(store: &Store, watermark: &Watermark) -> State {
    let id: ComponentId = "aggregate/a".parse().unwrap();
    State::new(Some(store.state()), &Namespace::new(&id, None), watermark.clone())
}

fn keys(state: &State, limit: usize) -> (Vec<(String, String)>, bool) {
    let found = state.range(b"a", b"z", limit).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (found.entries.iter().map(|(key, value)| (text(key), text(value))).collect(), found.more)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn reads_see_every_layer_over_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let watermark = Watermark::default();
    let mut state = state(&store, &watermark);
    for (key, value) in [("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")] {
        state.set(key.as_bytes(), value.as_bytes()).unwrap();
    }
    store.commit(&state.finish(1), true).unwrap();
    watermark.advance(1);

    state.begin();
    state.delete_range(b"c", b"e").unwrap();
    state.set(b"d", b"2").unwrap();
    let second = state.finish(2);
    state.begin();
    state.set(b"a", b"3").unwrap();
    state.delete(b"b").unwrap();
    assert_eq!(keys(&state, 10), (pairs(&[("a", "3"), ("d", "2"), ("e", "1")]), false));
    assert_eq!(keys(&state, 2), (pairs(&[("a", "3"), ("d", "2")]), true));
    assert_eq!(state.get(b"c").unwrap(), None);

    // The second layer arrives, the third is discarded.
    store.commit(&second, true).unwrap();
    watermark.advance(2);
    state.begin();
    assert_eq!(keys(&state, 10), (pairs(&[("b", "1"), ("d", "2"), ("e", "1")]), false));
}

#[test]
fn a_discarded_call_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut state = state(&store, &Watermark::default());
    state.begin();
    state.set(b"a", b"1").unwrap();
    state.begin();
    assert_eq!(state.get(b"a").unwrap(), None);
    assert!(state.finish(1).is_empty());
}

#[test]
fn bounds_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut state = state(&store, &Watermark::default());
    assert!(state.set(b"", b"1").is_err());
    assert!(state.set(&[b'a'; 1025], b"1").is_err());
    assert!(state.set(b"a", &vec![0; (16 << 20) + 1]).is_err());
    assert!(state.delete_range(b"b", b"a").is_err());
}

/// A component with room for so many of [`VALUE`] under keys of one byte.
struct Bounded {
    _directory: tempfile::TempDir,
    store: Store,
    watermark: Watermark,
    state: State,
    trip: u64,
}

const VALUE: &[u8] = &[7; 100];
/// `aggregate/a`, 0, section, one byte, and the value.
const ENTRY: u64 = 11 + 1 + 1 + 1 + 100;

impl Bounded {
    fn new(entries: u64) -> Bounded {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let watermark = Watermark::default();
        let state = state(&store, &watermark).with_quota(entries * ENTRY);
        Bounded { _directory: directory, store, watermark, state, trip: 0 }
    }

    /// One call that counts.
    fn call(&mut self, call: impl FnOnce(&mut State)) {
        self.state.begin();
        call(&mut self.state);
        self.trip += 1;
        let writes = self.state.finish(self.trip);
        self.store.commit(&writes, false).unwrap();
        self.watermark.advance(self.trip);
    }

    /// The same instance's successor.
    fn rebuild(&mut self, entries: u64) {
        self.state = state(&self.store, &self.watermark).with_quota(entries * ENTRY);
    }
}

fn is_refused(state: &mut State, key: u8) -> bool {
    matches!(state.set(&[key], VALUE), Err(StateError::Quota(_)))
}

#[test]
fn a_quota_refuses_what_is_too_much_and_nothing_else() {
    let mut bounded = Bounded::new(4);
    for key in 0..4 {
        bounded.call(|state| assert!(!is_refused(state, key), "{key}"));
    }
    bounded.call(|state| assert!(is_refused(state, 4)));
    // What is there already does not count twice, in whatever call it was written.
    for _ in 0..100 {
        bounded.call(|state| (0..4).for_each(|key| assert!(!is_refused(state, key), "{key}")));
    }
    bounded.call(|state| {
        state.delete(&[1]).unwrap();
        assert!(!is_refused(state, 4) && is_refused(state, 1));
        state.delete_range(&[2], &[4]).unwrap();
        assert!(!is_refused(state, 1) && !is_refused(state, 2) && is_refused(state, 3));
    });
    bounded.rebuild(4);
    bounded.call(|state| assert!(is_refused(state, 3) && !is_refused(state, 2)));
}

/// Far from the quota nothing is looked up, so that the same key counts again and again: until that matters.
#[test]
fn a_key_that_is_rewritten_for_ever_is_never_refused() {
    let mut bounded = Bounded::new(4);
    for _ in 0..1000 {
        bounded.call(|state| assert!(!is_refused(state, 0)));
    }
    // Many times in one call as well, and on its way to the store.
    bounded.state.begin();
    for _ in 0..1000 {
        assert!(!is_refused(&mut bounded.state, 0));
    }
    let flying = bounded.state.finish(2000);
    bounded.state.begin();
    for _ in 0..1000 {
        assert!(!is_refused(&mut bounded.state, 0));
    }
    assert!(!flying.is_empty());
}

#[test]
fn a_discarded_call_takes_no_room() {
    let mut bounded = Bounded::new(4);
    bounded.call(|state| assert!(!is_refused(state, 0)));
    for _ in 0..100 {
        bounded.state.begin();
        (1..4).for_each(|key| assert!(!is_refused(&mut bounded.state, key)));
    }
    bounded.call(|state| (1..4).for_each(|key| assert!(!is_refused(state, key))));
}

#[test]
fn dictionaries_take_room_and_are_never_refused() {
    let mut bounded = Bounded::new(4);
    bounded.call(|state| (0..8).for_each(|code| state.put_code(b"keying", code, VALUE).unwrap()));
    bounded.call(|state| assert!(is_refused(state, 0)));
    bounded.call(|state| (0..8).for_each(|code| state.delete_code(b"keying", code).unwrap()));
    bounded.call(|state| assert!(!is_refused(state, 0)));
}

/// A store of a version that did not count.
#[test]
fn what_was_never_counted_is_counted_at_the_first_write() {
    let mut bounded = Bounded::new(1000);
    bounded.call(|state| (0..4).for_each(|key| assert!(!is_refused(state, key))));
    let key = [b"aggregate/a\0\x01", &b"bytes"[..]].concat();
    bounded.store.commit(&[StateStore::delete(key.into())], false).unwrap();
    bounded.rebuild(4);
    bounded.call(|state| assert!(is_refused(state, 4) && !is_refused(state, 0)));
}

/// Against a map, with calls that count and calls that do not.
#[test]
fn the_count_is_what_is_there() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bounded = Bounded::new(10);
        let mut model: BTreeMap<u8, u64> = BTreeMap::new();
        for _ in 0..200 {
            let counts = random.u8(0..4) > 0;
            let mut changed = model.clone();
            bounded.state.begin();
            for _ in 0..random.u8(0..6) {
                step(&mut random, &mut bounded.state, &mut changed);
            }
            if counts {
                bounded.trip += 1;
                let writes = bounded.state.finish(bounded.trip);
                bounded.store.commit(&writes, false).unwrap();
                if random.bool() {
                    bounded.watermark.advance(bounded.trip);
                }
                model = changed;
            }
        }
    }
}

fn step(random: &mut fastrand::Rng, state: &mut State, model: &mut BTreeMap<u8, u64>) {
    let (key, length) = (random.u8(0..20), random.usize(0..250));
    match random.u8(0..10) {
        0 => {
            state.delete(&[key]).unwrap();
            model.remove(&key);
        }
        1 => {
            state.delete_range(&[key], &[key + 3]).unwrap();
            model.retain(|at, _| !(key..key + 3).contains(at));
        }
        2 | 3 => {
            let (cost, replaced) = (ENTRY - 100 + 8, model.get(&key).copied());
            let is_number = replaced.is_none_or(|replaced| replaced == cost);
            let fits = replaced.is_some() || model.values().sum::<u64>() + cost <= 10 * ENTRY;
            let merged = state.merge_integers(MergeOp::Add, std::iter::once((&[key][..], 1)));
            assert_eq!(merged.is_ok(), is_number && fits, "{merged:?} {model:?}");
            if merged.is_ok() {
                model.insert(key, cost);
            }
        }
        _ => {
            let cost = ENTRY - 100 + length as u64;
            let replaced = model.get(&key).copied().unwrap_or_default();
            let fits = model.values().sum::<u64>() - replaced + cost <= 10 * ENTRY || cost <= replaced;
            let taken = state.set(&[key], &vec![0; length]);
            assert_eq!(taken.is_ok(), fits, "{taken:?} {model:?}");
            if fits {
                model.insert(key, cost);
            }
        }
    }
}

/// Random changes of one call.
fn change(random: &mut fastrand::Rng, state: &mut State, value: u64) {
    for _ in 0..random.usize(0..4) {
        let key = [random.u8(b'a'..=b'y')];
        match random.u8(0..8) {
            0 => state.delete(&key).unwrap(),
            1 => state.delete_range(&key, &[random.u8(key[0]..=b'z')]).unwrap(),
            2 => state.put_code(b"keying", u32::from(key[0]), &value.to_be_bytes()).unwrap(),
            3 => state.delete_code(b"keying", u32::from(key[0])).unwrap(),
            // What is no number stays as it is.
            4 | 5 => drop(state.merge_integers(MergeOp::Add, std::iter::once((&key[..], value as i64)))),
            _ => state.set(&key, value.to_string().as_bytes()).unwrap(),
        }
    }
}

/// Keys, codes, and what wrote them.
type Seen = (BTreeMap<Vec<u8>, Bytes>, BTreeMap<u32, Vec<u8>>, Option<Bytes>);

/// All that a component sees of its state, keys one by one and as ranges.
fn seen(state: &State) -> Seen {
    let all = state.range(b"a", b"z", 1000).unwrap().entries;
    let ranged: BTreeMap<Vec<u8>, Bytes> = all.into_iter().map(|(key, value)| (key.to_vec(), value)).collect();
    let single = (b'a'..=b'y').filter_map(|key| Some((vec![key], state.get(&[key]).unwrap()?)));
    assert_eq!(ranged, single.collect());
    let mut codes = BTreeMap::new();
    state.each_code(b"keying", |code, key| drop(codes.insert(code, key.to_vec()))).unwrap();
    (ranged, codes, state.meta().unwrap())
}

/// Wherever the mark, the reading and the fork fall among commits that are under way: the fork is the present, and once it is adopted the
/// state and the store are what the fork has become.
#[test]
fn a_fork_is_the_present_and_can_take_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let id: ComponentId = "aggregate/a".parse().unwrap();
    let namespace = Namespace::new(&id, None);
    let other: ComponentId = "aggregate/b".parse().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let mut foreign = State::new(Some(store.state()), &Namespace::new(&other, None), Watermark::default());
    foreign.set(b"m", b"not ours").unwrap();
    store.commit(&foreign.finish(1), true).unwrap();
    for round in 0..300 {
        let watermark = Watermark::default();
        let mut state = state(&store, &watermark);
        let (marked_at, read_at, forked_at) = (random.u64(1..10), random.u64(0..5), random.u64(0..5));
        let (read_at, forked_at) = (marked_at + read_at, marked_at + read_at + forked_at);
        let (mut mark, mut snapshot, mut waiting) = (None, None, Vec::new());
        let mut fork: Option<State> = None;
        for trip in 1..30 {
            state.begin();
            change(&mut random, &mut state, trip);
            waiting.push((trip, state.finish(trip)));
            if let Some(fork) = &mut fork {
                fork.begin();
                let value = trip + random.u64(0..2) * 100;
                change(&mut random, fork, value);
                if random.u8(0..8) == 0 {
                    fork.set_meta(b"another format").unwrap();
                }
                fork.keep(trip);
            }
            if trip == marked_at {
                mark = Some(state.mark(1));
            }
            for (trip, writes) in waiting.drain(..random.usize(0..=waiting.len())) {
                store.commit(&writes, false).unwrap();
                watermark.advance(trip);
            }
            if trip == read_at {
                snapshot = Snapshot::read(&store.state(), &namespace, Extent::Whole, mark.take().unwrap(), usize::MAX)
                    .unwrap();
            }
            if trip == forked_at {
                fork = state.fork(snapshot.take().unwrap());
                assert_eq!(seen(fork.as_ref().unwrap()), seen(&state), "round {round}");
            }
        }
        let mut fork = fork.unwrap();
        fork.begin();
        state.begin();
        state.adopt(&fork).unwrap();
        waiting.push((30, state.finish(30)));
        assert_eq!(seen(&state), seen(&fork), "round {round}");
        waiting.iter().for_each(|(_, writes)| store.commit(writes, false).unwrap());
        let stored = State::new(Some(store.state()), &namespace, Watermark::default());
        assert_eq!(seen(&stored), seen(&fork), "round {round}");
    }
    let foreign = State::new(Some(store.state()), &Namespace::new(&other, None), Watermark::default());
    assert_eq!(foreign.get(b"m").unwrap().unwrap(), "not ours");
}

/// The same calls make the same state: there is nothing to write, even where one has folded what the other has not.
#[test]
fn what_is_alike_is_not_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let id: ComponentId = "aggregate/a".parse().unwrap();
    let watermark = Watermark::default();
    let mut state = state(&store, &watermark);
    state.set(b"p", b"page").unwrap();
    state.set(b"j", b"journal").unwrap();
    store.commit(&state.finish(1), true).unwrap();
    watermark.advance(1);
    let mark = state.mark(1);
    let snapshot =
        Snapshot::read(&store.state(), &Namespace::new(&id, None), Extent::Whole, mark, usize::MAX).unwrap().unwrap();
    let mut fork = state.fork(snapshot).unwrap();
    for state in [&mut state, &mut fork] {
        state.begin();
        state.set(b"k", b"value").unwrap();
        state.delete_range(b"j", b"k").unwrap();
    }
    state.finish(2);
    fork.set(b"l", b"alone").unwrap();
    fork.delete(b"p").unwrap();
    fork.keep(2);
    state.begin();
    state.adopt(&fork).unwrap();
    let written = state.finish(3);
    let keys = |write: &Write| match write {
        Write::Put(_, key, _) | Write::Delete(_, key) => String::from_utf8_lossy(key).into_owned(),
        Write::DeleteRange(..) => "a range".to_owned(),
    };
    let written: Vec<String> = written.iter().map(keys).collect();
    assert_eq!(written.len(), 4, "two keys, the count and the time: {written:?}");
    assert!(written[0].ends_with('l') && written[1].ends_with('p'), "{written:?}");
}

#[test]
fn a_snapshot_of_another_mark_makes_no_fork() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let id: ComponentId = "aggregate/a".parse().unwrap();
    let mut state = state(&store, &Watermark::default());
    let snapshot = Snapshot::read(&store.state(), &Namespace::new(&id, None), Extent::Whole, state.mark(1), usize::MAX)
        .unwrap()
        .unwrap();
    let mark = state.mark(1);
    assert!(state.fork(snapshot).is_none());
    let snapshot =
        Snapshot::read(&store.state(), &Namespace::new(&id, None), Extent::Whole, mark, usize::MAX).unwrap().unwrap();
    let fork = state.fork(snapshot).unwrap();
    state.adopt(&fork).unwrap();
    state.mark(1);
    assert!(matches!(state.adopt(&fork), Err(StateError::Unmarked)), "what came since is not known any more");
}

/// A state that rests on a snapshot says what it says without, wherever the mark falls, and whatever becomes of the store behind it.
#[test]
fn a_snapshot_and_what_came_since_are_the_present() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let namespace = Namespace::new(&"aggregate/a".parse().unwrap(), None);
    let mut random = fastrand::Rng::with_seed(8);
    for round in 0..200 {
        let watermark = Watermark::default();
        let mut state = state(&store, &watermark);
        let (marked_at, read_at) = (random.u64(1..20), random.u64(0..10));
        let (mut mark, mut snapshot, mut waiting) = (None, None, Vec::new());
        for trip in 1..30 {
            state.begin();
            change(&mut random, &mut state, trip);
            waiting.push((trip, state.finish(trip)));
            if trip == marked_at {
                mark = Some(state.mark(1));
            }
            for (trip, writes) in waiting.drain(..random.usize(0..=waiting.len())) {
                store.commit(&writes, false).unwrap();
                watermark.advance(trip);
            }
            if trip == marked_at + read_at {
                snapshot =
                    Snapshot::read(&store.state(), &namespace, Extent::Data, mark.take().unwrap(), usize::MAX).unwrap();
            }
        }
        state.begin();
        let expected = seen(&state);
        state.rest_on(snapshot.unwrap());
        assert!(state.below(&state.full_key(Section::Data, b"a")).is_some());
        assert_eq!(seen(&state), expected, "round {round}");
        state.forget_mark();
        assert_eq!(seen(&state), expected, "round {round}");
    }
}

#[test]
fn a_start_may_write_what_the_component_may_keep() {
    let id: ComponentId = "aggregate/a".parse().unwrap();
    let state = || State::detached(&Namespace::new(&id, None)).with_quota(2 * CALL_MAX as u64);
    let value = vec![1; 8 << 20];
    let writes = |state: &mut State| (0..20_u8).take_while(|part| state.set(&[*part], &value).is_ok()).count();
    let (mut any, mut start) = (state(), state());
    any.begin();
    start.begin_start();
    assert_eq!((writes(&mut any), writes(&mut start)), (7, 15));
    start.begin();
    assert_eq!(writes(&mut start), 7);
}

/// Many small writes take memory that their bytes do not show; the quota, and so a `start`, counts bytes alone.
#[test]
fn small_writes_count_what_they_take() {
    let id: ComponentId = "aggregate/a".parse().unwrap();
    let state = || State::detached(&Namespace::new(&id, None)).with_quota(u64::MAX);
    let most = CALL_MAX / ENTRY_BYTES;
    let writes =
        |state: &mut State| (0..most as u32).take_while(|number| state.set(&number.to_be_bytes(), &[]).is_ok()).count();
    let (mut any, mut start) = (state(), state());
    any.begin();
    start.begin_start();
    let (any, start) = (writes(&mut any), writes(&mut start));
    assert!(any < most && any > most / 2, "{any} of {most}");
    assert_eq!(start, most);
}

#[test]
fn the_steady_clock_is_stored_with_what_a_call_writes_and_goes_on_from_the_latest() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(stored_steady(&store.state()).unwrap(), 0, "a store of an earlier version");
    let mut own = state(&store, &Watermark::default());
    let other: ComponentId = "buffer".parse().unwrap();
    let mut other = State::new(Some(store.state()), &Namespace::new(&other, None), Watermark::default());
    // Commits of two workers have no order.
    for (is_own, steady) in [(true, 7_u64), (false, 5), (false, 6)] {
        let state = if is_own { &mut own } else { &mut other };
        state.begin();
        state.set_steady(steady);
        state.set(b"a", &steady.to_le_bytes()).unwrap();
        store.commit(&state.finish(1), false).unwrap();
    }
    assert_eq!(stored_steady(&store.state()).unwrap(), 7);
    own.begin();
    own.set_steady(9);
    assert!(own.finish(2).is_empty(), "a call that writes nothing does not write the time either");
    assert_eq!(keys(&own, 10).0.len(), 1, "it is none of the component's own keys");
}
