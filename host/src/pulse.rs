//! Whether a thread gets on with its work: what a watchdog looks at.
//!
//! A thread beats at each turn of its work, and rests while it waits for something that a restart would not bring: the next job, room in a
//! queue, the disk. One that neither beats nor rests for long hangs. A beat is one store to memory that the thread has for itself.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

thread_local! {
    /// Of a thread that nobody watches there is none.
    static OWN: OnceCell<Pulse> = const { OnceCell::new() };
}

/// The pulse of one thread. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug, Default)]
struct Beats {
    count: AtomicU64,
    rests: AtomicBool,
}

impl Pulse {
    /// From now on it is the calling thread's. A thread has one pulse; a second one is ignored.
    pub fn adopt(&self) {
        OWN.with(|own| drop(own.set(self.clone())));
    }

    /// How often it has beaten; `None` while it rests.
    fn count(&self) -> Option<u64> {
        (!self.0.rests.load(Ordering::Relaxed)).then(|| self.0.count.load(Ordering::Relaxed))
    }

    fn beat(&self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The calling thread has got on.
pub fn beat() {
    OWN.with(|own| own.get().map(Pulse::beat));
}

/// The calling thread rests while it waits.
pub fn resting<T>(wait: impl FnOnce() -> T) -> T {
    let Some(own) = OWN.with(|own| own.get().cloned()) else { return wait() };
    own.0.rests.store(true, Ordering::Relaxed);
    let waited = wait();
    own.beat();
    own.0.rests.store(false, Ordering::Relaxed);
    waited
}

/// Looks at threads now and then.
#[derive(Debug)]
pub struct Watch {
    threads: Vec<Watched>,
    /// How long a thread may go without a beat.
    patience: Duration,
}

#[derive(Debug)]
struct Watched {
    name: String,
    pulse: Pulse,
    /// The count that was seen last, and when it was first seen.
    seen: Option<(u64, Instant)>,
}

impl Watch {
    /// Over these threads, by their names.
    pub fn over(threads: impl IntoIterator<Item = (String, Pulse)>, patience: Duration) -> Watch {
        let threads = threads.into_iter().map(|(name, pulse)| Watched { name, pulse, seen: None }).collect();
        Watch { threads, patience }
    }

    /// The first thread that has neither beaten nor rested for longer than it may.
    pub fn hanging(&mut self, now: Instant) -> Option<&str> {
        let mut hanging = None;
        for thread in &mut self.threads {
            let count = thread.pulse.count();
            let since = thread.seen.filter(|(seen, _)| Some(*seen) == count).map_or(now, |(_, since)| since);
            thread.seen = count.map(|count| (count, since));
            if hanging.is_none() && now.saturating_duration_since(since) > self.patience {
                hanging = Some(thread.name.as_str());
            }
        }
        hanging
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn watch() -> (Pulse, Watch, Instant) {
        let pulse = Pulse::default();
        let watch = Watch::over([("worker-0".to_owned(), pulse.clone())], PATIENCE);
        (pulse, watch, Instant::now())
    }

    #[test]
    fn a_thread_that_does_not_beat_for_long_hangs() {
        let (pulse, mut watch, start) = watch();
        assert_eq!(watch.hanging(start), None);
        assert_eq!(watch.hanging(start + PATIENCE), None);
        assert_eq!(watch.hanging(start + 2 * PATIENCE), Some("worker-0"));
        pulse.beat();
        assert_eq!(watch.hanging(start + 2 * PATIENCE), None, "it has got on");
        assert_eq!(watch.hanging(start + 4 * PATIENCE), Some("worker-0"), "and hangs again");
    }

    #[test]
    fn a_thread_that_rests_does_not_hang() {
        let (pulse, mut watch, start) = watch();
        let rested = std::thread::spawn(move || {
            pulse.adopt();
            resting(|| (watch.hanging(start).is_none(), watch.hanging(start + 9 * PATIENCE).is_none(), watch))
        });
        let Ok((true, true, mut watch)) = rested.join() else { unreachable!("it rests") };
        assert_eq!(watch.hanging(start + 9 * PATIENCE), None, "the stretch of work begins when it has rested");
        assert_eq!(watch.hanging(start + 11 * PATIENCE), Some("worker-0"));
    }

    #[test]
    fn a_thread_that_nobody_watches_may_beat_and_rest() {
        beat();
        assert_eq!(resting(|| 1), 1);
    }
}
