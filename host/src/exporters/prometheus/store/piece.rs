//! What a scrape gets from the store at a time, and how far it has come.

use std::sync::Arc;

use super::super::compound::Compound;
use super::super::exemplar::Exemplar;
use super::super::family::Meta;
use super::clashes::Hidden;
use super::entry::Shown;

/// Where a scrape is.
#[derive(Debug)]
pub struct Cursor {
    /// How many scrapes had begun when this one did, itself included.
    pub(super) scrape: u32,
    pub(super) now: u32,
    /// Place and id of the family being read.
    pub(super) family: Option<(u32, u64)>,
    /// The name of the family being read, or read last.
    pub(super) name: Option<Arc<str>>,
    /// The ordinal of the next chunk.
    pub(super) ordinal: u64,
    pub(super) header_written: bool,
    /// What this scrape leaves out.
    pub(super) hidden: Arc<Hidden>,
}

/// A family that an OpenMetrics answer leaves out.
#[derive(Debug)]
pub struct LeftOut {
    /// The family.
    pub meta: Arc<Meta>,
    /// The name of the one that stays.
    pub other: Arc<str>,
    /// How many series it has.
    pub series: u64,
}

/// A part of one family, copied for rendering. Filled again and again, so that it is allocated once.
#[derive(Debug, Default)]
pub struct Piece {
    /// The family; absent before the first piece.
    pub meta: Option<Arc<Meta>>,
    /// Whether these are its first samples.
    pub first: bool,
    /// Whether `target_info` has to be a gauge.
    pub plain_target: bool,
    /// The families that were passed over on the way here.
    pub left_out: Vec<LeftOut>,
    /// All labels of the samples.
    pub text: Arc<Vec<u8>>,
    /// Labels and numbers of each series.
    pub samples: Vec<Shown>,
    /// Of a compound kind, the states of the same series.
    pub compounds: Vec<Arc<Compound>>,
    /// Exemplars of numbers, with the index of the series, ascending.
    pub exemplars: Vec<(usize, Exemplar)>,
}
