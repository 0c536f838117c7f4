//! Dead letters as the store has them.
//!
//! Family `dead`: 0 and a number (big endian) is the head of a letter, 1 and the number its payload, 2 and a number a mark, which says that
//! letters below that number were given out.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Family, QueueStore, StoreError, Write};

const HEAD: u8 = 0;
const PAYLOAD: u8 = 1;
const MARK: u8 = 2;

fn key(section: u8, number: u64) -> Bytes {
    [&[section][..], &number.to_be_bytes()].concat().into()
}

fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|number| u64::from_be_bytes(*number))
}

impl QueueStore {
    /// The changes that keep a letter.
    pub fn put_letter(number: u64, head: Bytes, payload: Bytes) -> [Write; 2] {
        [Write::Put(Family::Dead, key(HEAD, number), head), Write::Put(Family::Dead, key(PAYLOAD, number), payload)]
    }

    /// The changes after which a letter is not there.
    pub fn letter_removal(number: u64) -> [Write; 2] {
        [HEAD, PAYLOAD].map(|section| Write::Delete(Family::Dead, key(section, number)))
    }

    /// The change that sets a mark.
    pub fn put_mark(next: u64) -> Write {
        Write::Put(Family::Dead, key(MARK, next), Bytes::new())
    }

    /// The change after which a mark is not there.
    pub fn mark_removal(next: u64) -> Write {
        Write::Delete(Family::Dead, key(MARK, next))
    }

    /// The head of a letter.
    pub fn letter_head(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.backend.get(Family::Dead, &key(HEAD, number))
    }

    /// The payload of a letter.
    pub fn letter_payload(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.backend.get(Family::Dead, &key(PAYLOAD, number))
    }

    /// Calls `each` with number and head of every letter, the oldest first.
    pub fn each_letter(&self, mut each: impl FnMut(u64, &[u8])) -> Result<(), StoreError> {
        self.backend.range(Family::Dead, &[HEAD], &[HEAD + 1], &mut |key, head| {
            each(number(&key).unwrap_or(0), &head);
            ControlFlow::Continue(())
        })
    }

    /// Calls `each` with every mark, ascending.
    pub fn each_mark(&self, mut each: impl FnMut(u64)) -> Result<(), StoreError> {
        self.backend.range(Family::Dead, &[MARK], &[MARK + 1], &mut |key, _| {
            number(&key).into_iter().for_each(&mut each);
            ControlFlow::Continue(())
        })
    }
}
