//! The connections of one listener: so many at a time, and shared fairly. Where all places are taken, the connection that has been idle for
//! longest gives way, of the peer that has most: whoever opens connections and does nothing with them keeps out nobody but himself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::peer::network;
use crate::descriptors::{self, Descriptor};

/// The places of one listener. Clones share them.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Places>);

#[derive(Debug)]
struct Places {
    max: usize,
    /// Whether they live on what is kept for everything but connections.
    is_reserved: bool,
    taken: Mutex<Taken>,
    begun: Instant,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Arc<Use>>,
    peers: HashMap<Option<IpAddr>, usize>,
}

/// What a connection does.
#[derive(Debug)]
struct Use {
    peer: Option<IpAddr>,
    under_way: AtomicUsize,
    /// When it was last used, in milliseconds since the listener began; zero before its first request.
    used: AtomicU64,
    opened: u64,
    given_away: Notify,
    begun: Instant,
}

impl Use {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// A connection's place. Dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    used: Arc<Use>,
    _descriptor: Option<Descriptor>,
}

/// A request under way on a connection, until it is dropped.
#[derive(Debug)]
pub struct Working(Arc<Use>);

/// A connection found a place.
#[derive(Debug)]
pub struct Entered {
    /// Its place.
    pub place: Place,
    /// Who had to give way for it, and how many connections that peer has left.
    pub given_way: Option<(Option<IpAddr>, usize)>,
}

/// There is no place, and nobody is idle who has more than the newcomer.
#[derive(Debug, thiserror::Error)]
#[error("{open} are open{}, and none gives way", most_of(*.most))]
pub struct Crowded {
    /// Connections there are.
    pub open: usize,
    /// The peer with most of them, and how many.
    pub most: Option<(IpAddr, usize)>,
}

fn most_of(most: Option<(IpAddr, usize)>) -> String {
    most.map(|(peer, count)| format!(", {count} of them by {peer}")).unwrap_or_default()
}

impl Connections {
    /// So many at a time, or its part of those that there are file descriptors for.
    pub fn new(max: usize) -> Connections {
        let max = descriptors::part_of(max);
        Connections(Arc::new(Places { max, is_reserved: false, taken: Mutex::default(), begun: Instant::now() }))
    }

    /// A few that are served however many file descriptors all others take: those of probes.
    pub fn reserved(max: usize) -> Connections {
        Connections(Arc::new(Places { max, is_reserved: true, taken: Mutex::default(), begun: Instant::now() }))
    }

    /// A place for a connection of that peer.
    pub fn enter(&self, peer: Option<SocketAddr>) -> Result<Entered, Crowded> {
        let peer = peer.map(|peer| network(peer.ip()));
        let mut taken = self.0.lock();
        let mut given_way = None;
        let descriptor = if self.0.is_reserved { Some(None) } else { Descriptor::take().map(Some) };
        let descriptor = match descriptor.filter(|_| taken.places.len() < self.0.max) {
            Some(descriptor) => descriptor,
            None => {
                let idle = taken.idle_for(peer).and_then(|number| taken.remove(number));
                let Some(idle) = idle else { return Err(taken.crowded()) };
                idle.given_away.notify_one();
                given_way = Some((idle.peer, taken.peers.get(&idle.peer).copied().unwrap_or(0)));
                // The other's is on its way back; what is kept for everything else bridges the moment.
                (!self.0.is_reserved).then(|| Descriptor::take().unwrap_or_else(Descriptor::borrowed))
            }
        };
        let number = taken.next;
        taken.next += 1;
        let opened = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let used = Arc::new(Use {
            peer,
            under_way: AtomicUsize::new(0),
            used: AtomicU64::new(0),
            opened,
            given_away: Notify::new(),
            begun: self.0.begun,
        });
        taken.places.insert(number, Arc::clone(&used));
        *taken.peers.entry(peer).or_default() += 1;
        drop(taken);
        let place = Place { places: Arc::clone(&self.0), number, used, _descriptor: descriptor };
        Ok(Entered { place, given_way })
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Which connection gives way to one of this peer: idle, of a peer that has at least as many as this one would have.
    fn idle_for(&self, newcomer: Option<IpAddr>) -> Option<u64> {
        let count = |peer: &Option<IpAddr>| self.peers.get(peer).copied().unwrap_or(0);
        let own = count(&newcomer);
        let idle = self.places.iter().filter(|(_, used)| used.under_way.load(Ordering::Relaxed) == 0);
        let fair = idle.filter(|(_, used)| used.peer == newcomer || count(&used.peer) > own);
        let longest = |used: &Use| match used.used.load(Ordering::Relaxed) {
            // It has never asked for anything.
            0 => (0, used.opened),
            used => (1, used),
        };
        let order = |number: u64, used: &Use| (std::cmp::Reverse(count(&used.peer)), longest(used), number);
        fair.min_by_key(|(number, used)| order(**number, used)).map(|(number, _)| *number)
    }

    fn crowded(&self) -> Crowded {
        let named = self.peers.iter().filter_map(|(peer, count)| Some(((*peer)?, *count)));
        Crowded { open: self.places.len(), most: named.max_by_key(|(_, count)| *count) }
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Use>> {
        let used = self.places.remove(&number)?;
        if let Some(count) = self.peers.get_mut(&used.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&used.peer);
            }
        }
        Some(used)
    }
}

impl Place {
    /// Notes that something has come.
    pub fn used(&self) {
        self.used.used.store(self.used.now(), Ordering::Relaxed);
    }

    /// Whether a request is under way.
    pub fn is_working(&self) -> bool {
        self.used.under_way.load(Ordering::Relaxed) > 0
    }

    /// Notes a request, which is under way as long as what is returned lives.
    pub fn work(&self) -> Working {
        self.used.under_way.fetch_add(1, Ordering::Relaxed);
        self.used.used.store(self.used.now(), Ordering::Relaxed);
        Working(Arc::clone(&self.used))
    }

    /// Resolves when the place was given to somebody else: the connection is to end at once.
    pub async fn given_away(&self) {
        self.used.given_away.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.used.store(self.0.now(), Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn peer(text: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(text.parse().unwrap(), 1))
    }

    fn enter(connections: &Connections, text: &str) -> Place {
        connections.enter(peer(text)).unwrap().place
    }

    #[test]
    fn the_idlest_of_the_peer_with_most_gives_way() {
        let connections = Connections::new(4);
        let hoarder: Vec<Place> = (0..3).map(|_| enter(&connections, "10.0.0.1")).collect();
        drop(hoarder[0].work());
        let other = enter(&connections, "10.0.0.2");
        let entered = connections.enter(peer("10.0.0.3")).unwrap();
        assert_eq!(entered.given_way, Some((peer("10.0.0.1").map(|peer| peer.ip()), 2)));
        let is_open = |place: &Place| place.places.lock().places.contains_key(&place.number);
        assert!(is_open(&other) && is_open(&hoarder[0]) && !is_open(&hoarder[1]) && is_open(&hoarder[2]));
        drop(hoarder);
        assert!(connections.enter(peer("10.0.0.4")).unwrap().given_way.is_none(), "places are free again");
    }

    #[test]
    fn who_works_stays_and_who_has_less_does_not_give_way_to_who_has_more() {
        let connections = Connections::new(2);
        let (busy, _idle) = (enter(&connections, "10.0.0.1"), enter(&connections, "10.0.0.2"));
        let working = busy.work();
        let crowded = connections.enter(peer("10.0.0.1")).unwrap_err();
        assert_eq!(crowded.open, 2);
        drop(working);
        let entered = connections.enter(peer("10.0.0.1")).unwrap();
        assert_eq!(entered.given_way.unwrap().0, peer("10.0.0.1").map(|peer| peer.ip()), "its own");
    }
}
