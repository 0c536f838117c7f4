//! A batch into the store: one walk over its bytes.
//!
//! A point's stream is identified by a seeded 128-bit hash of what it is in OTLP: the resource's attributes, the scope's labels,
//! the metric's name, unit and type, made once for each of them, and the point's attributes as raw bytes. Known streams cost a
//! hash and a look-up; text is made for new ones only. Two streams whose text is the same are one series, and a conflict.

mod compounds;
mod levels;
mod strange;

use std::sync::Arc;
use std::time::Duration;

use super::drops::{Drops, Reason};
use super::exemplar::{self, Exemplar};
use super::known::{Known, Metric, ResourceLabels, ScopeLabels};
use super::metric::{self, Hashes};
use super::note::Note;
use super::read::PointReader;
use super::scrape::IngestTurn;
use super::series::{Joined, Point, Update, Value};
use super::settings::{Salt, Settings};
use super::store::{Arrival, Sample, Stream};
use super::tally::Tally;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricHeader, MetricKind, MetricsVisitor, Number, NumberPoint, Visit};
use crate::otlp::points::{ExponentialPoint, HistogramPoint, SummaryPoint};
use crate::otlp::wire::Fault;

/// How many points go in before waiting scrapes are let in: some fifty microseconds of work.
const POINTS_PER_TURN: u64 = 256;

/// The walk over one batch; `'a` is its bytes.
pub struct Ingest<'s, 'a> {
    turn: IngestTurn<'s>,
    settings: &'s Settings,
    known: &'s mut Known,
    reader: &'s mut PointReader,
    now: Duration,
    tick: u32,
    drops: Drops,
    tally: Tally,
    points: u64,
    resource: Arc<ResourceLabels>,
    /// The schema URL of the scope that comes next.
    schema_url: &'a [u8],
    scope: Arc<ScopeLabels>,
    /// Whether the metric that comes next says that its type was not known.
    is_unknown: bool,
    metric: Result<Metric, Reason>,
    hashes: Hashes,
    kind: Option<MetricKind>,
    /// What all points of the metric have in their identity.
    identity: u128,
    /// The sum of the hashes of the next point's attributes, so that their order makes no difference.
    attributes_identity: u128,
}

/// The point that is being taken.
struct Taken<'p> {
    raw: &'p [u8],
    sample: Sample<'p>,
}

impl<'s, 'a> Ingest<'s, 'a> {
    /// Prepares for a batch that arrived at `now`.
    pub fn new(
        mut turn: IngestTurn<'s>,
        settings: &'s Settings,
        known: &'s mut Known,
        reader: &'s mut PointReader,
        now: Duration,
    ) -> Ingest<'s, 'a> {
        let tick = turn.store().tick(now);
        Ingest {
            turn,
            settings,
            known,
            reader,
            now,
            tick,
            drops: Drops::default(),
            tally: Tally::default(),
            points: 0,
            resource: Arc::default(),
            schema_url: &[],
            scope: Arc::default(),
            is_unknown: false,
            metric: Err(Reason::InvalidName),
            hashes: Hashes::default(),
            kind: None,
            identity: 0,
            attributes_identity: 0,
        }
    }

    /// Ends the batch: expired series may leave.
    pub fn finish(mut self) -> (Drops, Tally) {
        self.turn.store().sweep(self.now, self.points);
        (self.drops, self.tally)
    }

    /// Counts what became of a point.
    #[inline]
    fn count_outcome(&mut self, outcome: Result<Joined, Reason>) {
        if let Ok(Metric { conflict: Some(conflict), .. }) = self.metric {
            self.tally.add(conflict, 1);
        }
        match outcome {
            Ok(Joined::Onward) => {}
            Ok(Joined::Anew) => self.tally.add(Note::TotalRestarted, 1),
            Err(reason) => {
                self.drops.add(reason, 1);
                self.tally.add(Note::TypeConflict, u64::from(reason == Reason::TypeConflict));
            }
        }
    }

    #[inline]
    fn take(&mut self, taken: &Taken<'_>, stream: Stream) -> Result<Result<Joined, Reason>, Fault> {
        let (update, family) = match &self.metric {
            Ok(metric) => (metric.update, metric.family),
            Err(reason) => return Ok(Err(*reason)),
        };
        let arrival = Arrival { stream, update, sample: taken.sample, now: self.tick };
        if let Some(outcome) = family.and_then(|(family, _)| self.turn.store().update(family, &arrival)) {
            return Ok(outcome);
        }
        self.add(taken.raw, &arrival)
    }

    /// Ends a point's attributes.
    #[inline]
    fn next_stream(&mut self) -> Stream {
        self.points += 1;
        if self.points.is_multiple_of(POINTS_PER_TURN) {
            self.turn.step_aside();
        }
        Stream::new(self.identity.wrapping_add(std::mem::take(&mut self.attributes_identity)))
    }

    /// Counters show exemplars.
    #[inline]
    fn exemplar(&mut self, point: &NumberPoint<'_>) -> Result<Option<Exemplar>, Fault> {
        if !point.has_exemplars || !self.settings.exemplars || self.kind != Some(MetricKind::Sum) {
            return Ok(None);
        }
        let exemplar = exemplar::latest(point.raw)?;
        let left_out = exemplar.as_ref().map_or(0, |exemplar| exemplar.left_out);
        self.tally.add(Note::ExemplarLabelLeftOut, u64::from(left_out));
        Ok(exemplar)
    }
}

fn sample_value(number: Number, metric: &Metric) -> Result<Value, Reason> {
    let value = match number {
        Number::None => return Err(Reason::NoValue),
        Number::Integer(number) => Value::Integer(number),
        Number::Double(number) => Value::Double(number),
    };
    if metric.update != Update::Replace {
        let as_double = value.as_double();
        if as_double.is_nan() || metric::is_counter(metric) && as_double < 0.0 {
            return Err(Reason::InvalidDelta);
        }
    }
    Ok(value)
}

impl<'a> MetricsVisitor<'a> for Ingest<'_, 'a> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.enter_resource(resource)
    }

    fn scope_schema_url(&mut self, url: &'a [u8]) {
        self.schema_url = url;
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.enter_scope(scope)
    }

    fn metric_metadata(&mut self, entry: &'a [u8]) {
        self.is_unknown |= metric::says_unknown(entry);
    }

    fn metric(&mut self, header: &MetricHeader<'a>) -> Result<Visit, Fault> {
        let is_unknown = std::mem::take(&mut self.is_unknown);
        self.hashes = Hashes::of(header, is_unknown, &self.settings.identity);
        self.kind = header.kind;
        self.metric = self.open(header, is_unknown);
        self.identity = self.resource.identity.wrapping_add(self.scope.identity).wrapping_add(self.hashes.identity);
        Ok(Visit::Points)
    }

    #[inline]
    fn attribute(&mut self, _key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        let identity = self.settings.identity.of(Salt::Attribute, raw);
        self.attributes_identity = self.attributes_identity.wrapping_add(identity);
        Ok(())
    }

    #[inline]
    fn number(&mut self, point: &NumberPoint<'a>) -> Result<(), Fault> {
        let stream = self.next_stream();
        let value = match &self.metric {
            Ok(_) if point.is_stale() => return self.forget(point.raw, stream),
            Ok(metric) => sample_value(point.value, metric),
            Err(reason) => Err(*reason),
        };
        let outcome = match value {
            Ok(value) => {
                let shown = Point { value, start_time: point.start_time, time: point.time };
                let exemplar = self.exemplar(point)?;
                let sample = Sample::Number(shown, exemplar.as_ref());
                self.take(&Taken { raw: point.raw, sample }, stream)?
            }
            Err(reason) => Err(reason),
        };
        self.count_outcome(outcome);
        Ok(())
    }

    fn histogram(&mut self, point: &HistogramPoint<'a>) -> Result<(), Fault> {
        self.compound(&point.header, |reader, exemplars| reader.histogram(point, exemplars))
    }

    fn exponential(&mut self, point: &ExponentialPoint<'a>) -> Result<(), Fault> {
        self.compound(&point.header, |reader, exemplars| reader.exponential(point, exemplars))
    }

    fn summary(&mut self, point: &SummaryPoint<'a>) -> Result<(), Fault> {
        self.compound(&point.header, |reader, _| reader.summary(point))
    }
}
