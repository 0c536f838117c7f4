//! While everything works: whatever is done in whatever order, the backend has what the model has.

use anyhow::{Result, ensure};
use bytes::Bytes;
use fastrand::Rng;

use super::model::{self, Model, entries};
use super::{Bench, Durability, Family, Write, commit};

const STEPS: usize = 150;

/// Commits of any kind, syncs, restarts, and former values that are dropped.
pub fn against_a_model(bench: &mut impl Bench, seed: u64) -> Result<()> {
    let (mut random, mut model) = (Rng::with_seed(seed), Model::default());
    for _ in 0..STEPS {
        match random.u8(0..30) {
            0 => bench.restart()?,
            1 => bench.storage().sync()?,
            2 => bench.storage().drop_former(Family::State, &[model::key(&mut random), model::key(&mut random)])?,
            number => {
                let writes = model::commit(&mut random);
                let durability = if number.is_multiple_of(4) { Durability::Synced } else { Durability::Unsynced };
                commit(bench.storage(), &writes, durability)?;
                model.apply(&writes);
            }
        }
        model.check(bench.storage(), &mut random)?;
    }
    bench.restart()?;
    model.check(bench.storage(), &mut random)
}

/// The first key is in a range, the last one is not, and neither are those of other families.
pub fn bounds_of_ranges(bench: &mut impl Bench) -> Result<()> {
    let keys: Vec<Bytes> = [&b"a"[..], b"a\0", b"b", b"b\xff", b"c"].map(Bytes::copy_from_slice).into();
    let put = |family| keys.iter().map(move |key| Write::Put(family, key.clone(), key.clone()));
    let writes: Vec<Write> = Family::ALL.into_iter().filter(|of| *of != Family::Queue).flat_map(put).collect();
    commit(bench.storage(), &writes, Durability::Unsynced)?;
    for _ in 0..2 {
        for (start, end, expected) in [
            (&b""[..], &b"z"[..], &keys[..]),
            (b"a", b"c", &keys[..4]),
            (b"a\0", b"b\xff", &keys[1..3]),
            (b"a\0\0", b"b", &[]),
            (b"b", b"b", &[]),
            (b"c", b"a", &[]),
        ] {
            let found = entries(bench.storage(), Family::State, start, end)?;
            ensure!(found.iter().map(|(key, _)| key).eq(expected), "{start:?} to {end:?}: {found:?}");
            ensure!(entries(bench.storage(), Family::Queue, start, end)?.is_empty(), "another family's");
        }
        bench.restart()?;
    }
    let gone = [Write::DeleteRange(Family::State, Bytes::from_static(b"a\0"), Bytes::from_static(b"b\xff"))];
    commit(bench.storage(), &gone, Durability::Synced)?;
    let left = entries(bench.storage(), Family::State, b"", b"z")?;
    ensure!(left.iter().map(|(key, _)| &key[..]).eq([&b"a"[..], b"b\xff", b"c"]), "{left:?}");
    ensure!(entries(bench.storage(), Family::Dead, b"", b"z")?.len() == keys.len(), "of one family");
    Ok(())
}

/// What is set behind a deleted range is there, what was set before it is not.
pub fn the_last_change_of_a_commit_counts(bench: &mut impl Bench) -> Result<()> {
    let [first, last, end] = ["a", "b", "z"].map(|key| Bytes::from_static(key.as_bytes()));
    let put =
        |key: &Bytes, value: &'static str| Write::Put(Family::State, key.clone(), Bytes::from_static(value.as_bytes()));
    let writes = [
        put(&first, "1"),
        put(&last, "1"),
        Write::DeleteRange(Family::State, first.clone(), end),
        put(&last, "2"),
        put(&last, "3"),
        Write::Delete(Family::Dead, last.clone()),
    ];
    commit(bench.storage(), &writes, Durability::Synced)?;
    for _ in 0..2 {
        ensure!(bench.storage().get(Family::State, &first)?.is_none(), "set before the range was deleted");
        ensure!(bench.storage().get(Family::State, &last)?.is_some_and(|value| value == "3"), "the last value");
        bench.restart()?;
    }
    Ok(())
}
