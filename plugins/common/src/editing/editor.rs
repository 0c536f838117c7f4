//! Actions in a pipeline: on which rows, and in which way.

use otelier_sdk::{Batch, Bitmap, Declare, Failure, MetricKind, Signal};

use crate::criteria::judge::{Judge, Room};
use crate::criteria::verdict::{INCLUDED, Verdict};
use crate::criteria::{Criteria, build};
use crate::editing::action::Action;
use crate::editing::plan::{self, plan};
use crate::editing::process::Planned;
use crate::editing::sets::Sets;

/// Keyings of the contract.
const KEYINGS_MAX: usize = 8;
/// What criteria get of them at the least: what belongs to resources and scopes, and what belongs to items.
const KEYINGS_OF_CRITERIA: usize = 2;

/// Edits batches.
#[derive(Debug)]
pub struct Editor {
    /// `None`: all rows are edited.
    judge: Option<Judge>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Planned(Planned),
    Sets(Sets),
}

impl Editor {
    /// With what is read declared. A dictionary makes room when it has more than `entries_max` entries.
    pub fn declared(
        actions: Vec<Action>,
        criteria: Option<Criteria>,
        signal: Signal,
        entries_max: usize,
        declare: &mut Declare<'_>,
    ) -> Editor {
        let columns = build::SOURCES_MAX - criteria.as_ref().map_or(0, |criteria| criteria.sources.len());
        let keyings = KEYINGS_MAX - criteria.as_ref().map_or(0, |_| KEYINGS_OF_CRITERIA);
        let plan = plan(&actions, plan::Room { columns, keyings });
        let programs = plan.as_ref().map_or(0, |plan| plan.programs.len());
        let judge = match criteria {
            Some(criteria) => {
                let room = Room { keyings: KEYINGS_MAX - programs, codes: entries_max };
                Some(Judge::declared(criteria, signal, room, declare))
            }
            None => {
                rows(signal, declare);
                None
            }
        };
        let way = match plan {
            Some(plan) => Way::Planned(Planned::declared(plan, entries_max, declare)),
            None => Way::Sets(Sets::declared(actions, declare)),
        };
        Editor { judge, way }
    }

    /// Edits a batch's rows: all that are to be, or the batch is declined.
    pub fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let chosen = match &mut self.judge {
            None => Chosen::All(batch.count()),
            Some(judge) => Chosen::by(&judge.judge(batch)),
        };
        if matches!(chosen, Chosen::None) && matches!(self.way, Way::Sets(_)) {
            return Ok(());
        }
        match &mut self.way {
            Way::Planned(planned) => planned.process(&chosen, batch),
            Way::Sets(sets) => sets.process(&chosen, batch),
        }
    }
}

/// Everything that has attributes, the resources and scopes of metrics without points included; and what is to be removed is removed, however many
/// metrics there are.
fn rows(signal: Signal, declare: &mut Declare<'_>) {
    match signal {
        Signal::Metrics => {
            declare.metrics(vec!["*".to_owned()]);
            declare.metrics_without_points();
            declare.unnumbered_metrics();
            declare.kinds(&[
                MetricKind::Gauge,
                MetricKind::Sum,
                MetricKind::Histogram,
                MetricKind::ExponentialHistogram,
                MetricKind::Summary,
            ]);
        }
        Signal::Traces | Signal::Logs => declare.items(),
    }
}

/// Rows that are edited.
#[derive(Debug)]
pub enum Chosen {
    /// So many, which are all.
    All(usize),
    Some(Bitmap),
    None,
}

impl Chosen {
    fn by(verdicts: &[Verdict]) -> Chosen {
        let rows = Bitmap::choose(verdicts, |verdict| *verdict == INCLUDED);
        match rows.count() {
            0 => Chosen::None,
            count if count == verdicts.len() => Chosen::All(count),
            _ => Chosen::Some(rows),
        }
    }

    /// Whether a row is among them.
    pub fn has(&self, row: usize) -> bool {
        match self {
            Chosen::All(count) => row < *count,
            Chosen::Some(rows) => rows.get(row),
            Chosen::None => false,
        }
    }

    /// As an edit names them.
    pub fn bitmap(&self) -> Bitmap {
        match self {
            Chosen::All(count) => Bitmap::all(*count),
            Chosen::Some(rows) => rows.clone(),
            Chosen::None => Bitmap::new(),
        }
    }

    /// Gives the other rows nothing.
    pub fn clear_others(&self, by_row: &mut [u32], nothing: u32) {
        if !matches!(self, Chosen::All(_)) {
            let others = by_row.iter_mut().enumerate().filter(|(row, _)| !self.has(*row));
            others.for_each(|(_, value)| *value = nothing);
        }
    }
}
