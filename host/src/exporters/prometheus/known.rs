//! What was made of resources, scopes and metrics before, so that the next request with the same bytes does not make it again.
//!
//! Bounded twice: by how many are kept, and by how large one may be. When there are too many all are forgotten: what is in use
//! comes back with the next requests.

use std::collections::HashMap;
use std::sync::Arc;

use super::drops::Reason;
use super::family::Meta;
use super::labels::Label;
use super::note::Note;
use super::series::Update;
use super::store::Stream;

const ITEMS_MAX: usize = 4096;
/// Larger ones are made anew each time.
const ITEM_BYTES_MAX: usize = 4096;

/// Everything that is kept between requests.
#[derive(Debug, Default)]
pub struct Known {
    /// By the hash of the resource's bytes.
    pub resources: Recent<Arc<ResourceLabels>>,
    /// By the hash of the scope's bytes.
    pub scopes: Recent<Arc<ScopeLabels>>,
    /// By the hash of all that a metric says about itself.
    pub metrics: Recent<Result<Metric, Reason>>,
}

/// What a resource adds to its series.
#[derive(Debug, Default)]
pub struct ResourceLabels {
    /// Its labels.
    pub labels: Vec<Label>,
    /// The names of those that the exporter adds.
    pub added: Vec<String>,
    /// The part of a stream's identity that all of its attributes are, those without a label too.
    pub identity: u128,
    /// Its `target_info`, if it has one.
    pub target: Option<TargetSeries>,
    /// Its attributes for people.
    pub sender: String,
}

/// The `target_info` series of a resource.
#[derive(Debug)]
pub struct TargetSeries {
    /// What it is found by: job and instance.
    pub stream: Stream,
    /// Its labels.
    pub labels: String,
    /// Their hash.
    pub labels_hash: u32,
}

/// What a scope adds to its series.
#[derive(Debug, Default)]
pub struct ScopeLabels {
    /// Its labels.
    pub labels: Vec<Label>,
    /// Their part of a series' identity.
    pub identity: u128,
}

/// A metric that can be shown.
#[derive(Debug, Clone)]
pub struct Metric {
    /// What its family says.
    pub meta: Arc<Meta>,
    /// How its points join what is shown.
    pub update: Update,
    /// What of it was too long.
    pub cut: Cut,
    /// Place and id of its family, once there is one.
    pub family: Option<(u32, u64)>,
    /// What does not fit what its family says.
    pub conflict: Option<Note>,
}

impl Metric {
    /// How much text it is, in bytes.
    pub fn length(&self) -> usize {
        let Meta { text_name, base, help, unit, unit_words, source, .. } = &*self.meta;
        [text_name, base].map(|name| name.len()).iter().sum::<usize>()
            + [help, unit, unit_words, source].map(String::len).iter().sum::<usize>()
    }
}

/// Which texts of a metric were cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Its unit.
    pub unit: bool,
    /// Its description.
    pub description: bool,
}

/// Items by a hash that stands for their bytes.
#[derive(Debug)]
pub struct Recent<T>(HashMap<u128, T>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent(HashMap::new())
    }
}

impl<T: Clone> Recent<T> {
    /// The item, if it is known.
    pub fn get(&self, hash: u128) -> Option<T> {
        self.0.get(&hash).cloned()
    }

    /// Keeps an item that was made of so many bytes.
    pub fn put(&mut self, hash: u128, bytes: usize, item: &T) {
        if bytes > ITEM_BYTES_MAX {
            return;
        }
        if self.0.len() >= ITEMS_MAX {
            self.0.clear();
        }
        self.0.insert(hash, item.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut recent = Recent::default();
        for number in 0..10_000_u32 {
            recent.put(u128::from(number), 10, &number);
            assert_eq!(recent.get(u128::from(number)), Some(number));
            assert!(recent.0.len() <= ITEMS_MAX);
        }
        recent.put(0, ITEM_BYTES_MAX + 1, &0);
        assert_eq!(recent.get(0), None);
    }
}
