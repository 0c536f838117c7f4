#![allow(clippy::unwrap_used)]

use super::{State, Watermark};
use crate::contract::ComponentId;
use crate::storage::Store;

fn state(store: &Store, watermark: &Watermark) -> State {
    let id: ComponentId = "aggregate/a".parse().unwrap();
    State::new(Some(store.clone()), &id, watermark.clone())
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
