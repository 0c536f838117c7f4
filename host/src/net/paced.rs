//! Lines that senders and scrapers cause, and must not fill the log with: the same one once in a while, with how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the same line is not told again.
const PAUSE: Duration = Duration::from_secs(30);

/// One line.
#[derive(Debug, Default)]
pub struct Paced(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    told: Option<Instant>,
    left_out: u64,
}

impl Paced {
    /// Whether to tell it now: then with how many were left out since the last that was told.
    pub fn admit(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now())
    }
}

impl Line {
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
            self.left_out += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_once_in_a_while_with_how_many_were_left_out() {
        let (mut line, start) = (Line::default(), Instant::now());
        assert_eq!([(); 3].map(|()| line.admit(start)), [Some(0), None, None]);
        assert_eq!(line.admit(start + PAUSE / 2), None);
        assert_eq!(line.admit(start + PAUSE), Some(3));
        assert_eq!(line.admit(start + PAUSE * 3), Some(0));
    }
}
