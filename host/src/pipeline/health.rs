//! What is wrong with the process at the moment, for the health endpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Troubles by the part that has them. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    troubles: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Health {
    /// `part` cannot do its work.
    pub fn failed(&self, part: &str, reason: &str) {
        self.lock().insert(part.to_owned(), reason.to_owned());
    }

    /// `part` works again.
    pub fn recovered(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Every trouble there is.
    pub fn troubles(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
