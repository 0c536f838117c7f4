//! One keying's dictionary as it should be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use otelier::otlp::dictionary::{NONE, OVERFLOW};
use otelier::otlp::key;
use otelier::otlp::projection::Projector;

use crate::model::{self, Key, Typed};

/// Keys and codes so far.
#[derive(Default)]
pub struct Codes {
    pub by_key: BTreeMap<Key, u32>,
    pub by_code: HashMap<u32, Key>,
    pub entries_max: usize,
    /// Given out since the guest was last told.
    pub new: BTreeSet<u32>,
}

impl Codes {
    /// Checks a row's code and remembers it.
    pub fn check(&mut self, projector: &Projector, keying: usize, key: &Option<Key>, code: u32) {
        let Some(key) = key else { return assert_eq!(code, NONE, "the keying does not cover the row") };
        if key.is_empty() {
            return assert_eq!(code, NONE, "there is nothing to make a key of");
        }
        assert_ne!(code, NONE, "{key:?}");
        match self.by_key.get(key) {
            Some(known) => assert_eq!(code, *known, "{key:?}"),
            None if code == OVERFLOW => assert_eq!(self.by_key.len(), self.entries_max, "there was room for {key:?}"),
            None => {
                assert!(self.by_key.len() < self.entries_max, "more keys than the bound");
                assert_eq!(self.read(projector, keying, code), *key);
                let dictionary = projector.dictionary(keying).unwrap();
                assert_eq!(dictionary.key(code), Some(model::canonical(key).as_slice()));
                assert_eq!(self.by_code.insert(code, key.clone()), None, "one code for two keys");
                self.by_key.insert(key.clone(), code);
                self.new.insert(code);
            }
        }
    }

    /// The key behind a code, as the host's own reader of keys has it.
    fn read(&self, projector: &Projector, keying: usize, code: u32) -> Key {
        let key = projector.dictionary(keying).unwrap().key(code).expect("a code has a key");
        let elements = key::elements(key).expect("a key is well formed");
        let value = |encoded| {
            let mut message = Vec::new();
            key::put_any_value(&mut message, encoded).unwrap();
            Typed::of(Some(&model::decode(&message)))
        };
        elements.iter().map(|element| ((element.level, element.name.to_vec()), value(element.value))).collect()
    }

    /// A guest needs a code no longer.
    pub fn release(&mut self, code: u32) {
        if let Some(key) = self.by_code.remove(&code) {
            self.by_key.remove(&key);
            self.new.remove(&code);
        }
    }
}
