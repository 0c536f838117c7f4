//! When the medium fails: an error leaves nothing and hides nothing, and afterwards the backend goes on by itself.

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use fastrand::Rng;

use super::model::{self, Model, entries};
use super::{Bench, Durability, Family, Fault, StoreError, Write, commit};

const ROUNDS: usize = 5;

fn fill(bench: &mut impl Bench, random: &mut Rng) -> Result<Model> {
    let mut model = Model::default();
    for _ in 0..10 {
        let writes = model::commit(random);
        commit(bench.storage(), &writes, Durability::Unsynced)?;
        model.apply(&writes);
    }
    Ok(model)
}

/// Some changes, at least one.
fn changes(random: &mut Rng) -> Vec<Write> {
    let mut writes = vec![Write::Put(Family::State, model::key(random), Bytes::from_static(b"one more"))];
    writes.extend(model::commit(random));
    writes
}

/// Whether it is over or goes on, no write of it is there; the first that succeeds is, and so is everything before.
pub fn a_commit_that_fails_leaves_nothing(bench: &mut impl Bench) -> Result<()> {
    let mut random = Rng::with_seed(815);
    let mut model = fill(bench, &mut random)?;
    for round in 0..ROUNDS {
        if !bench.inject(Some(Fault::Full))? {
            return Ok(());
        }
        for durability in [Durability::Synced, Durability::Unsynced, Durability::Synced] {
            match commit(bench.storage(), &changes(&mut random), durability) {
                Err(StoreError::Io { .. }) => {}
                other => bail!("a commit on a full medium: {other:?}"),
            }
            // It may not be readable just now, but never without something, nor with something of what failed.
            match Model::read(bench.storage()) {
                Ok(found) => ensure!(found == model, "something changed in round {round}"),
                Err(error) => ensure!(matches!(error, StoreError::Io { .. }), "{error}"),
            }
        }
        bench.inject(None)?;
        model.check(bench.storage(), &mut random)?;
        let writes = changes(&mut random);
        commit(bench.storage(), &writes, Durability::Synced)?;
        model.apply(&writes);
        model.check(bench.storage(), &mut random)?;
        bench.restart()?;
        model.check(bench.storage(), &mut random)?;
    }
    Ok(())
}

pub fn what_cannot_be_read_is_an_error(bench: &mut impl Bench) -> Result<()> {
    let (mut random, key) = (Rng::with_seed(816), Bytes::from_static(b"key"));
    let there = [Write::Put(Family::State, key.clone(), Bytes::from_static(b"value"))];
    commit(bench.storage(), &there, Durability::Synced)?;
    if !bench.inject(Some(Fault::Unreadable))? {
        return Ok(());
    }
    for key in [&key[..], b"another"] {
        ensure!(bench.storage().get(Family::State, key).is_err(), "what is there or not cannot be known");
    }
    ensure!(Model::read(bench.storage()).is_err(), "a range that cannot be read");
    bench.inject(None)?;
    let mut model = Model::default();
    model.apply(&there);
    model.check(bench.storage(), &mut random)
}

/// Nothing works any more until a restart, which has all of the commit or nothing, and everything before.
pub fn a_failed_sync_is_in_doubt(bench: &mut impl Bench, counts: bool) -> Result<()> {
    let mut random = Rng::with_seed(817);
    let before = fill(bench, &mut random)?;
    bench.storage().sync()?;
    if !bench.inject(Some(Fault::Sync { counts }))? {
        return Ok(());
    }
    let writes = changes(&mut random);
    let error = commit(bench.storage(), &writes, Durability::Synced).err();
    ensure!(matches!(error, Some(StoreError::InDoubt { .. })), "{error:?}");
    ensure!(commit(bench.storage(), &changes(&mut random), Durability::Unsynced).is_err(), "it goes on");
    bench.restart()?;
    let mut with = before.clone();
    with.apply(&writes);
    let found = Model::read(bench.storage())?;
    ensure!(found == before || found == with, "neither all of the commit nor nothing");
    found.check(bench.storage(), &mut random)
}

/// In every family, among others that are read as before.
pub fn what_is_damaged_is_an_error(bench: &mut impl Bench) -> Result<()> {
    let keys = [&b"a"[..], b"b", b"c"].map(Bytes::copy_from_slice);
    let [first, damaged, last] = &keys;
    for of in Family::ALL {
        let put = |key: &Bytes| Write::Put(of, key.clone(), Bytes::from(vec![7; 3000]));
        commit(bench.storage(), &keys.each_ref().map(put), Durability::Synced)?;
        bench.damage(of, damaged)?;
        let error = bench.storage().get(of, damaged).err();
        ensure!(matches!(error, Some(StoreError::Record { .. })), "{error:?}");
        ensure!(entries(bench.storage(), of, b"a", b"z").is_err(), "a range with it in the middle");
        ensure!(entries(bench.storage(), of, b"a", damaged)?.len() == 1, "a range before it");
        ensure!(entries(bench.storage(), of, last, b"z")?.len() == 1, "a range behind it");
        for key in [first, last] {
            ensure!(bench.storage().get(of, key)?.is_some_and(|value| value.len() == 3000), "another key");
        }
        commit(bench.storage(), &[put(damaged)], Durability::Synced)?;
        ensure!(entries(bench.storage(), of, b"a", b"z")?.len() == 3, "written again");
    }
    Ok(())
}
