//! Comparing secrets, and reading them from files that change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::files::bounded::{self, ReadError, TEXT_BYTES_MAX};

/// A file is looked at when somebody needs what it says, at most this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A secret as it is compared: in a time that depends on no byte of it, and without keeping it.
#[derive(Clone, Copy)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(secret: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(secret).into())
    }

    /// Whether both are of the same secret; every byte is looked at.
    pub(super) fn is_same(&self, other: &Fingerprint) -> bool {
        self.0.iter().zip(&other.0).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
    }

    /// Whether it is one of these; all are looked at.
    pub(super) fn is_among(&self, known: &[Fingerprint]) -> bool {
        known.iter().fold(false, |found, known| found | self.is_same(known))
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It does not hold what it should.
    #[error("`{}`: {reason}", file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong; names no secret.
        reason: String,
    },
}

/// What a file says, read again when it changes. What cannot be used is not: what was good before goes on.
pub(super) struct FromFile<T> {
    file: PathBuf,
    parse: fn(&str) -> Result<T, String>,
    state: Mutex<LastGood<T>>,
}

struct LastGood<T> {
    current: Arc<T>,
    digest: Fingerprint,
    looked: Instant,
}

impl<T> FromFile<T> {
    /// Reads the file as it is.
    pub(super) fn new(file: PathBuf, parse: fn(&str) -> Result<T, String>) -> Result<FromFile<T>, FileError> {
        let read = bounded::read_text(&file, TEXT_BYTES_MAX);
        let text = read.map_err(|source| FileError::Read { file: file.clone(), source })?;
        let parsed = parse(&text).map_err(|reason| FileError::Content { file: file.clone(), reason })?;
        let (current, digest) = (Arc::new(parsed), Fingerprint::of(text.as_bytes()));
        Ok(FromFile { file, parse, state: Mutex::new(LastGood { current, digest, looked: Instant::now() }) })
    }

    /// What it says. The file is small, so it is read where it is needed.
    pub(super) fn current(&self) -> Arc<T> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.looked) >= LOOK_INTERVAL {
            state.looked = now;
            self.look(&mut state);
        }
        Arc::clone(&state.current)
    }

    fn look(&self, state: &mut LastGood<T>) {
        let file = self.file.display();
        let text = match bounded::read_text(&self.file, TEXT_BYTES_MAX) {
            Ok(text) => text,
            Err(error) => {
                return tracing::warn!(%file, %error, "cannot read the file again; going on with what it said");
            }
        };
        let digest = Fingerprint::of(text.as_bytes());
        if digest.is_same(&state.digest) {
            return;
        }
        match (self.parse)(&text) {
            Ok(parsed) => {
                (state.current, state.digest) = (Arc::new(parsed), digest);
                tracing::info!(%file, "the file has changed and is in use");
            }
            Err(reason) => {
                tracing::warn!(%file, reason, "the file has changed, but cannot be used; going on with what it said")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_secrets_apart() {
        let [one, two] = [b"one", b"two"].map(|secret| Fingerprint::of(secret));
        assert!(one.is_among(&[two, one]) && !one.is_same(&two) && !one.is_among(&[]));
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("number");
        let parse = |text: &str| text.trim().parse::<u32>().map_err(|error| error.to_string());
        assert!(matches!(FromFile::new(file.clone(), parse), Err(FileError::Read { .. })));
        std::fs::write(&file, "1")?;
        let number = FromFile::new(file.clone(), parse)?;
        let mut now = Instant::now();
        for (text, expected) in [("2", 2), ("half", 2), ("3", 3)] {
            std::fs::write(&file, text)?;
            now += LOOK_INTERVAL;
            assert_eq!(*number.at(now), expected, "{text}");
        }
        // As if it were never to end.
        std::fs::File::options().write(true).open(&file)?.set_len(10 << 30)?;
        now += LOOK_INTERVAL;
        assert_eq!(*number.at(now), 3);
        let error = FromFile::new(file.clone(), parse).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("number`: it has more than 4194304 bytes"), "{error}");
        std::fs::remove_file(&file)?;
        assert_eq!(*number.at(now + LOOK_INTERVAL), 3);
        Ok(())
    }
}
