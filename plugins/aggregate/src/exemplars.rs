//! Exemplars between two flushes: the latest few of each series, sent on with it and then forgotten.
//!
//! The host hands them over as they came and takes them back as they are; nobody here reads them. They are kept in memory alone: what
//! came since the last flush does not survive a crash. They are samples; the counts they illustrate do.

use std::collections::{BTreeMap, VecDeque};

use otelier_sdk::{Batch, Bitmap, Blob, ExemplarLists, MetricKind, Output, Run};

use crate::Aggregate;
use crate::process::Columns;
use crate::reasons::Reason;
use crate::slots::NONE;

/// What exemplars of all series take in memory.
const BYTES_MAX: usize = 16 << 20;

/// Exemplars by output metric and slot, the latest first.
#[derive(Debug)]
pub struct Exemplars {
    /// For each series; 0: none are read.
    most: usize,
    bytes: usize,
    kept: BTreeMap<(u32, u32), VecDeque<Vec<u8>>>,
}

/// Exemplars of one emission.
pub struct Taken {
    rows: Vec<u32>,
    entries: Blob,
}

impl Taken {
    /// Right after the emission whose points they belong to.
    pub fn send(self, output: &mut Output<'_>) {
        if !self.rows.is_empty() {
            output.exemplars(self.rows, self.entries);
        }
    }
}

impl Exemplars {
    pub fn new(most: usize) -> Exemplars {
        Exemplars { most, bytes: 0, kept: BTreeMap::new() }
    }

    pub fn are_read(&self) -> bool {
        self.most > 0
    }

    /// Keeps one; false where there is no room.
    fn push(&mut self, metric: u32, slot: u32, exemplar: &[u8]) -> bool {
        let list = self.kept.entry((metric, slot)).or_default();
        if list.len() >= self.most {
            self.bytes -= list.pop_back().map_or(0, |oldest| oldest.len());
        }
        if self.bytes + exemplar.len() > BYTES_MAX {
            return false;
        }
        self.bytes += exemplar.len();
        list.push_front(exemplar.to_vec());
        true
    }

    /// Those of these series, by their place in the list.
    pub fn take(&mut self, metric: u32, slots: &[u32]) -> Taken {
        let mut taken = Taken { rows: Vec::new(), entries: Blob::default() };
        if self.kept.is_empty() {
            return taken;
        }
        for (row, slot) in (0..).zip(slots) {
            for exemplar in self.kept.remove(&(metric, *slot)).unwrap_or_default() {
                self.bytes -= exemplar.len();
                taken.rows.push(row);
                taken.entries.push(&exemplar);
            }
        }
        taken
    }

    /// Forgets those of series that are gone, before others take their slots.
    pub fn retain(&mut self, mut is_live: impl FnMut(u32, u32) -> bool) {
        let bytes = &mut self.bytes;
        self.kept.retain(|(metric, slot), list| {
            let keep = is_live(*metric, *slot);
            if !keep {
                *bytes -= list.iter().map(Vec::len).sum::<usize>();
            }
            keep
        });
    }
}

impl Aggregate {
    /// Keeps the exemplars of rows that were taken into a series.
    pub(crate) fn keep_exemplars(&mut self, batch: &mut Batch<'_>, runs: &[Run], columns: &Columns, dropped: &Bitmap) {
        if !self.exemplars.are_read() {
            return;
        }
        let ExemplarLists { ends, entries } = batch.exemplars();
        if entries.is_empty() {
            return;
        }
        let entries: Vec<&[u8]> = entries.iter().collect();
        let list = |row: usize| {
            let start = row.checked_sub(1).map_or(Some(&0), |before| ends.get(before));
            let (Some(start), Some(end)) = (start, ends.get(row)) else { return &[][..] };
            entries.get(*start as usize..*end as usize).unwrap_or_default()
        };
        for run in runs {
            let route = self.metrics.known(run.descriptor).flatten();
            let Some(route) = route.filter(|route| route.kind != MetricKind::Summary) else { continue };
            for row in run.rows.clone().filter(|row| !list(*row).is_empty() && !dropped.get(*row)) {
                let Some(metric) = self.metrics.get(route.metric) else { continue };
                let slot = match metric.slots.get(columns.key(row)) {
                    NONE => metric.overflow,
                    slot => slot,
                };
                // A baseline of a metric that is no total has no series.
                if slot == NONE {
                    continue;
                }
                for exemplar in list(row) {
                    if !self.exemplars.push(route.metric, slot, exemplar) {
                        self.reasons.count(Reason::Exemplars, 1);
                    }
                }
            }
        }
    }
}
