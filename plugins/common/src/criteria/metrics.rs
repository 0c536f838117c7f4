//! Criteria on the names of metrics: asked once for each descriptor.

use otelier_sdk::{Batch, Declare, MetricKind};

use crate::criteria::verdict::{Each, UNKNOWN, Verdict};
use crate::matcher::Matcher;

/// What the contract allows in one call.
const PATTERNS_MAX: usize = 1024;
const PATTERN_BYTES_MAX: usize = 1024;

/// Names to keep and to drop.
#[derive(Debug, Default)]
pub struct NameCriteria {
    pub matchers: Each<Option<Matcher>>,
    /// Where nothing but metrics of certain names can be dropped: those names. The points of others are not even rows.
    pub only: Option<Vec<String>>,
}

/// The verdicts on metrics.
#[derive(Debug)]
pub struct Names {
    matchers: Each<Option<Matcher>>,
    /// By descriptor.
    verdicts: Vec<Verdict>,
}

impl Names {
    /// With what is read declared: points of all kinds, and metrics without any.
    pub fn declared(criteria: NameCriteria, declare: &mut Declare<'_>) -> Names {
        let is_plain =
            |name: &String| !name.is_empty() && name.len() <= PATTERN_BYTES_MAX && !name.contains(['*', '?']);
        let only = criteria.only.filter(|names| names.len() <= PATTERNS_MAX && names.iter().all(is_plain));
        declare.metrics(only.unwrap_or_else(|| vec!["*".to_owned()]));
        // As there, a metric goes as a whole, whether it has points or none.
        declare.metrics_without_points();
        if criteria.matchers.include.is_none() && criteria.matchers.exclude.is_none() {
            // Names have no say.
            declare.unnumbered_metrics();
        }
        declare.kinds(&[
            MetricKind::Gauge,
            MetricKind::Sum,
            MetricKind::Histogram,
            MetricKind::ExponentialHistogram,
            MetricKind::Summary,
        ]);
        Names { matchers: criteria.matchers, verdicts: Vec::new() }
    }

    /// Combines the verdicts of rows with what their metrics' names say.
    pub fn judge(&mut self, batch: &mut Batch<'_>, verdicts: &mut [Verdict]) {
        if self.matchers.include.is_none() && self.matchers.exclude.is_none() {
            return;
        }
        for run in batch.runs() {
            let said = self.of_metric(batch, run.descriptor);
            let rows = verdicts.get_mut(run.rows).unwrap_or_default();
            rows.iter_mut().for_each(|verdict| *verdict &= said);
        }
    }

    fn of_metric(&mut self, batch: &Batch<'_>, number: u32) -> Verdict {
        let place = number as usize;
        if place >= self.verdicts.len() {
            self.verdicts.resize(place + 1, UNKNOWN);
        }
        match self.verdicts.get_mut(place) {
            Some(known) if *known != UNKNOWN => *known,
            Some(unknown) => {
                let name = batch.descriptor(number).map_or("", |descriptor| descriptor.name.as_str()).as_bytes();
                let says = |matcher: &Option<Matcher>| matcher.as_ref().is_none_or(|matcher| matcher.matches(name));
                *unknown = self.matchers.verdict(says);
                *unknown
            }
            None => UNKNOWN,
        }
    }
}
