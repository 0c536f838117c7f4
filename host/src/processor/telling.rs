//! Which troubles of a plugin are told: each once, and not more than a few a minute, however often they come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the same trouble is not told again.
const WINDOW: Duration = Duration::from_secs(60);

/// Different troubles that are told in that time.
const TROUBLES_MAX: usize = 5;

/// What was told lately. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Telling(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    until: Option<Instant>,
    told: Vec<String>,
    left_out: u64,
}

impl Telling {
    /// Whether to tell a trouble: then with how many were left out since the last that was told.
    pub fn admit(&self, trouble: &str, now: Instant) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(trouble, now)
    }
}

impl Told {
    fn admit(&mut self, trouble: &str, now: Instant) -> Option<u64> {
        if self.until.is_none_or(|until| until <= now) {
            self.told.clear();
            self.until = Some(now + WINDOW);
        }
        if self.told.len() >= TROUBLES_MAX || self.told.iter().any(|told| told == trouble) {
            self.left_out += 1;
            return None;
        }
        self.told.push(trouble.to_owned());
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_in_a_while_with_how_often_it_came() {
        let (telling, start) = (Telling::default(), Instant::now());
        assert_eq!([(); 3].map(|()| telling.admit("a", start)), [Some(0), None, None]);
        assert_eq!(telling.admit("b", start), Some(2));
        assert_eq!(telling.admit("a", start), None);
        assert_eq!(telling.admit("a", start + WINDOW), Some(1));
    }

    #[test]
    fn a_flood_of_different_ones_is_cut() {
        let (telling, start) = (Telling::default(), Instant::now());
        let told = (0..100).filter(|number| telling.admit(&number.to_string(), start).is_some()).count();
        assert_eq!(told, TROUBLES_MAX);
        assert_eq!(telling.admit("0", start + WINDOW), Some(95));
    }
}
