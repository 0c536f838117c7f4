//! The metrics an instance has met, numbered.

use std::collections::HashSet;

use hashbrown::HashTable;

use super::hash::Hasher;
use super::metrics::{MetricHeader, MetricKind, Temporality};
use super::patterns::Patterns;

/// A metric's own fields. Texts are what the sender wrote, with what is not UTF-8 replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// `name`.
    pub name: String,
    /// `unit`.
    pub unit: String,
    /// `description`.
    pub description: String,
    /// Which data.
    pub kind: MetricKind,
    /// Of sums and histograms.
    pub temporality: Temporality,
    /// Of sums.
    pub monotonic: bool,
}

/// What stands for the number of a metric beyond the bounds.
pub const UNNUMBERED: u32 = u32::MAX;
/// Bound on metrics that match.
const METRICS_MAX: usize = 65_536;
/// Bound on names remembered as not matching; beyond it they are forgotten and matched again.
const OTHERS_MAX: usize = 65_536;
/// Bound on a metric's texts together, in bytes. A description is cut to it; a metric whose name and unit are beyond it is not read.
const TEXT_MAX: usize = 8 << 10;
/// Bound on the texts of all metrics that match, and of all names that do not, in bytes.
const TEXTS_MAX: usize = 16 << 20;

/// Which kinds of metrics are read, one bit a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// All of them: what is read where a plugin declares none.
    pub const ALL: Kinds = Kinds((1 << MetricKind::ALL.len()) - 1);

    /// Names of the kinds that are read.
    pub fn read(self) -> Vec<&'static str> {
        self.names(true)
    }

    /// Names of the kinds that pass unread.
    pub fn unread(self) -> Vec<&'static str> {
        self.names(false)
    }

    fn names(self, read: bool) -> Vec<&'static str> {
        MetricKind::ALL.into_iter().filter(|kind| self.has(*kind) == read).map(MetricKind::name).collect()
    }

    /// With one more.
    pub fn with(self, kind: MetricKind) -> Kinds {
        Kinds(self.0 | 1 << kind as u8)
    }

    /// Whether a kind is read.
    pub fn has(self, kind: MetricKind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }
}

/// Why a metric is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is of another kind, or does not match.
    Unwanted,
    /// Its name and unit are too long, or more metrics match than can be remembered.
    Bound,
}

/// As much of a description as there is room for beside name and unit, up to a whole character.
pub fn cut_description<'a>(name: &[u8], unit: &[u8], description: &'a [u8]) -> &'a [u8] {
    let room = TEXT_MAX.saturating_sub(name.len() + unit.len());
    if description.len() <= room {
        return description;
    }
    let is_start = |end: &usize| description.get(*end).is_none_or(|byte| byte & 0xc0 != 0x80);
    let end = (room.saturating_sub(3)..=room).rev().find(is_start).unwrap_or(room);
    description.get(..end).unwrap_or_default()
}

/// Numbers for the metrics that match.
#[derive(Debug)]
pub struct Descriptors {
    patterns: Patterns,
    kinds: Kinds,
    hasher: Hasher,
    /// Numbers by the hash of their headers.
    numbers: HashTable<u32>,
    /// Header by number.
    headers: Vec<Header>,
    /// Bytes of text in `headers`.
    header_bytes: usize,
    /// Names that do not match.
    others: HashSet<Box<[u8]>>,
    /// Bytes of text in `others`.
    other_bytes: usize,
    all: Vec<Descriptor>,
    /// How many of `all` the guest has been told of.
    sent: usize,
}

/// What makes a metric another one.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    text: [Box<[u8]>; 3],
    shape: (Option<MetricKind>, Temporality, bool),
}

impl Header {
    fn is(&self, metric: &MetricHeader<'_>) -> bool {
        let [name, unit, description] = &self.text;
        (&**name, &**unit, &**description) == (metric.name, metric.unit, metric.description)
            && self.shape == (metric.kind, metric.temporality, metric.monotonic)
    }
}

impl Descriptors {
    /// Numbers metrics of these kinds that match `patterns`.
    pub fn new(patterns: Patterns, kinds: Kinds, hasher: Hasher) -> Descriptors {
        Descriptors {
            patterns,
            kinds,
            hasher,
            numbers: HashTable::new(),
            headers: Vec::new(),
            header_bytes: 0,
            others: HashSet::new(),
            other_bytes: 0,
            all: Vec::new(),
            sent: 0,
        }
    }

    /// The number of a metric.
    pub fn number(&mut self, metric: &MetricHeader<'_>) -> Result<u32, Unread> {
        let kind = metric.kind.filter(|kind| self.kinds.has(*kind)).ok_or(Unread::Unwanted)?;
        let description = cut_description(metric.name, metric.unit, metric.description);
        let metric = &MetricHeader { description, ..*metric };
        let text_length = metric.name.len() + metric.unit.len() + description.len();
        if text_length > TEXT_MAX {
            return Err(if self.may_match(metric.name) { Unread::Bound } else { Unread::Unwanted });
        }
        let hash = hash_of(&self.hasher, [metric.name, metric.unit, metric.description]);
        let headers = &self.headers;
        let same = |number: &u32| headers.get(*number as usize).is_some_and(|header| header.is(metric));
        if let Some(number) = self.numbers.find(hash, same) {
            return Ok(*number);
        }
        if self.others.contains(metric.name) {
            return Err(Unread::Unwanted);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = text(metric.name);
        if !self.patterns.matches(&name) {
            self.remember_other(metric.name);
            return Err(Unread::Unwanted);
        }
        if self.all.len() >= METRICS_MAX || self.header_bytes + text_length > TEXTS_MAX {
            return Err(Unread::Bound);
        }
        self.header_bytes += text_length;
        let number = self.all.len() as u32;
        self.all.push(Descriptor {
            name,
            unit: text(metric.unit),
            description: text(metric.description),
            kind,
            temporality: metric.temporality,
            monotonic: metric.monotonic,
        });
        self.headers.push(Header {
            text: [metric.name.into(), metric.unit.into(), metric.description.into()],
            shape: (metric.kind, metric.temporality, metric.monotonic),
        });
        let (headers, hasher) = (&self.headers, &self.hasher);
        let rehash = |number: &u32| {
            headers
                .get(*number as usize)
                .map_or(0, |header| hash_of(hasher, header.text.each_ref().map(|text| &**text)))
        };
        self.numbers.insert_unique(hash, number, rehash);
        Ok(number)
    }

    /// Whether a name matches, as far as it is looked at.
    fn may_match(&self, name: &[u8]) -> bool {
        if name.len() > TEXT_MAX {
            self.patterns.have_globs()
        } else {
            self.patterns.matches(&String::from_utf8_lossy(name))
        }
    }

    fn remember_other(&mut self, name: &[u8]) {
        if self.others.len() >= OTHERS_MAX || self.other_bytes + name.len() > TEXTS_MAX {
            self.others.clear();
            self.other_bytes = 0;
        }
        self.other_bytes += name.len();
        self.others.insert(name.into());
    }

    /// How many metrics there are; a mark for [`forget_since`](Self::forget_since).
    pub fn mark(&self) -> usize {
        self.all.len()
    }

    /// Forgets the metrics from `mark` on: the request they came with was refused.
    pub fn forget_since(&mut self, mark: usize) {
        self.numbers.retain(|number| (*number as usize) < mark);
        let forgotten = self.headers.drain(mark.min(self.headers.len())..);
        self.header_bytes -=
            forgotten.map(|header| header.text.iter().map(|text| text.len()).sum::<usize>()).sum::<usize>();
        self.all.truncate(mark);
    }

    /// The metric of that number.
    pub fn get(&self, number: u32) -> Option<&Descriptor> {
        self.all.get(number as usize)
    }

    /// Descriptors added since the last call of this function.
    pub fn take_unsent(&mut self) -> Vec<Descriptor> {
        let unsent = self.all.get(self.sent..).unwrap_or_default().to_vec();
        self.sent = self.all.len();
        unsent
    }

    /// Every descriptor counts as unsent again: the instance was rebuilt.
    pub fn forget_sent(&mut self) {
        self.sent = 0;
    }
}

fn hash_of(hasher: &Hasher, [name, unit, description]: [&[u8]; 3]) -> u64 {
    (hasher.hash(0, name) ^ hasher.hash(1, unit) ^ hasher.hash(2, description)) as u64
}
