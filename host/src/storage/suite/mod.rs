//! What every backend has to pass, whatever its medium: the promises of [`Storage`], against a model.
//!
//! A backend brings a [`Bench`], which says how to open it and what a test can do to it from outside. A new backend is checked by two tests:
//! one of [`every_promise`], one of [`every_failure`].

mod concurrent;
mod cuts;
mod failures;
mod model;
mod operations;

use anyhow::{Context as _, Result};

use super::memory::Fault;
use super::{Durability, Family, Storage, StoreError, Write};

/// One backend with its medium.
pub trait Bench {
    /// As it is open.
    fn storage(&self) -> &dyn Storage;

    /// The process ends without a word, and another one opens what it has left.
    fn restart(&mut self) -> Result<()>;

    /// The power goes, and what it leaves is opened. Of what was committed since the last sync any first part may have been written.
    fn cut_power(&mut self, random: &mut fastrand::Rng) -> Result<()>;

    /// The value of a key does not read any more, until it is written again.
    fn damage(&mut self, of: Family, key: &[u8]) -> Result<()>;

    /// From now on the medium fails in that way, or works. False where this bench cannot do that: another test has to.
    fn inject(&mut self, fault: Option<Fault>) -> Result<bool>;
}

/// What holds while the medium works, and when power and process go.
pub fn every_promise<B: Bench>(new: impl Fn() -> Result<B>) -> Result<()> {
    for seed in 0..4 {
        operations::against_a_model(&mut new()?, seed).with_context(|| format!("operations, seed {seed}"))?;
    }
    operations::bounds_of_ranges(&mut new()?).context("bounds of ranges")?;
    operations::the_last_change_of_a_commit_counts(&mut new()?).context("order within a commit")?;
    cuts::leave_the_first_commits(&mut new()?).context("power cuts")?;
    concurrent::commits_are_seen_whole(&new()?).context("readers beside a writer")?;
    failures::what_is_damaged_is_an_error(&mut new()?).context("damage")
}

/// What holds while the medium fails, and afterwards.
pub fn every_failure<B: Bench>(new: impl Fn() -> Result<B>) -> Result<()> {
    failures::a_commit_that_fails_leaves_nothing(&mut new()?).context("a full medium")?;
    failures::what_cannot_be_read_is_an_error(&mut new()?).context("an unreadable medium")?;
    for counts in [false, true] {
        failures::a_failed_sync_is_in_doubt(&mut new()?, counts).context("a failed sync")?;
    }
    Ok(())
}

fn commit(storage: &dyn Storage, writes: &[Write], durability: Durability) -> Result<(), StoreError> {
    storage.commit(&mut writes.iter(), durability)
}
