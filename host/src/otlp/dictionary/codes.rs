//! From a hash to a code in eight bytes a slot.
//!
//! Open addressing with linear probing. A slot holds 32 bits of the hash, the tag, and the code; what the code stands for is
//! compared by the caller. The home of a tag goes up with it, so growing reads and writes memory in order, and may come in
//! small steps: between 64 % and 80 % of the slots are taken.

/// Code 0 marks a slot that is free.
const FREE: CodeSlot = CodeSlot { tag: 0, code: 0 };
const SLOTS_MIN: usize = 16;

#[derive(Debug, Clone, Copy)]
struct CodeSlot {
    tag: u32,
    code: u32,
}

/// Codes by hash.
#[derive(Debug, Default)]
pub struct Codes {
    slots: Vec<CodeSlot>,
    len: usize,
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where the search for a tag begins.
#[inline]
fn home(tag: u32, slots: usize) -> usize {
    ((u64::from(tag) * slots as u64) >> 32) as usize
}

#[inline]
fn after(at: usize, slots: usize) -> usize {
    if at + 1 == slots { 0 } else { at + 1 }
}

impl Codes {
    /// How many codes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The code with that hash that is the wanted one.
    #[inline]
    pub fn find(&self, hash: u64, is_wanted: impl Fn(u32) -> bool) -> Option<u32> {
        self.position(hash, is_wanted).and_then(|at| self.slots.get(at)).map(|slot| slot.code)
    }

    #[inline]
    fn position(&self, hash: u64, is_wanted: impl Fn(u32) -> bool) -> Option<usize> {
        let (tag, slots) = (tag(hash), self.slots.len());
        let mut at = home(tag, slots);
        // Ends: some slots are always free.
        loop {
            let slot = self.slots.get(at)?;
            if slot.code == FREE.code {
                return None;
            }
            if slot.tag == tag && is_wanted(slot.code) {
                return Some(at);
            }
            at = after(at, slots);
        }
    }

    /// Adds a code that is not 0 and not in it.
    pub fn insert(&mut self, hash: u64, code: u32) {
        if (self.len + 1) * 5 > self.slots.len() * 4 {
            self.grow();
        }
        self.len += 1;
        self.put(CodeSlot { tag: tag(hash), code });
    }

    fn put(&mut self, new: CodeSlot) {
        let slots = self.slots.len();
        let mut at = home(new.tag, slots);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.code == FREE.code {
                *slot = new;
                return;
            }
            at = after(at, slots);
        }
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() + self.slots.len() / 4).max(SLOTS_MIN);
        let before = std::mem::replace(&mut self.slots, vec![FREE; slots]);
        before.into_iter().filter(|slot| slot.code != FREE.code).for_each(|slot| self.put(slot));
    }

    /// Takes a code out.
    pub fn remove(&mut self, hash: u64, code: u32) {
        let slots = self.slots.len();
        let Some(mut hole) = self.position(hash, |found| found == code) else { return };
        self.len -= 1;
        let mut at = hole;
        loop {
            at = after(at, slots);
            let slot = self.slots.get(at).copied().unwrap_or(FREE);
            if slot.code == FREE.code {
                break;
            }
            // Moves up unless its search begins behind the hole.
            let distance = |from: usize| if at >= from { at - from } else { at + slots - from };
            if distance(home(slot.tag, slots)) >= distance(hole) {
                self.set(hole, slot);
                hole = at;
            }
        }
        self.set(hole, FREE);
    }

    /// The most taken slots in a row: the longest search.
    #[cfg(test)]
    pub fn longest_run(&self) -> usize {
        self.slots.split(|slot| slot.code == FREE.code).map(<[CodeSlot]>::len).max().unwrap_or(0)
    }

    fn set(&mut self, at: usize, slot: CodeSlot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::Codes;

    /// Few distinct hashes, so that runs collide and wrap around; beside a map, through growth and removal.
    #[test]
    fn it_holds_what_a_map_holds() {
        // Many share a tag, and some begin at the last slot.
        let hash = |code: u32| match code % 7 {
            0 => u64::MAX,
            _ => (u64::from(code) % 40) << 58 | u64::from(code.is_multiple_of(3)) << 57,
        };
        let (mut codes, mut map) = (Codes::default(), HashMap::new());
        let mut random = 7_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let code = (random >> 40) as u32 % 500 + 1;
            match map.remove(&code) {
                Some(()) => codes.remove(hash(code), code),
                None => {
                    map.insert(code, ());
                    codes.insert(hash(code), code);
                }
            }
            assert_eq!(codes.len(), map.len());
            if step % 100 == 0 {
                for code in 1..=500 {
                    let found = codes.find(hash(code), |found| found == code);
                    assert_eq!(found.is_some(), map.contains_key(&code), "step {step}, code {code}");
                }
            }
        }
    }
}
