//! Merging numbers into stored ones: many keys in one call, and all of them or none. What is written are the results, as any other value, so
//! layers, forks and the store know nothing of it.

use bytes::Bytes;

use super::account::Tally;
use super::merge_op::MergeOp;
use super::{Section, State, StateError, check_key};

/// The one NaN that is stored.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);

/// Where a call stood.
struct Standing {
    writes: usize,
    bytes: usize,
    tally: Option<Tally>,
    /// What the call itself had said of keys that were written since, the latest last.
    said: Vec<(Bytes, Option<Option<Bytes>>)>,
}

impl State {
    /// Merges each value into the integer under its key.
    pub fn merge_integers<'k>(
        &mut self,
        op: MergeOp,
        entries: impl Iterator<Item = (&'k [u8], i64)>,
    ) -> Result<(), StateError> {
        self.merge(entries, |stored, value| {
            let stored = stored.map(|bytes| op.of_integers(i64::from_le_bytes(bytes), value));
            stored.unwrap_or(value).to_le_bytes()
        })
    }

    /// Merges each value into the double under its key.
    pub fn merge_doubles<'k>(
        &mut self,
        op: MergeOp,
        entries: impl Iterator<Item = (&'k [u8], f64)>,
    ) -> Result<(), StateError> {
        self.merge(entries, |stored, value| {
            let stored = stored.map(|bytes| op.of_doubles(f64::from_le_bytes(bytes), value));
            let merged = stored.unwrap_or(value);
            if merged.is_nan() { NAN.to_le_bytes() } else { merged.to_le_bytes() }
        })
    }

    fn merge<'k, T>(
        &mut self,
        entries: impl Iterator<Item = (&'k [u8], T)>,
        join: impl Fn(Option<[u8; 8]>, T) -> [u8; 8],
    ) -> Result<(), StateError> {
        let (writes, bytes) = (self.call.writes.len(), self.call.bytes);
        let mut standing = Standing { writes, bytes, tally: self.account.standing(), said: Vec::new() };
        for (place, (key, value)) in (0..).zip(entries) {
            let merged = self.merge_one(place, key, |stored| join(stored, value), &mut standing);
            if merged.is_err() {
                self.go_back(standing);
                return merged;
            }
        }
        Ok(())
    }

    fn merge_one(
        &mut self,
        place: u32,
        key: &[u8],
        join: impl FnOnce(Option<[u8; 8]>) -> [u8; 8],
        standing: &mut Standing,
    ) -> Result<(), StateError> {
        check_key(key)?;
        self.in_time()?;
        let key = self.full_key(Section::Data, key);
        let stored = match self.now(&key)? {
            None => None,
            Some(stored) => Some(<[u8; 8]>::try_from(&stored[..]).map_err(|_| StateError::NoNumber(place))?),
        };
        let said = self.call.latest.get(&key).cloned();
        self.put_at(key.clone(), Bytes::copy_from_slice(&join(stored)))?;
        standing.said.push((key, said));
        Ok(())
    }

    fn go_back(&mut self, standing: Standing) {
        let Standing { writes, bytes, tally, said } = standing;
        for (key, said) in said.into_iter().rev() {
            match said {
                Some(value) => drop(self.call.latest.insert(key, value)),
                None => drop(self.call.latest.remove(&key)),
            }
        }
        self.call.writes.truncate(writes);
        self.call.bytes = bytes;
        self.account.go_back(tally);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::{MergeOp, NAN};
    use crate::contract::ComponentId;
    use crate::processor::state::{State, StateError, Watermark};
    use crate::storage::Namespace;
    use crate::storage::Store;

    const OPS: [MergeOp; 3] = [MergeOp::Add, MergeOp::Min, MergeOp::Max];

    fn namespace() -> Namespace {
        let id: ComponentId = "aggregate/a".parse().unwrap();
        Namespace::new(&id, None)
    }

    fn integer(state: &State, key: &[u8]) -> Option<i64> {
        let stored = state.get(key).unwrap()?;
        Some(i64::from_le_bytes(stored[..].try_into().unwrap()))
    }

    #[test]
    fn sums_of_integers_saturate() {
        for (stored, value, merged) in [
            (i64::MAX, 1, [i64::MAX, 1, i64::MAX]),
            (i64::MIN, -1, [i64::MIN, i64::MIN, -1]),
            (-3, 5, [2, -3, 5]),
            (i64::MAX, i64::MIN, [-1, i64::MIN, i64::MAX]),
        ] {
            assert_eq!(OPS.map(|op| op.of_integers(stored, value)), merged);
        }
    }

    /// By bits: zeros have signs, and of NaNs there is one.
    #[test]
    fn doubles_are_merged_by_one_rule() {
        let other_nan = f64::from_bits(0xfff0_0000_0000_0001);
        let (inf, least) = (f64::INFINITY, f64::NEG_INFINITY);
        for (stored, value, merged) in [
            (0.1, 0.2, [0.1 + 0.2, 0.1, 0.2]),
            (0.0, -0.0, [0.0, -0.0, 0.0]),
            (-0.0, 0.0, [0.0, -0.0, 0.0]),
            (-0.0, -0.0, [-0.0, -0.0, -0.0]),
            (other_nan, 1.0, [NAN, 1.0, 1.0]),
            (1.0, other_nan, [NAN, 1.0, 1.0]),
            (other_nan, other_nan, [NAN, NAN, NAN]),
            (inf, least, [NAN, least, inf]),
            (f64::MAX, f64::MAX, [inf, f64::MAX, f64::MAX]),
        ] {
            let mut state = State::detached(&namespace());
            for (op, merged) in OPS.into_iter().zip(merged) {
                state.set(b"k", &stored.to_le_bytes()).unwrap();
                state.merge_doubles(op, std::iter::once((&b"k"[..], value))).unwrap();
                let expected = merged.to_le_bytes();
                assert_eq!(state.get(b"k").unwrap().as_deref(), Some(&expected[..]), "{op:?} {stored} {value}");
                state.merge_doubles(op, std::iter::once((&b"new"[..], value))).unwrap();
                let canonical = if value.is_nan() { NAN } else { value };
                assert_eq!(state.get(b"new").unwrap().as_deref(), Some(&canonical.to_le_bytes()[..]));
                state.delete(b"new").unwrap();
            }
        }
    }

    /// Numbers of keys against a map, whatever of the calls before is committed, on its way, or was discarded.
    #[test]
    fn what_is_merged_is_what_is_there_and_nothing_of_a_call_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let mut random = fastrand::Rng::with_seed(11);
        let open = |watermark: &Watermark| State::new(Some(store.state()), &namespace(), watermark.clone());
        let mut watermark = Watermark::default();
        let (mut state, mut model, mut waiting) = (open(&watermark), BTreeMap::<[u8; 1], i64>::new(), Vec::new());
        for trip in 1..2000 {
            state.begin();
            let mut changed = model.clone();
            for _ in 0..random.u8(0..4) {
                merge(&mut random, &mut state, &mut changed);
            }
            if random.u8(0..5) > 0 {
                waiting.push((trip, state.finish(trip)));
                model = changed;
            }
            let arrive = if random.u8(0..50) == 0 { waiting.len() } else { random.usize(0..=waiting.len()) };
            for (trip, writes) in waiting.drain(..arrive) {
                store.commit(&writes, false).unwrap();
                watermark.advance(trip);
            }
            if waiting.is_empty() && random.u8(0..20) == 0 {
                watermark = Watermark::default();
                watermark.advance(trip);
                state = open(&watermark);
            }
            state.begin();
            let seen = (0..10).filter_map(|key| Some(([key], integer(&state, &[key])?)));
            assert_eq!(seen.collect::<BTreeMap<_, _>>(), model);
        }
    }

    /// One merge of several keys, some of them several times, in a call that has other changes of the same keys too; sometimes one that fails.
    fn merge(random: &mut fastrand::Rng, state: &mut State, model: &mut BTreeMap<[u8; 1], i64>) {
        let op = OPS[random.usize(..OPS.len())];
        if random.u8(0..4) == 0 {
            let key = [random.u8(0..10)];
            state.delete(&key).unwrap();
            model.remove(&key);
        }
        let entries: Vec<([u8; 1], i64)> =
            (0..random.u8(0..8)).map(|_| ([random.u8(0..10)], random.i64(-5..6))).collect();
        if random.u8(0..4) == 0 {
            let bytes = state.call.bytes;
            state.set(b"text", b"no number").unwrap();
            let failing = entries.iter().map(|(key, value)| (&key[..], *value)).chain([(&b"text"[..], 1)]);
            let place = entries.len() as u32;
            let merged = state.merge_integers(op, failing);
            assert!(matches!(merged, Err(StateError::NoNumber(at)) if at == place), "{merged:?}");
            state.delete(b"text").unwrap();
            assert!(state.call.bytes - bytes < 2 * (256 + 128), "what was taken back counts");
            return;
        }
        state.merge_integers(op, entries.iter().map(|(key, value)| (&key[..], *value))).unwrap();
        for (key, value) in entries {
            let merged = model.get(&key).map_or(value, |stored| op.of_integers(*stored, value));
            model.insert(key, merged);
        }
    }

    #[test]
    fn a_merge_that_finds_no_room_changes_nothing() {
        let entry = 11 + 1 + 1 + 1 + 8;
        let mut state = State::detached(&namespace()).with_quota(4 * entry);
        state.begin();
        let merge = |state: &mut State, keys: std::ops::Range<u8>| {
            let keys: Vec<[u8; 1]> = keys.map(|key| [key]).collect();
            state.merge_integers(MergeOp::Add, keys.iter().map(|key| (&key[..], 1)))
        };
        merge(&mut state, 0..3).unwrap();
        assert!(matches!(merge(&mut state, 0..5), Err(StateError::Quota(_))));
        assert_eq!(
            (0..5).map(|key| integer(&state, &[key])).collect::<Vec<_>>(),
            [Some(1), Some(1), Some(1), None, None]
        );
        merge(&mut state, 0..4).unwrap();
        assert_eq!(
            (0..5).map(|key| integer(&state, &[key])).collect::<Vec<_>>(),
            [Some(2), Some(2), Some(2), Some(1), None]
        );
        assert!(matches!(merge(&mut state, 4..5), Err(StateError::Quota(_))));
    }

    #[test]
    fn bad_keys_are_refused() {
        let mut state = State::detached(&namespace());
        let mut merge = |key: &[u8]| state.merge_integers(MergeOp::Add, [(&b"a"[..], 1), (key, 1)].into_iter());
        assert!(matches!(merge(b""), Err(StateError::Key)));
        assert!(matches!(merge(&[b'a'; 1025]), Err(StateError::TooLarge(_))));
        assert_eq!(state.get(b"a").unwrap(), None);
    }
}
