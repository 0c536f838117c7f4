//! The verdicts on the rows of a batch.

use otelier_sdk::{Batch, Declare, Signal};

use crate::criteria::verdict::Verdict;
use crate::criteria::{Criteria, group, metrics, numbers};

/// What of the contract criteria may use.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Keyings, at least 2.
    pub keyings: usize,
    /// Codes of a keying: all are let go of, at once, when there are more.
    pub codes: usize,
}

/// Judges rows by criteria.
#[derive(Debug)]
pub struct Judge {
    /// The verdict for a row that nothing is said of.
    first: Verdict,
    names: Option<metrics::Names>,
    numbers: Vec<numbers::Numbers>,
    groups: Vec<group::Group>,
}

impl Judge {
    /// With what is read declared, the rows themselves included.
    pub fn declared(criteria: Criteria, signal: Signal, room: Room, declare: &mut Declare<'_>) -> Judge {
        let names = match signal {
            Signal::Metrics => Some(metrics::Names::declared(criteria.names, declare)),
            Signal::Traces | Signal::Logs => {
                declare.items();
                None
            }
        };
        let numbers = criteria.numbers;
        numbers.iter().for_each(|numbers| declare.column(numbers.column));
        let groups = group::declared(criteria.sources, criteria.tests, room, declare);
        Judge { first: criteria.first, names, numbers, groups }
    }

    /// The verdict on each row.
    pub fn judge(&mut self, batch: &mut Batch<'_>) -> Vec<Verdict> {
        let mut verdicts = vec![self.first; batch.count()];
        if let Some(names) = &mut self.names {
            names.judge(batch, &mut verdicts);
        }
        for numbers in &self.numbers {
            numbers.judge(&batch.column(numbers.column), &mut verdicts);
        }
        for group in &mut self.groups {
            group.judge(batch, &mut verdicts);
        }
        verdicts
    }
}
