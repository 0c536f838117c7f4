#![allow(clippy::unwrap_used)]

use anyhow::Result;

use super::{Fault, Memory};
use crate::storage::suite::{self, Bench};
use crate::storage::{Family, Storage};

impl Bench for Memory {
    fn storage(&self) -> &dyn Storage {
        self
    }

    fn restart(&mut self) -> Result<()> {
        Memory::restart(self);
        Ok(())
    }

    fn cut_power(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        Memory::cut_power(self, random.usize(0..=self.unsynced()));
        Ok(())
    }

    fn damage(&mut self, of: Family, key: &[u8]) -> Result<()> {
        Memory::damage(self, of, key);
        Ok(())
    }

    fn inject(&mut self, fault: Option<Fault>) -> Result<bool> {
        self.set_fault(fault);
        Ok(true)
    }
}

#[test]
fn every_promise_is_kept() {
    suite::every_promise(|| Ok(Memory::default())).unwrap();
}

#[test]
fn every_promise_is_kept_while_it_fails() {
    suite::every_failure(|| Ok(Memory::default())).unwrap();
}

/// The suite's own eyes: a backend that breaks a promise does not pass.
mod broken;
