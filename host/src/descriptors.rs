//! File descriptors: how many the process may have, and how many of them are for connections. The store, its files and the pages for probes
//! never want for one, whoever connects.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for everything but connections of senders and scrapers: the store's files, logs, pages, sockets of exporters. Half of all
/// where there are fewer than twice as many.
const RESERVED: usize = 512;

/// Files of the store that are open at a time, where there are enough descriptors.
const STORE_MAX: i32 = 256;

/// Descriptors that connections may still take. Nobody counts before [`raise`].
static FREE: AtomicIsize = AtomicIsize::new(isize::MAX / 2);

/// Descriptors that connections may have, and connections that all listeners would take.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(usize::MAX / 2);
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// What a listener may have of so many connections, where the plan's listeners want more together than there are descriptors: its part.
pub fn part_of(max: usize) -> usize {
    let (connections, wanted) = (CONNECTIONS.load(Ordering::Relaxed), WANTED.load(Ordering::Relaxed));
    if wanted <= connections { max } else { (max * connections / wanted).max(1) }
}

/// The plan's listeners want so many connections together.
pub fn want(connections: usize) {
    WANTED.store(connections, Ordering::Relaxed);
}

/// One connection's descriptor. Dropped, it is given back.
#[derive(Debug)]
pub struct Descriptor(());

impl Descriptor {
    /// For one more connection, if there is one.
    pub fn take() -> Option<Descriptor> {
        let less = |free: isize| (free > 0).then(|| free - 1);
        FREE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok().then_some(Descriptor(()))
    }

    /// One of those that are kept for everything else, for the moment until another is given back.
    pub fn borrowed() -> Descriptor {
        FREE.fetch_sub(1, Ordering::Relaxed);
        Descriptor(())
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        FREE.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many of the store's files may be open at a time.
pub fn of_store() -> i32 {
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    i32::try_from(current / 4).unwrap_or(i32::MAX).clamp(32, STORE_MAX)
}

/// Raises the process's limit as far as it may, once, before anything is opened. Returns it, and how many of them connections may have.
pub fn raise() -> (usize, usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Where it may not be raised, it stays what it was.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    let limit = limit.map_or(usize::MAX / 2, |limit| usize::try_from(limit).unwrap_or(usize::MAX / 2));
    let connections = limit - RESERVED.min(limit / 2);
    CONNECTIONS.store(connections, Ordering::Relaxed);
    FREE.store(isize::try_from(connections).unwrap_or(isize::MAX / 2), Ordering::Relaxed);
    (limit, connections)
}
