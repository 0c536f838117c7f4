//! What a guest's imports reach, and how often: a call that asks for more than it may is cut off.

use crate::processor::Violation;

/// Something of the host that imports reach through [`Counted::call`] only.
pub(super) struct Counted<T> {
    inner: T,
    calls_max: u64,
    calls: u64,
}

impl<T> Counted<T> {
    pub fn new(inner: T, calls_max: u64) -> Counted<T> {
        Counted { inner, calls_max, calls: 0 }
    }

    /// A call of the guest begins.
    pub fn begin(&mut self) {
        self.calls = 0;
    }

    /// For an import: one more of this call's.
    pub fn call(&mut self) -> Result<&mut T, Violation> {
        if self.calls >= self.calls_max {
            return Err(Violation::HostCalls(self.calls_max));
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

    use super::Counted;

    #[test]
    fn a_call_may_ask_so_often_and_the_next_again() {
        let mut counted = Counted::new((), 2);
        for _ in 0..2 {
            assert!(counted.call().is_ok() && counted.call().is_ok());
            let error = counted.call().unwrap_err().to_string();
            assert!(error.contains("`host_calls`"), "{error}");
            counted.begin();
        }
    }
}
