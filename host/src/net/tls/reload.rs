//! What is made from files, and made again when they change.
//!
//! Files are looked at when somebody needs what they say, at most once an interval. Certificate and key are two files, so for a moment
//! they may not fit, or one be half written: then what was good stays, and the next look finds them whole.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::material::TlsError;
use crate::files::bounded::{self, TEXT_BYTES_MAX};

/// Makes a value from files as they are now.
type Make<T> = Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>;

/// A value and the files it came from. Clones are the same.
pub(super) struct Reloading<T>(Arc<Inner<T>>);

struct Inner<T> {
    make: Make<T>,
    files: Vec<PathBuf>,
    interval: Option<Duration>,
    state: Mutex<Loaded<T>>,
}

struct Loaded<T> {
    current: Arc<T>,
    /// Of the files' content.
    digest: [u8; 32],
    looked: Instant,
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// The value from the files as they are.
    pub(super) fn new(make: Make<T>, files: Vec<PathBuf>, interval: Option<Duration>) -> Result<Self, TlsError> {
        let digest = digest(&files);
        let current = Arc::new(make()?);
        let state = Mutex::new(Loaded { current, digest, looked: Instant::now() });
        Ok(Reloading(Arc::new(Inner { make, files, interval, state })))
    }

    /// The value as the files are, or were an interval ago.
    pub(super) async fn current(&self) -> Arc<T> {
        self.at(Instant::now()).await
    }

    async fn at(&self, now: Instant) -> Arc<T> {
        if self.0.is_due(now) {
            let inner = Arc::clone(&self.0);
            // It fails to join only when the runtime is being shut down.
            let _ = tokio::task::spawn_blocking(move || inner.look()).await;
        }
        Arc::clone(&self.0.state().current)
    }
}

impl<T> Inner<T> {
    /// Whether it is time to look; the one that is told so does.
    fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_due = self.interval.is_some_and(|interval| now.saturating_duration_since(state.looked) >= interval);
        if is_due {
            state.looked = now;
        }
        is_due
    }

    fn look(&self) {
        let digest = digest(&self.files);
        if digest == self.state().digest {
            return;
        }
        match (self.make)() {
            Ok(value) => {
                let mut state = self.state();
                (state.current, state.digest) = (Arc::new(value), digest);
                tracing::info!(files = ?self.files, "certificates have changed and are in use");
            }
            Err(error) => {
                tracing::warn!("certificates have changed, but cannot be used; going on with those before: {error}")
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Loaded<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of what is in the files; of one that cannot be read, that it cannot.
fn digest(files: &[PathBuf]) -> [u8; 32] {
    let mut sum = Sha256::new();
    for file in files {
        match bounded::read(file, TEXT_BYTES_MAX) {
            Ok(bytes) => {
                sum.update([1]);
                sum.update(Sha256::digest(bytes));
            }
            Err(_) => sum.update([0]),
        }
    }
    sum.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("number");
        std::fs::write(&file, "1")?;
        let read = file.clone();
        let make = move || {
            let text = std::fs::read_to_string(&read).map_err(|error| TlsError::Other(error.to_string()))?;
            text.parse::<u32>().map_err(|error| TlsError::Other(error.to_string()))
        };
        let minute = Duration::from_secs(60);
        let number = Reloading::new(Box::new(make), vec![file.clone()], Some(minute))?;
        let mut now = Instant::now();
        std::fs::write(&file, "2")?;
        assert_eq!(*number.current().await, 1);
        for (text, expected) in [("2", 2), ("half", 2), ("3", 3)] {
            std::fs::write(&file, text)?;
            now += minute;
            assert_eq!(*number.at(now).await, expected, "{text}");
        }
        Ok(())
    }
}
