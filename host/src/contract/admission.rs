//! Whether there is memory for one more request, asked before the request is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Refusal;

/// The process's memory as receivers see it: what was in use when it was last measured, and what they have taken since. Clones
/// share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryGate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Bytes that may be in use when a request is let in; zero is no bound.
    limit: AtomicU64,
    /// Bytes in use when it was last measured, without what requests under way had taken then.
    used: AtomicU64,
    /// Bytes that requests under way have taken.
    taken: AtomicU64,
    /// When memory is measured again.
    interval_ms: AtomicU64,
}

/// Memory for one request. Dropped, it is given back.
#[derive(Debug)]
pub struct MemoryPass {
    gate: Arc<Shared>,
    bytes: u64,
}

impl MemoryGate {
    /// Sets the bound, in bytes, and how often memory is measured.
    pub fn limit(&self, bytes: u64, interval: Duration) {
        self.0.limit.store(bytes.max(1), Ordering::Relaxed);
        self.0.interval_ms.store(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So much is in use, all told.
    pub fn measured(&self, bytes: u64) {
        let taken = self.0.taken.load(Ordering::Relaxed);
        self.0.used.store(bytes.saturating_sub(taken), Ordering::Relaxed);
    }

    /// Takes memory for a request of that many bytes, as far as its sender says how many it will be.
    pub fn admit(&self, bytes: u64) -> Result<MemoryPass, Refusal> {
        let shared = &self.0;
        let taken = shared.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let pass = MemoryPass { gate: Arc::clone(shared), bytes };
        let (limit, used) = (shared.limit.load(Ordering::Relaxed), shared.used.load(Ordering::Relaxed));
        if limit == 0 || used.saturating_add(taken) <= limit {
            return Ok(pass);
        }
        drop(pass);
        let reason =
            format!("the collector is short of memory: {} MiB in use, {} MiB allowed", used >> 20, limit >> 20);
        let retry_after = Duration::from_millis(shared.interval_ms.load(Ordering::Relaxed).max(100));
        Err(Refusal::Unavailable { reason, retry_after })
    }
}

impl MemoryPass {
    /// The request turned out to take more, as what is packed does.
    pub fn grow(&mut self, bytes: u64) {
        self.gate.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }
}

impl Drop for MemoryPass {
    fn drop(&mut self) {
        self.gate.taken.fetch_sub(self.bytes, Ordering::Relaxed);
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
        let first = gate.admit(400)?;
        // Measured again, what the request took is in it, and is not counted twice.
        gate.measured(900);
        let second = gate.admit(100)?;
        let refused = gate.admit(1);
        assert_eq!(refused.err().and_then(|refusal| refusal.retry_after()), Some(Duration::from_secs(1)));
        drop(second);
        let mut third = gate.admit(50)?;
        third.grow(100);
        assert!(gate.admit(1).is_err());
        drop((first, third));
        assert!(gate.admit(500).is_ok());
        Ok(())
    }
}
