//! What a guest's imports reach, how often and for how long: a call that asks for more than it may is cut off.

use std::time::Instant;

use crate::processor::Violation;

/// Something of the host that imports reach through [`Counted::call`] only.
pub(super) struct Counted<T> {
    inner: T,
    calls_max: u64,
    calls: u64,
    /// When the guest's call has to have ended.
    until: Option<Instant>,
}

impl<T> Counted<T> {
    pub fn new(inner: T, calls_max: u64) -> Counted<T> {
        Counted { inner, calls_max, calls: 0, until: None }
    }

    /// A call of the guest begins.
    pub fn begin(&mut self, until: Instant) {
        (self.calls, self.until) = (0, Some(until));
    }

    /// For an import: one more of this call's.
    pub fn call(&mut self) -> Result<&mut T, Violation> {
        if self.calls >= self.calls_max {
            return Err(Violation::HostCalls(self.calls_max));
        }
        // The epoch is looked at in loops and at the beginning of functions, and a guest need have neither between two imports.
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(Violation::Deadline);
        }
        self.calls += 1;
        Ok(&mut self.inner)
    }

    /// For the host itself.
    pub fn host(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, Instant};

    use super::Counted;

    #[test]
    fn nothing_is_asked_for_after_the_deadline() {
        let mut counted = Counted::new((), 2);
        assert!(counted.call().is_ok(), "a guest that is instantiated has none");
        counted.begin(Instant::now());
        while Instant::now() <= counted.until.unwrap() {}
        assert!(counted.call().unwrap_err().to_string().contains("takes longer"));
        counted.begin(Instant::now() + Duration::from_secs(3600));
        assert!(counted.call().is_ok());
    }

    #[test]
    fn a_call_may_ask_so_often_and_the_next_again() {
        let mut counted = Counted::new((), 2);
        for _ in 0..2 {
            assert!(counted.call().is_ok() && counted.call().is_ok());
            let error = counted.call().unwrap_err().to_string();
            assert!(error.contains("`host_calls`"), "{error}");
            counted.begin(Instant::now() + Duration::from_secs(3600));
        }
    }
}
