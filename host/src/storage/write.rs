//! Changes, in the words of a backend. Only the ends of the store make them ([`StateStore`](super::StateStore),
//! [`QueueStore`](super::QueueStore)), because only these know the keys.

use bytes::Bytes;

/// Which keys belong together, and are kept in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// What components keep: small values, read at start, written often.
    State,
    /// What waits for exporters: its order and its sizes.
    Queue,
    /// The bytes of what waits: large values, written once, read once and deleted, mostly before they leave memory.
    Payload,
    /// What could not be delivered.
    Dead,
}

impl Family {
    /// Every one.
    pub const ALL: [Family; 4] = [Family::State, Family::Queue, Family::Payload, Family::Dead];

    /// As it is called in a backend.
    pub fn name(self) -> &'static str {
        match self {
            Family::State => "state",
            Family::Queue => "queue",
            Family::Payload => "payload",
            Family::Dead => "dead",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put(Family, Bytes, Bytes),
    /// Deletes a key.
    Delete(Family, Bytes),
    /// Deletes the keys from the first to before the second.
    DeleteRange(Family, Bytes, Bytes),
}

impl Write {
    /// Bytes of its keys and its value.
    pub fn size(&self) -> usize {
        match self {
            Write::Put(_, key, value) => key.len() + value.len(),
            Write::Delete(_, key) => key.len(),
            Write::DeleteRange(_, start, end) => start.len() + end.len(),
        }
    }

    /// Its family, and the first key that it can change.
    pub(super) fn first(&self) -> (Family, &Bytes) {
        let (Write::Put(family, key, _) | Write::Delete(family, key) | Write::DeleteRange(family, key, _)) = self;
        (*family, key)
    }
}
