//! The addresses behind a name, and whose turn it is.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::address::Address;
use super::broken::Broken;
use super::options::Balancer;
use super::slot::ConnectionSlot;
use super::target::Target;

/// A name is asked again after this long, even when all is well: addresses come and go.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// A name is asked again after a failure, but not more often than this.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);

/// How long a name server may take while there is nowhere else to go.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses of one target, each with its connections.
pub(super) struct Addresses {
    target: Target,
    balancer: Balancer,
    known: Mutex<Known>,
    /// Held by the one that asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    slots: Vec<Arc<ConnectionSlot>>,
    /// When the name was asked last, whatever the answer.
    asked: Option<Instant>,
    /// A connection failed since: the name may mean something else by now.
    is_stale: bool,
    /// Counts requests, for the turn.
    turn: usize,
}

impl Addresses {
    pub(super) fn new(target: Target, balancer: Balancer) -> Addresses {
        let known = target.address().map(|address| Arc::new(ConnectionSlot::new(address))).into_iter().collect();
        Addresses {
            target,
            balancer,
            known: Mutex::new(Known { slots: known, ..Known::default() }),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// All addresses in the order in which a request tries them: whose turn it is first, those that failed lately last.
    pub(super) async fn in_turn(&self) -> Result<Vec<Arc<ConnectionSlot>>, Broken> {
        if self.target.address().is_none() {
            self.refresh().await?;
        }
        let mut known = self.known();
        let mut slots = known.slots.clone();
        if self.balancer == Balancer::RoundRobin && !slots.is_empty() {
            let first = known.turn % slots.len();
            slots.rotate_left(first);
        }
        known.turn = known.turn.wrapping_add(1);
        drop(known);
        let now = Instant::now();
        slots.sort_by_key(|slot| slot.resting_until().filter(|until| *until > now));
        Ok(slots)
    }

    /// A connection failed: the name is worth asking again.
    pub(super) fn doubt(&self) {
        self.known().is_stale = true;
    }

    /// Asks the name where that is due. Whoever has addresses to go on with does not wait for another who asks.
    async fn refresh(&self) -> Result<(), Broken> {
        let (is_due, is_known) = self.due();
        if !is_due {
            return Ok(());
        }
        let _asking = match is_known {
            true => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(()),
            },
            false => self.asking.lock().await,
        };
        if !self.due().0 {
            return Ok(());
        }
        let lookup = tokio::net::lookup_host((self.target.host.as_str(), self.target.port));
        let found = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(found)) => Ok(found.collect::<Vec<_>>()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", LOOKUP_TIMEOUT.as_millis())),
        };
        self.learn(found)
    }

    /// Whether the name should be asked, and whether there is an address without.
    fn due(&self) -> (bool, bool) {
        let known = self.known();
        let age = known.asked.map(|asked| asked.elapsed());
        let is_due = match age {
            None => true,
            Some(age) if known.is_stale || known.slots.is_empty() => age >= REFRESH_PAUSE,
            Some(age) => age >= REFRESH_INTERVAL,
        };
        (is_due || known.slots.is_empty(), !known.slots.is_empty())
    }

    /// Takes the answer over. Addresses that stay keep their connections; where the name has none, the old ones go on.
    fn learn(&self, found: Result<Vec<SocketAddr>, String>) -> Result<(), Broken> {
        let mut known = self.known();
        known.asked = Some(Instant::now());
        known.is_stale = false;
        let reason = match found {
            Ok(found) if !found.is_empty() => {
                let mut slots: Vec<Arc<ConnectionSlot>> = Vec::with_capacity(found.len());
                for address in found.into_iter().map(Address::from) {
                    if !slots.iter().any(|slot| slot.address == address) {
                        let old = known.slots.iter().find(|slot| slot.address == address);
                        slots.push(old.cloned().unwrap_or_else(|| Arc::new(ConnectionSlot::new(address))));
                    }
                }
                known.slots = slots;
                return Ok(());
            }
            Ok(_) => "the name has no address".to_owned(),
            Err(reason) => reason,
        };
        match known.slots.is_empty() {
            true => Err(Broken::Resolve { host: self.target.host.clone(), reason }),
            false => {
                tracing::debug!(
                    host = self.target.host,
                    reason,
                    "the name could not be resolved again; going on with the known addresses"
                );
                Ok(())
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(balancer: Balancer, found: &[&str]) -> Result<Addresses, Box<dyn std::error::Error>> {
        let target = Target { secure: None, host: "collector".into(), port: 1, path: String::new(), socket: None };
        let addresses = Addresses::new(target, balancer);
        addresses.learn(Ok(found.iter().map(|text| text.parse()).collect::<Result<_, _>>()?))?;
        Ok(addresses)
    }

    async fn first(addresses: &Addresses) -> Result<String, Box<dyn std::error::Error>> {
        let slots = addresses.in_turn().await?;
        Ok(slots.first().map(|slot| slot.address.to_string()).unwrap_or_default())
    }

    #[tokio::test]
    async fn requests_go_round_and_pass_by_what_failed() -> Result<(), Box<dyn std::error::Error>> {
        let round = addresses(Balancer::RoundRobin, &["10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:1", "10.0.0.3:1"])?;
        for expected in ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"] {
            assert_eq!(first(&round).await?, expected);
        }
        let slots = round.in_turn().await?;
        assert_eq!(slots.len(), 3);
        slots.iter().filter(|slot| slot.address.to_string() != "10.0.0.2:1").for_each(|slot| slot.rest());
        for _ in 0..3 {
            assert_eq!(first(&round).await?, "10.0.0.2:1");
        }
        let one = addresses(Balancer::PickFirst, &["10.0.0.1:1", "10.0.0.2:1"])?;
        assert_eq!([first(&one).await?, first(&one).await?], ["10.0.0.1:1", "10.0.0.1:1"]);
        Ok(())
    }

    #[test]
    fn addresses_that_stay_keep_their_connections() -> Result<(), Box<dyn std::error::Error>> {
        let addresses = addresses(Balancer::RoundRobin, &["10.0.0.1:1", "10.0.0.2:1"])?;
        let before = addresses.known().slots.clone();
        addresses.learn(Ok(vec!["10.0.0.2:1".parse()?, "10.0.0.3:1".parse()?]))?;
        let after = addresses.known().slots.clone();
        assert!(before.get(1).zip(after.first()).is_some_and(|(old, new)| Arc::ptr_eq(old, new)));
        addresses.learn(Err("no such host".into()))?;
        addresses.learn(Ok(Vec::new()))?;
        assert_eq!(addresses.known().slots.len(), 2);
        Ok(())
    }
}
