//! A batch into the store: one walk over its bytes.
//!
//! A point's series is identified by a seeded 128-bit hash of what its labels are made of: the resource's and the scope's
//! labels and the family's name, made once for each of them, and the point's attributes as raw bytes. Known series cost a hash
//! and a look-up; text is made for new ones only.

mod compounds;
mod levels;

use std::sync::Arc;
use std::time::Duration;

use super::drops::{Drops, Reason};
use super::exemplar::{self, Exemplar};
use super::known::{Known, Metric, ResourceLabels, ScopeLabels};
use super::labels::{LABELS_MAX, Label, render};
use super::metric;
use super::read::PointReader;
use super::scrape::IngestTurn;
use super::series::{Point, Update, Value};
use super::settings::{Salt, Settings};
use super::store::{Arrival, Sample, Stream};
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricHeader, MetricKind, MetricsVisitor, Number, NumberPoint, Visit};
use crate::otlp::points::{ExponentialPoint, HistogramPoint, SummaryPoint};
use crate::otlp::wire::Fault;

/// How many points go in before waiting scrapes are let in: some fifty microseconds of work.
const POINTS_PER_TURN: u64 = 256;

/// The walk over one batch.
pub struct Ingest<'s> {
    turn: IngestTurn<'s>,
    settings: &'s Settings,
    known: &'s mut Known,
    reader: &'s mut PointReader,
    now: Duration,
    tick: u32,
    drops: Drops,
    points: u64,
    resource: Arc<ResourceLabels>,
    scope: Arc<ScopeLabels>,
    metric: Result<Metric, Reason>,
    metric_hash: u128,
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

impl<'s> Ingest<'s> {
    /// Prepares for a batch that arrived at `now`.
    pub fn new(
        mut turn: IngestTurn<'s>,
        settings: &'s Settings,
        known: &'s mut Known,
        reader: &'s mut PointReader,
        now: Duration,
    ) -> Ingest<'s> {
        let tick = turn.store().tick(now);
        Ingest {
            turn,
            settings,
            known,
            reader,
            now,
            tick,
            drops: Drops::default(),
            points: 0,
            resource: Arc::default(),
            scope: Arc::default(),
            metric: Err(Reason::InvalidName),
            metric_hash: 0,
            kind: None,
            identity: 0,
            attributes_identity: 0,
        }
    }

    /// Ends the batch: expired series may leave.
    pub fn finish(mut self) -> Drops {
        self.turn.store().sweep(self.now, self.points);
        self.drops
    }

    #[inline]
    fn take(&mut self, taken: &Taken<'_>, stream: Stream) -> Result<Result<(), Reason>, Fault> {
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

    #[cold]
    fn add(&mut self, raw: &[u8], arrival: &Arrival<'_>) -> Result<Result<(), Reason>, Fault> {
        let Some(labels) = self.labels(raw)? else { return Ok(Err(Reason::LabelsLimit)) };
        let labels_hash = self.settings.identity.of_text(&labels);
        let Ok(metric) = &self.metric else {
            return Ok(Ok(()));
        };
        if metric.family.is_none() && !self.turn.store().is_full() {
            let mut metric = metric.clone();
            let store = self.turn.store();
            let place = store.add_family((*metric.meta).clone());
            metric.family = place.and_then(|place| Some((place, store.family_id(place)?)));
            self.keep(&metric);
            self.metric = Ok(metric);
        }
        let Ok(Metric { family: Some((family, _)), .. }) = self.metric else {
            return Ok(Err(Reason::SeriesLimit));
        };
        Ok(self.turn.store().add(family, &labels, labels_hash, arrival))
    }

    /// The point says that its series has no value any more.
    fn forget(&mut self, raw: &[u8], stream: Stream) -> Result<(), Fault> {
        let Ok(Metric { family: Some((family, _)), .. }) = self.metric else {
            return Ok(());
        };
        if !self.turn.store().remove_stream(stream) {
            let Some(labels) = self.labels(raw)? else { return Ok(()) };
            let labels_hash = self.settings.identity.of_text(&labels);
            self.turn.store().remove_labels(family, &labels, labels_hash);
        }
        Ok(())
    }

    /// The label text of a point's series; none where it would be too long. A point is not longer than its request, a resource
    /// stands in front of many points.
    fn labels(&self, raw: &[u8]) -> Result<Option<String>, Fault> {
        let field = self.kind.map_or(0, MetricKind::attributes);
        let mut labels = Vec::new();
        for attribute in attributes(&Message::whole(raw), field)? {
            labels.push(Label::of_attribute("", attribute.key, value::text(&attribute.value()?)?));
        }
        let shared = [&self.resource.labels, &self.scope.labels, &self.settings.const_labels];
        let bytes: usize = shared.into_iter().flatten().chain(&labels).map(Label::length).sum();
        if bytes > LABELS_MAX {
            return Ok(None);
        }
        let own = std::mem::replace(&mut labels, self.resource.labels.clone());
        labels.extend(own);
        labels.extend_from_slice(&self.scope.labels);
        labels.extend_from_slice(&self.settings.const_labels);
        Ok(Some(render(labels)))
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
    fn exemplar(&self, point: &NumberPoint<'_>) -> Result<Option<Exemplar>, Fault> {
        if !point.has_exemplars || !self.settings.exemplars || self.kind != Some(MetricKind::Sum) {
            return Ok(None);
        }
        exemplar::latest(point.raw)
    }
}

fn sample_value(number: Number, metric: &Metric) -> Result<Value, Reason> {
    let value = match number {
        Number::None => return Err(Reason::NoValue),
        Number::Integer(number) => Value::Integer(number),
        Number::Double(number) => Value::Double(number),
    };
    if metric.update == Update::Accumulate {
        let as_double = value.as_double();
        if as_double.is_nan() || metric::is_counter(metric) && as_double < 0.0 {
            return Err(Reason::InvalidDelta);
        }
    }
    Ok(value)
}

impl<'a> MetricsVisitor<'a> for Ingest<'_> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.enter_resource(resource)
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.enter_scope(scope)
    }

    fn metric(&mut self, header: &MetricHeader<'a>) -> Result<Visit, Fault> {
        self.metric_hash = metric::hash(header, &self.settings.identity);
        self.kind = header.kind;
        self.metric = self.open(header);
        let family = self.metric.as_ref().map_or(0, |metric| metric.identity);
        self.identity = self.resource.identity.wrapping_add(self.scope.identity).wrapping_add(family);
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
                let sample = Sample::Number(shown, self.exemplar(point)?);
                self.take(&Taken { raw: point.raw, sample }, stream)?
            }
            Err(reason) => Err(reason),
        };
        if let Err(reason) = outcome {
            self.drops.add(reason, 1);
        }
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
