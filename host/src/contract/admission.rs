//! Whether there is memory for a request: asked before it is read, and whenever it takes more.
//!
//! What is counted has arrived, or is about to be unpacked. What a sender announces takes nothing: a thousand that announce 64 MiB and send a
//! byte keep nobody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::Refusal;

/// What requests under way may take together, in bytes, unless told otherwise: a few of the largest, on a machine of one GiB.
pub const BUDGET_BYTES: u64 = 256 << 20;

/// Of the budget, for all requests of one peer: one part in so many.
const PEER_PART: u64 = 2;

/// One part in so many is kept for requests of no more bytes than these.
const KEPT_PART: u64 = 8;
const SMALL_BYTES: u64 = 1 << 20;

/// Of the budget, what is much for requests to hold, and what is little: one part in so many.
const MUCH_PART: u64 = 4;
const LITTLE_PART: u64 = 8;

/// When a sender that found no room comes back: by then others have been answered.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The process's memory as receivers see it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryGate(Arc<MemoryCell>);

#[derive(Debug)]
struct MemoryCell {
    /// Bytes that may be in use when a request is let in; zero is no bound.
    limit: AtomicU64,
    /// Bytes in use when it was last measured, without those of requests under way.
    used: AtomicU64,
    /// Bytes that requests under way hold.
    held: AtomicU64,
    /// Bytes that they may hold.
    budget: AtomicU64,
    /// When memory is measured again.
    interval_ms: AtomicU64,
    peers: Mutex<Peers>,
    /// Who is told when requests begin to hold much, and when they hold little again.
    pressure: OnceLock<Pressure>,
    is_pressed: AtomicBool,
}

/// Is told that requests hold much, or little again. Called where they are served: it may not wait.
pub type Pressure = fn(bool);

impl Default for MemoryCell {
    fn default() -> Self {
        MemoryCell {
            limit: AtomicU64::default(),
            used: AtomicU64::default(),
            held: AtomicU64::default(),
            budget: AtomicU64::new(BUDGET_BYTES),
            interval_ms: AtomicU64::default(),
            peers: Mutex::default(),
            pressure: OnceLock::new(),
            is_pressed: AtomicBool::default(),
        }
    }
}

/// What each peer with a connection holds.
#[derive(Debug, Default)]
struct Peers {
    shares: HashMap<IpAddr, Weak<MemoryShare>>,
    /// When so many are known, those that have gone are forgotten.
    forget_at: usize,
}

/// What all requests of one peer hold, in bytes.
#[derive(Debug, Default)]
struct MemoryShare(AtomicU64);

/// Whose requests they are.
#[derive(Debug, Clone, Default)]
pub struct MemoryHolder {
    peer: Arc<MemoryShare>,
}

/// Memory for one request. Dropped, it is given back.
#[derive(Debug)]
pub struct MemoryPass {
    gate: Arc<MemoryCell>,
    holder: MemoryHolder,
    held: u64,
}

/// What some requests hold together, and how much that may be.
struct Bound<'g> {
    of: &'g AtomicU64,
    /// Of the budget.
    most: u64,
    /// Of the process's memory, beside what others use.
    limit: u64,
    whose: &'static str,
}

impl Bound<'_> {
    fn has(&self, sum: u64) -> bool {
        sum <= self.most && sum <= self.limit
    }
}

impl MemoryGate {
    /// Sets the bound of the process, in bytes, and how often memory is measured. Of several bounds the strictest counts.
    pub fn limit(&self, bytes: u64, interval: Duration) {
        let stricter = |new: u64| move |old| Some(if old == 0 { new } else { new.min(old) });
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        for (bound, new) in [(&self.0.limit, bytes.max(1)), (&self.0.interval_ms, interval_ms)] {
            // It is never refused.
            let _ = bound.fetch_update(Ordering::Relaxed, Ordering::Relaxed, stricter(new));
        }
    }

    /// Sets what requests under way may hold together, in bytes.
    pub fn budget(&self, bytes: u64) {
        self.0.budget.store(bytes, Ordering::Relaxed);
    }

    /// Tells of pressure from now on; only the first that asks is told.
    pub fn tell(&self, pressure: Pressure) {
        self.0.pressure.get_or_init(|| pressure);
    }

    /// So much is in use, all told.
    pub fn measured(&self, bytes: u64) {
        let held = self.0.held.load(Ordering::Relaxed);
        self.0.used.store(bytes.saturating_sub(held), Ordering::Relaxed);
    }

    /// Bytes that requests under way hold.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// A connection of that peer, which [`network`](crate::net::network) names.
    pub fn holder(&self, peer: Option<IpAddr>) -> MemoryHolder {
        let Some(peer) = peer else { return MemoryHolder::default() };
        let mut peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.shares.len() >= peers.forget_at {
            peers.shares.retain(|_, share| share.strong_count() > 0);
            peers.forget_at = (2 * peers.shares.len()).max(1024);
        }
        let known = peers.shares.get(&peer).and_then(Weak::upgrade);
        let share = known.unwrap_or_else(|| {
            let share = Arc::default();
            peers.shares.insert(peer, Arc::downgrade(&share));
            share
        });
        MemoryHolder { peer: share }
    }

    /// Lets a request in that will be that many bytes, as far as its sender says how many.
    pub fn admit(&self, holder: &MemoryHolder, announced: u64) -> Result<MemoryPass, Refusal> {
        let pass = MemoryPass { gate: Arc::clone(&self.0), holder: holder.clone(), held: 0 };
        pass.has_room_for(announced)?;
        Ok(pass)
    }
}

impl MemoryCell {
    fn note_pressure(&self) {
        let Some(tell) = self.pressure.get() else { return };
        let (held, budget) = (self.held.load(Ordering::Relaxed), self.budget.load(Ordering::Relaxed));
        let was_pressed = self.is_pressed.load(Ordering::Relaxed);
        let is_pressed = if was_pressed { held > budget / LITTLE_PART } else { held > budget / MUCH_PART };
        if is_pressed != was_pressed && self.is_pressed.swap(is_pressed, Ordering::Relaxed) == was_pressed {
            tell(is_pressed);
        }
    }
}

impl MemoryPass {
    /// Whether there is room for so many bytes more. Nothing is set aside.
    pub fn has_room_for(&self, more: u64) -> Result<(), Refusal> {
        self.bounds(more).iter().try_for_each(|bound| {
            let sum = bound.of.load(Ordering::Relaxed).saturating_add(more);
            if bound.has(sum) { Ok(()) } else { Err(self.refusal(bound, sum)) }
        })
    }

    /// The request takes that many bytes from now on, if there is room: packed, unpacked, and what it is changed into, together.
    pub fn holds(&mut self, bytes: u64) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.held);
        if more == 0 {
            return Ok(());
        }
        // What is refused is not counted for a moment either: others would be refused for it.
        let bounds = self.bounds(more);
        for (place, bound) in bounds.iter().enumerate() {
            let claim = |sum: u64| Some(sum.saturating_add(more)).filter(|sum| bound.has(*sum));
            if let Err(sum) = bound.of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim) {
                for claimed in bounds.iter().take(place) {
                    claimed.of.fetch_sub(more, Ordering::Relaxed);
                }
                return Err(self.refusal(bound, sum.saturating_add(more)));
            }
        }
        self.held += more;
        self.gate.note_pressure();
        Ok(())
    }

    /// What this request may add so many bytes to: what its peer's requests hold, and what all do.
    fn bounds(&self, more: u64) -> [Bound<'_>; 2] {
        let gate = &self.gate;
        let (limit, used) = (gate.limit.load(Ordering::Relaxed), gate.used.load(Ordering::Relaxed));
        let (budget, own) = (gate.budget.load(Ordering::Relaxed), self.held.saturating_add(more));
        // So that small requests find room beside large ones; one that is alone is bounded by what a request may be.
        let kept = |most: u64| if own > SMALL_BYTES { most / KEPT_PART } else { 0 };
        let bound = |most: u64| (most - kept(most)).max(own);
        let limit = if limit == 0 { u64::MAX } else { limit.saturating_sub(used) };
        [
            Bound {
                of: &self.holder.peer.0,
                most: bound(budget / PEER_PART),
                limit: u64::MAX,
                whose: "this sender's address",
            },
            Bound { of: &gate.held, most: bound(budget), limit, whose: "all senders" },
        ]
    }

    fn refusal(&self, bound: &Bound<'_>, sum: u64) -> Refusal {
        if sum > bound.limit {
            let gate = &self.gate;
            let (limit, used) = (gate.limit.load(Ordering::Relaxed), gate.used.load(Ordering::Relaxed));
            let reason =
                format!("the collector is short of memory: {} MiB in use, {} MiB allowed", used >> 20, limit >> 20);
            let retry_after = Duration::from_millis(gate.interval_ms.load(Ordering::Relaxed).max(100));
            return Refusal::Unavailable { reason, retry_after };
        }
        let reason = format!(
            "the requests of {} hold {} MiB, {} MiB are allowed (`service.receivers.memory_bytes_max`)",
            bound.whose,
            sum >> 20,
            bound.most >> 20
        );
        Refusal::Exhausted { reason, retry_after: RETRY_AFTER }
    }

    /// What it took on the way is gone, and that many bytes are left.
    pub fn keeps(&mut self, bytes: u64) {
        self.give(self.held.saturating_sub(bytes));
    }

    fn give(&mut self, less: u64) {
        self.held -= less;
        for held in [&self.gate.held, &self.holder.peer.0] {
            held.fetch_sub(less, Ordering::Relaxed);
        }
        self.gate.note_pressure();
    }
}

impl Drop for MemoryPass {
    fn drop(&mut self) {
        self.give(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_let_in_while_there_is_memory_for_them() -> Result<(), Refusal> {
        let (gate, holder) = (MemoryGate::default(), MemoryHolder::default());
        drop(gate.admit(&holder, u64::MAX / 2)?);
        gate.limit(1000, Duration::from_secs(1));
        gate.limit(5000, Duration::from_secs(9));
        gate.measured(500);
        let mut first = gate.admit(&holder, 400)?;
        drop(gate.admit(&holder, 400)?);
        assert!(gate.admit(&holder, 501).is_err(), "what is announced is refused where there is no room for it");
        first.holds(300)?;
        // Measured again, what has come is in it, and is not counted twice.
        gate.measured(800);
        let second = gate.admit(&holder, 200)?;
        let refused = gate.admit(&holder, 201);
        assert_eq!(refused.err().and_then(|refusal| refusal.retry_after()), Some(Duration::from_secs(1)));
        assert!(first.holds(501).is_err(), "unpacked it is larger than announced");
        assert_eq!(gate.held(), 300, "what was refused is not held");
        drop((first, second));
        assert!(gate.admit(&holder, 500).is_ok());
        assert_eq!(gate.held(), 0);
        Ok(())
    }

    /// A large request that is refused again and again takes nothing from small ones, not for a moment.
    #[test]
    fn what_is_refused_is_never_counted() -> Result<(), Refusal> {
        let gate = MemoryGate::default();
        gate.budget(64 << 20);
        let holder = gate.holder("10.0.0.1".parse().ok());
        let mut first = gate.admit(&holder, 0)?;
        first.holds(20 << 20)?;
        let is_over = AtomicBool::new(false);
        let refused = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let large = gate.admit(&holder, 0).and_then(|mut pass| pass.holds(30 << 20));
                        assert!(large.is_err());
                    }
                });
            }
            let small = || gate.admit(&holder, 0).and_then(|mut pass| pass.holds(1000)).is_err();
            let refused = (0..20_000).filter(|_| small()).count();
            is_over.store(true, Ordering::Relaxed);
            refused
        });
        assert_eq!((refused, gate.held()), (0, 20 << 20));
        Ok(())
    }

    #[test]
    fn what_has_arrived_is_bounded_for_all_and_for_a_peer() -> Result<(), Refusal> {
        let gate = MemoryGate::default();
        gate.budget(1000);
        let peer = |text: &str| gate.holder(text.parse().ok());
        let one = peer("10.0.0.1");
        let mut whole = gate.admit(&one, 0)?;
        whole.holds(900)?;
        assert_eq!(gate.held(), 900, "alone it is bounded by what a request may be");
        whole.keeps(200);
        let is_exhausted = |holder: &MemoryHolder, bytes| {
            gate.admit(holder, 0)
                .and_then(|mut pass| pass.holds(bytes))
                .is_err_and(|refusal| matches!(refusal, Refusal::Exhausted { .. }))
        };
        let same = peer("10.0.0.1");
        assert!(is_exhausted(&same, 301) && !is_exhausted(&same, 300), "a peer has a half");
        let other = peer("10.0.0.2");
        assert!(is_exhausted(&other, 801) && !is_exhausted(&other, 800), "and all have the whole");
        drop(whole);
        assert_eq!(gate.held(), 0);
        Ok(())
    }
}
