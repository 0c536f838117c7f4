//! Lists of explicit bounds under numbers of the plugin's own, which outlive a restart; the host's do not.

use std::collections::BTreeMap;

use otelier_sdk::aggregate::histogram::{Coarsening, check_bounds, common_bounds};
use otelier_sdk::table::Fields;
use otelier_sdk::{Batch, Blob, BoundsLists, Failure, NO_BOUNDS, Output, Storage};

use crate::reasons::Reason;
use crate::stored;

/// Lists are kept for good; their number and size are bounded.
const LISTS_MAX: usize = 4096;
const DOUBLES_MAX: usize = 1 << 20;
/// The contract emits no more bounds in one list.
const LIST_MAX: usize = 4096;
/// Ways from some bounds to others that are remembered.
const WAYS_MAX: usize = 4096;

/// All lists.
#[derive(Debug, Default)]
pub struct Bounds {
    lists: Vec<Vec<f64>>,
    by_bits: BTreeMap<Vec<u64>, u32>,
    doubles: usize,
    /// By the host's number: the own one.
    by_host: Vec<Result<u32, Reason>>,
    /// What the host calls them in an emission.
    output: Vec<Option<u32>>,
    /// The common bounds of two lists.
    common: BTreeMap<(u32, u32), u32>,
    ways: BTreeMap<(u32, u32), Coarsening>,
    /// Lists before this one are stored.
    saved: usize,
}

impl Bounds {
    /// The own numbers of bounds that a batch has.
    pub fn learn(&mut self, batch: &mut Batch<'_>, numbers: &[u32]) {
        let is_new = |number: &u32| *number != NO_BOUNDS && *number as usize >= self.by_host.len();
        if !numbers.iter().any(is_new) {
            return;
        }
        let BoundsLists { ends, bounds } = batch.new_bounds();
        let mut start = 0;
        for end in ends {
            let list = bounds.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            let own = check_bounds(list).map_err(Reason::from).and_then(|()| self.intern(list));
            self.by_host.push(own);
        }
    }

    /// The own number of the host's.
    #[inline]
    pub fn own(&self, number: u32) -> Result<u32, Reason> {
        self.by_host.get(number as usize).copied().unwrap_or(Err(Reason::BoundsRoom))
    }

    /// Whether there are bounds of that number.
    pub fn knows(&self, own: u32) -> bool {
        (own as usize) < self.lists.len()
    }

    pub fn list(&self, own: u32) -> &[f64] {
        self.lists.get(own as usize).map(Vec::as_slice).unwrap_or_default()
    }

    fn intern(&mut self, list: &[f64]) -> Result<u32, Reason> {
        // Zero has two forms.
        let list: Vec<f64> = list.iter().map(|bound| bound + 0.0).collect();
        let bits: Vec<u64> = list.iter().map(|bound| bound.to_bits()).collect();
        if let Some(own) = self.by_bits.get(&bits) {
            return Ok(*own);
        }
        let is_full = self.lists.len() >= LISTS_MAX || self.doubles + list.len() > DOUBLES_MAX;
        if is_full || list.len() > LIST_MAX {
            return Err(Reason::BoundsRoom);
        }
        Ok(self.push(bits, list))
    }

    fn push(&mut self, bits: Vec<u64>, list: Vec<f64>) -> u32 {
        let own = self.lists.len() as u32;
        self.doubles += list.len();
        self.by_bits.insert(bits, own);
        self.lists.push(list);
        self.output.push(None);
        own
    }

    /// The number of the bounds that both lists have.
    pub fn common(&mut self, a: u32, b: u32) -> Result<u32, Reason> {
        let pair = (a.min(b), a.max(b));
        if let Some(own) = self.common.get(&pair) {
            return Ok(*own);
        }
        let own = self.intern(&common_bounds(self.list(a), self.list(b)))?;
        if self.common.len() >= WAYS_MAX {
            self.common.clear();
        }
        self.common.insert(pair, own);
        Ok(own)
    }

    /// Counts between some bounds as counts between fewer of them, and how many observations lost resolution.
    pub fn coarsen(&mut self, from: u32, to: u32, counts: &[u64]) -> (Vec<u64>, u64) {
        if !self.ways.contains_key(&(from, to)) && self.ways.len() >= WAYS_MAX {
            self.ways.clear();
        }
        let width = self.list(to).len() + 1;
        let (lists, key) = (&self.lists, (from, to));
        let list = |own: u32| lists.get(own as usize).map(Vec::as_slice).unwrap_or_default();
        let way = self.ways.entry(key).or_insert_with(|| Coarsening::new(list(from), list(to)));
        let mut wider = vec![0; width];
        let lost = way.add(counts, &mut wider);
        (wider, lost)
    }

    /// The host's number for an emission; [`NO_BOUNDS`] where there are none.
    pub fn output(&mut self, own: u32, output: &mut Output<'_>) -> u32 {
        if self.list(own).is_empty() {
            return NO_BOUNDS;
        }
        let list = self.list(own).to_vec();
        match self.output.get_mut(own as usize) {
            Some(number) => *number.get_or_insert_with(|| output.bounds(list)),
            None => NO_BOUNDS,
        }
    }

    pub fn load(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        storage.each(&[stored::BOUNDS], &[stored::BOUNDS + 1], |stored_key, value| {
            let mut fields = Fields::new(value);
            let mut bits = Vec::with_capacity(value.len() / 8);
            while let Some(word) = fields.u64() {
                bits.push(word);
            }
            let list: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
            let in_place = stored_key == key(self.lists.len() as u32) && fields.is_empty();
            if !in_place || check_bounds(&list).is_err() {
                return Err(Failure::damaged(format_args!("bounds {stored_key:02x?}")));
            }
            self.push(bits, list);
            Ok(())
        })?;
        self.saved = self.lists.len();
        Ok(())
    }

    /// Stores what is new.
    pub fn save(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        if self.saved == self.lists.len() {
            return Ok(());
        }
        let (mut keys, mut values) = (Blob::default(), Blob::default());
        for (index, list) in self.lists.iter().enumerate().skip(self.saved) {
            keys.push(&key(index as u32));
            values.push(&list.iter().flat_map(|bound| bound.to_bits().to_le_bytes()).collect::<Vec<u8>>());
        }
        self.saved = self.lists.len();
        Ok(storage.set_all(keys, values)?)
    }
}

fn key(index: u32) -> Vec<u8> {
    [&[stored::BOUNDS][..], &index.to_be_bytes()].concat()
}
