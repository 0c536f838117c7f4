//! Readers beside a writer see commits whole, and never go back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::model::entries;
use super::{Bench, Durability, Family, Storage, Write, commit};

const COMMITS: u64 = 2000;
const PAIR: [&[u8]; 2] = [b"a", b"b"];

pub fn commits_are_seen_whole(bench: &impl Bench) -> Result<()> {
    let (storage, is_over) = (bench.storage(), AtomicBool::new(false));
    commit(storage, &numbered(0), Durability::Unsynced)?;
    std::thread::scope(|scope| {
        let readers = [0, 1].map(|_| scope.spawn(|| read(storage, &is_over)));
        let written = (1..=COMMITS).try_for_each(|number| commit(storage, &numbered(number), Durability::Unsynced));
        is_over.store(true, Ordering::Release);
        let joined = |reader: ScopedJoinHandle<'_, Result<()>>| {
            reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a reader panicked")))
        };
        readers.into_iter().try_for_each(joined)?;
        Ok(written?)
    })
}

/// The same number in two families.
fn numbered(number: u64) -> Vec<Write> {
    let value = Bytes::copy_from_slice(&number.to_be_bytes());
    let put = |family: Family| PAIR.map(|key| Write::Put(family, Bytes::from_static(key), value.clone()));
    [put(Family::State), put(Family::Queue)].concat()
}

fn read(storage: &dyn Storage, is_over: &AtomicBool) -> Result<()> {
    let (mut before, mut last) = (0, false);
    while !last {
        last = is_over.load(Ordering::Acquire);
        let pair = entries(storage, Family::State, b"a", b"c")?;
        let numbers: Vec<u64> = pair
            .iter()
            .filter_map(|(_, value)| value.first_chunk())
            .map(|number| u64::from_be_bytes(*number))
            .collect();
        let [one, other] = numbers[..] else { anyhow::bail!("{} keys of two", numbers.len()) };
        ensure!(one == other, "half a commit: {one} and {other}");
        ensure!(one >= before, "back from {before} to {one}");
        let queued = storage.get(Family::Queue, b"b")?;
        let queued = queued.and_then(|value| Some(u64::from_be_bytes(*value.first_chunk()?)));
        ensure!(queued.is_some_and(|queued| queued >= one), "state of {one} without its queue: {queued:?}");
        before = one;
    }
    ensure!(before == COMMITS, "the last commit is not seen: {before}");
    Ok(())
}
