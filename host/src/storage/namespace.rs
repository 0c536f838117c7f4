//! Keys of what one component keeps, or one of its instances.
//!
//! ```text
//! namespace = component id  0x00                                               of a component with one instance
//!           | component id  0x01  count:u32  identity:u64  number:u32          of one of several; big endian
//! key       = namespace  section:u8  key within the section
//! ```
//!
//! Two components' namespaces never overlap, nor do two instances': an id has no control character, and what stands behind it is of one length.

use bytes::Bytes;

use super::Write;
use super::write::Family;
use crate::contract::ComponentId;

/// What keys of the steady clock begin with: no component's id does.
pub(super) const STEADY: &[u8] = b"\0steady\0";
/// Behind all of them.
pub(super) const STEADY_END: &[u8] = b"\0steady\x01";

/// Sections of a namespace.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum Section {
    /// Which format and configuration wrote the rest.
    Meta = 1,
    /// Durable dictionaries.
    Dictionary = 2,
    /// The plugin's own keys.
    Data = 3,
}

/// Keys of a namespace begin with a section; nothing is behind the last.
const _: () = assert!((Section::Data as u8) < u8::MAX);

/// Which of several instances one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// How many there are.
    pub count: u32,
    /// What items are divided by; of another division it is another one.
    pub identity: u64,
    /// Which it is, from zero.
    pub number: u32,
}

/// Where the keys of a component are, or of one of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    prefix: Vec<u8>,
    /// Bytes of the component id.
    id: usize,
}

/// Behind the id of a component with one instance.
const WHOLE: u8 = 0;
/// Behind the id of one with several.
const DIVIDED: u8 = 1;

impl Namespace {
    /// Of a component, or of one of several instances.
    pub fn new(component: &ComponentId, division: Option<Division>) -> Namespace {
        let mut prefix = component.to_string().into_bytes();
        let id = prefix.len();
        match division {
            None => prefix.push(WHOLE),
            Some(Division { count, identity, number }) => {
                prefix.push(DIVIDED);
                prefix.extend_from_slice(&count.to_be_bytes());
                prefix.extend_from_slice(&identity.to_be_bytes());
                prefix.extend_from_slice(&number.to_be_bytes());
            }
        }
        Namespace { prefix, id }
    }

    /// A key of it.
    pub fn key(&self, section: Section, key: &[u8]) -> Bytes {
        let mut full = Vec::with_capacity(self.overhead() + key.len());
        full.extend_from_slice(&self.prefix);
        full.push(section as u8);
        full.extend_from_slice(key);
        full.into()
    }

    /// How many bytes of a key stand before the key within its section.
    pub fn overhead(&self) -> usize {
        self.prefix.len() + 1
    }

    /// The range of all its keys.
    pub fn range(&self) -> (Bytes, Bytes) {
        (Bytes::copy_from_slice(&self.prefix), [&self.prefix[..], &[u8::MAX]].concat().into())
    }

    /// Where the steady clock is kept that it has seen.
    pub(super) fn steady_key(&self) -> Bytes {
        [STEADY, &self.prefix].concat().into()
    }

    /// Whether a change is one of its keys.
    pub fn owns(&self, write: &Write) -> bool {
        let (family, key) = write.first();
        family == Family::State && key.starts_with(&self.prefix)
    }

    /// Among how many instances a key of the component was divided.
    pub fn instances_of(&self, key: &[u8]) -> u32 {
        let divided = key.get(self.id..).and_then(|behind| behind.strip_prefix(&[DIVIDED]));
        divided.and_then(|behind| behind.first_chunk()).map_or(1, |count| u32::from_be_bytes(*count))
    }

    /// Ranges of the component's keys that are of another division.
    pub fn others(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (id, behind) = self.prefix.split_at(self.id);
        let at = |byte: u8| [id, &[byte]].concat();
        let (whole, divided, end) = (at(WHOLE), at(DIVIDED), at(DIVIDED + 1));
        match behind.split_last_chunk::<4>().filter(|_| behind.first() == Some(&DIVIDED)) {
            None => vec![(divided, end)],
            // All numbers of this division.
            Some((division, _)) => {
                let first = [id, division].concat();
                let mut behind_last = first.clone();
                behind_last.extend([u8::MAX; 5]);
                vec![(whole, first), (behind_last, end)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn namespace(division: Option<(u32, u32, u64)>) -> Namespace {
        let division = division.map(|(number, count, identity)| Division { count, identity, number });
        Namespace::new(&"aggregate/a".parse().unwrap(), division)
    }

    /// A store of an earlier version has these very keys.
    #[test]
    fn keys_are_those_that_were_always_written() {
        assert_eq!(&namespace(None).key(Section::Data, b"k")[..], b"aggregate/a\0\x03k");
        assert_eq!(&namespace(None).key(Section::Meta, b"")[..], b"aggregate/a\0\x01");
        assert_eq!(&namespace(None).steady_key()[..], b"\0steady\0aggregate/a\0");
        assert_eq!(
            &namespace(Some((2, 3, 0x0405))).key(Section::Dictionary, b"k")[..],
            b"aggregate/a\x01\0\0\0\x03\0\0\0\0\0\0\x04\x05\0\0\0\x02\x02k"
        );
    }

    #[test]
    fn another_division_is_seen_and_the_own_is_not() {
        let divisions: [&[Namespace]; 4] = [
            &[namespace(None)],
            &[namespace(Some((0, 2, 7))), namespace(Some((1, 2, 7)))],
            &[namespace(Some((0, 3, 7))), namespace(Some((2, 3, 7)))],
            &[namespace(Some((0, 2, u64::MAX))), namespace(Some((1, 2, u64::MAX)))],
        ];
        for (number, division) in divisions.iter().enumerate() {
            for (other, namespaces) in divisions.iter().enumerate() {
                for (one, another) in division.iter().flat_map(|one| namespaces.iter().map(move |other| (one, other))) {
                    let key = another.key(Section::Data, b"key");
                    let is_seen = one.others().iter().any(|(start, end)| **start <= *key && *key < **end);
                    assert_eq!(one.instances_of(&key), [1, 2, 3, 2][other]);
                    assert_eq!(is_seen, number != other, "{one:?} {another:?}");
                }
            }
        }
    }
}
