//! Whether there is memory for one more request, asked before the request is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Refusal;

/// The process's memory as receivers see it: what was in use when it was last measured, and what they have taken since. Clones
/// share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryGate(Arc<MemoryCell>);

#[derive(Debug, Default)]
struct MemoryCell {
    /// Bytes that may be in use when a request is let in; zero is no bound.
    limit: AtomicU64,
    /// Bytes in use when it was last measured, without those of requests under way.
    used: AtomicU64,
    /// Bytes that requests under way have claimed: what they hold, and what their senders say will come.
    claimed: AtomicU64,
    /// Bytes that they hold.
    held: AtomicU64,
    /// When memory is measured again.
    interval_ms: AtomicU64,
}

/// Memory for one request. Dropped, it is given back.
#[derive(Debug)]
pub struct MemoryPass {
    gate: Arc<MemoryCell>,
    claimed: u64,
    held: u64,
}

impl MemoryGate {
    /// Sets the bound, in bytes, and how often memory is measured.
    pub fn limit(&self, bytes: u64, interval: Duration) {
        self.0.limit.store(bytes.max(1), Ordering::Relaxed);
        self.0.interval_ms.store(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So much is in use, all told.
    pub fn measured(&self, bytes: u64) {
        let held = self.0.held.load(Ordering::Relaxed);
        self.0.used.store(bytes.saturating_sub(held), Ordering::Relaxed);
    }

    /// Takes memory for a request of that many bytes, as far as its sender says how many it will be.
    pub fn admit(&self, bytes: u64) -> Result<MemoryPass, Refusal> {
        let mut pass = MemoryPass { gate: Arc::clone(&self.0), claimed: 0, held: 0 };
        pass.claim(bytes)?;
        Ok(pass)
    }
}

impl MemoryPass {
    /// The request will be that many bytes: its sender says so, now that it has begun.
    pub fn claim(&mut self, bytes: u64) -> Result<(), Refusal> {
        let shared = &self.gate;
        let more = bytes.saturating_sub(self.claimed);
        self.claimed += more;
        let claimed = shared.claimed.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        let (limit, used) = (shared.limit.load(Ordering::Relaxed), shared.used.load(Ordering::Relaxed));
        if limit == 0 || used.saturating_add(claimed) <= limit {
            return Ok(());
        }
        let reason =
            format!("the collector is short of memory: {} MiB in use, {} MiB allowed", used >> 20, limit >> 20);
        let retry_after = Duration::from_millis(shared.interval_ms.load(Ordering::Relaxed).max(100));
        Err(Refusal::Unavailable { reason, retry_after })
    }

    /// The request holds that many bytes by now: less than its sender said, as long as it comes in, or more, once it is unpacked.
    pub fn holds(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.held);
        self.held += more;
        self.gate.held.fetch_add(more, Ordering::Relaxed);
        let unclaimed = self.held.saturating_sub(self.claimed);
        self.claimed += unclaimed;
        self.gate.claimed.fetch_add(unclaimed, Ordering::Relaxed);
    }
}

impl Drop for MemoryPass {
    fn drop(&mut self) {
        self.gate.claimed.fetch_sub(self.claimed, Ordering::Relaxed);
        self.gate.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_let_in_while_there_is_memory_for_them() -> Result<(), Refusal> {
        let gate = MemoryGate::default();
        drop(gate.admit(u64::MAX / 2)?);
        gate.limit(1000, Duration::from_secs(1));
        gate.measured(500);
        let mut first = gate.admit(400)?;
        // What was only announced is in no measurement.
        gate.measured(500);
        assert!(gate.admit(101).is_err());
        first.holds(300);
        // Measured again, what has come is in it, and is not counted twice.
        gate.measured(800);
        let second = gate.admit(100)?;
        let refused = gate.admit(1);
        assert_eq!(refused.err().and_then(|refusal| refusal.retry_after()), Some(Duration::from_secs(1)));
        drop(second);
        let mut third = gate.admit(50)?;
        assert!(third.claim(101).is_err(), "it says how long it is once it has begun");
        drop(third);
        let mut fourth = gate.admit(50)?;
        fourth.holds(100);
        assert!(gate.admit(1).is_err(), "unpacked it is larger than announced");
        drop((first, fourth));
        assert!(gate.admit(500).is_ok());
        Ok(())
    }
}
