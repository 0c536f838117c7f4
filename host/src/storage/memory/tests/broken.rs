use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::*;
use crate::storage::{Durability, Each, StoreError, Write};

/// Which promise is broken.
#[derive(Debug, Clone, Copy)]
enum Broken {
    /// Every tenth commit leaves its last change out.
    Atomic,
    /// What is synced is not.
    Durable,
    /// Changes of a commit are applied backwards.
    Order,
    /// What cannot be read is absent.
    Absent,
    /// A commit that fails leaves its first change.
    Remnant,
    /// A range has the key at its end.
    Bounds,
}

#[derive(Debug)]
struct Liar {
    broken: Broken,
    commits: AtomicU64,
    memory: Memory,
}

impl Liar {
    fn new(broken: Broken) -> Liar {
        Liar { broken, commits: AtomicU64::new(0), memory: Memory::default() }
    }
}

impl Storage for Liar {
    fn get(&self, of: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match (self.memory.get(of, key), self.broken) {
            (Err(_), Broken::Absent) => Ok(None),
            (found, _) => found,
        }
    }

    fn range(&self, of: Family, start: &[u8], end: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        match self.broken {
            Broken::Bounds => self.memory.range(of, start, &[end, &[0]].concat(), each),
            _ => self.memory.range(of, start, end, each),
        }
    }

    fn commit(&self, writes: &mut dyn Iterator<Item = &Write>, durability: Durability) -> Result<(), StoreError> {
        let mut writes: Vec<&Write> = writes.collect();
        let (mut durability, number) = (durability, self.commits.fetch_add(1, Ordering::Relaxed));
        match self.broken {
            Broken::Atomic if number % 10 == 9 => drop(writes.pop()),
            Broken::Order => writes.reverse(),
            Broken::Durable => durability = Durability::Unsynced,
            _ => {}
        }
        let committed = self.memory.commit(&mut writes.iter().copied(), durability);
        if committed.is_err() && matches!(self.broken, Broken::Remnant) {
            self.memory.set_fault(None);
            self.memory.commit(&mut writes.into_iter().take(1), durability)?;
            self.memory.set_fault(Some(Fault::Full));
        }
        committed
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }

    fn drop_former(&self, of: Family, keys: &[Bytes]) -> Result<(), StoreError> {
        self.memory.drop_former(of, keys)
    }
}

impl Bench for Liar {
    fn storage(&self) -> &dyn Storage {
        self
    }

    fn restart(&mut self) -> Result<()> {
        Bench::restart(&mut self.memory)
    }

    fn cut_power(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        Bench::cut_power(&mut self.memory, random)
    }

    fn damage(&mut self, of: Family, key: &[u8]) -> Result<()> {
        Bench::damage(&mut self.memory, of, key)
    }

    fn inject(&mut self, fault: Option<Fault>) -> Result<bool> {
        Bench::inject(&mut self.memory, fault)
    }
}

#[test]
fn a_backend_that_breaks_a_promise_does_not_pass() {
    for broken in [Broken::Atomic, Broken::Durable, Broken::Order, Broken::Absent, Broken::Remnant, Broken::Bounds] {
        let new = || Ok(Liar::new(broken));
        let passes = suite::every_promise(new).is_ok() && suite::every_failure(new).is_ok();
        assert!(!passes, "{broken:?}");
    }
}
