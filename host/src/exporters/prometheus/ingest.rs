//! A batch into the store: one walk over its bytes.
//!
//! A point's series is identified by a seeded 128-bit hash of what its labels are made of: the resource's and the scope's
//! labels, made once for each of them, and the point's attributes as raw bytes. Known series cost a hash and a look-up; text
//! is made for new ones only.

use std::sync::Arc;
use std::time::Duration;

use super::drops::{Drops, Reason};
use super::family::{FamilyKind, Meta};
use super::labels::{Label, render};
use super::names::{NameKind, metric_name};
use super::scope;
use super::scrape::IngestTurn;
use super::series::{Point, Update, Value};
use super::settings::{Salt, Settings};
use super::store::Arrival;
use super::target::{self, Target};
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricHeader, MetricKind, MetricsVisitor, Number, NumberPoint, Temporality, Visit};
use crate::otlp::wire::Fault;

/// Field 7 of `NumberDataPoint`.
const POINT_ATTRIBUTES: u32 = 7;

/// How many points go in before waiting scrapes are let in: some fifty microseconds of work.
const POINTS_PER_TURN: u64 = 256;

/// The walk over one batch.
pub struct Ingest<'s> {
    turn: IngestTurn<'s>,
    settings: &'s Settings,
    now: Duration,
    drops: Drops,
    /// How many number points were met, dropped ones included.
    numbers: u64,
    resource: Vec<Label>,
    resource_identity: u128,
    scope: Vec<Label>,
    scope_identity: u128,
    metric: Result<Metric, Reason>,
    /// The sum of the hashes of the next point's attributes, so that their order makes no difference.
    attributes_identity: u128,
}

/// The metric being walked.
#[derive(Debug)]
struct Metric {
    meta: Meta,
    /// Its family, once there is one.
    family: Option<u32>,
    update: Update,
}

impl<'s> Ingest<'s> {
    /// Prepares for a batch that arrived at `now`.
    pub fn new(turn: IngestTurn<'s>, settings: &'s Settings, now: Duration) -> Ingest<'s> {
        Ingest {
            turn,
            settings,
            now,
            drops: Drops::default(),
            numbers: 0,
            resource: Vec::new(),
            resource_identity: 0,
            scope: Vec::new(),
            scope_identity: 0,
            metric: Err(Reason::InvalidName),
            attributes_identity: 0,
        }
    }

    /// Ends the batch, which had `points` data points of any kind: expired series may leave.
    pub fn finish(mut self, points: u64) -> Drops {
        // The walk reports number points only: the others are of kinds that have no form here yet.
        self.drops.add(Reason::UnsupportedKind, points.saturating_sub(self.numbers));
        self.turn.store().sweep(self.now, points);
        self.drops
    }

    fn show_target(&mut self, target: &Target) {
        let store = self.turn.store();
        let Ok(known) = store.family(&self.settings.target_meta) else {
            return;
        };
        let stream = self.settings.identity.of(Salt::Target, target.identity.as_bytes());
        let family = known.or_else(|| store.add_family(self.settings.target_meta.clone()));
        let Some(family) = family else { return };
        let labels_hash = self.settings.identity.of_text(&target.labels);
        let arrival = Arrival { stream, update: Update::Replace, point: target::POINT, now: self.now };
        // Of two resources with the same job and instance the later one describes the target.
        if store.labels_hash(family, stream).is_some_and(|known| known != labels_hash) {
            store.remove_stream(family, stream);
        }
        if store.update(family, &arrival).is_none() {
            // At the limit points go on without it; it carries none, so none is counted.
            let _ = store.add(family, &target.labels, labels_hash, &arrival);
        }
    }

    fn open(&mut self, header: &MetricHeader<'_>) -> Result<Metric, Reason> {
        let (kind, name_kind, update) = match (header.kind, header.temporality) {
            (Some(MetricKind::Gauge), _) => (FamilyKind::Gauge, NameKind::Gauge, Update::Replace),
            (Some(MetricKind::Sum), Temporality::Unspecified) => return Err(Reason::UnspecifiedTemporality),
            (Some(MetricKind::Sum), temporality) => {
                let update = if temporality == Temporality::Delta { Update::Accumulate } else { Update::Replace };
                match header.monotonic {
                    true => (FamilyKind::Counter, NameKind::Counter, update),
                    false => (FamilyKind::Gauge, NameKind::UpDownCounter, update),
                }
            }
            _ => return Err(Reason::UnsupportedKind),
        };
        let (name, unit) = (String::from_utf8_lossy(header.name), String::from_utf8_lossy(header.unit));
        let name = metric_name(&self.settings.namespace, &name, &unit, name_kind, self.settings.suffixes)
            .ok_or(Reason::InvalidName)?;
        let help = String::from_utf8_lossy(header.description).into_owned();
        let meta = Meta { base: Arc::from(name.base), text_name: name.text, kind, help, unit: name.unit };
        let family = self.turn.store().family(&meta)?;
        Ok(Metric { meta, family, update })
    }

    fn take(&mut self, point: &NumberPoint<'_>, attributes_identity: u128) -> Result<Result<(), Reason>, Fault> {
        let identities = [self.resource_identity, self.scope_identity, attributes_identity];
        let stream = identities.into_iter().fold(0, u128::wrapping_add);
        let metric = match &mut self.metric {
            Ok(metric) => metric,
            Err(reason) => return Ok(Err(*reason)),
        };
        if point.is_stale() {
            self.forget(point, stream)?;
            return Ok(Ok(()));
        }
        let value = match sample_value(point.value, metric) {
            Ok(value) => value,
            Err(reason) => return Ok(Err(reason)),
        };
        let shown = Point { value, start_time: point.start_time, time: point.time };
        let arrival = Arrival { stream, update: metric.update, point: shown, now: self.now };
        if let Some(outcome) = metric.family.and_then(|family| self.turn.store().update(family, &arrival)) {
            return Ok(outcome);
        }
        self.add(point, &arrival)
    }

    fn add(&mut self, point: &NumberPoint<'_>, arrival: &Arrival) -> Result<Result<(), Reason>, Fault> {
        let labels = self.labels(point)?;
        let labels_hash = self.settings.identity.of_text(&labels);
        let Ok(metric) = &mut self.metric else {
            return Ok(Ok(()));
        };
        if metric.family.is_none() && !self.turn.store().is_full() {
            metric.family = self.turn.store().add_family(metric.meta.clone());
        }
        let Some(family) = metric.family else {
            return Ok(Err(Reason::SeriesLimit));
        };
        Ok(self.turn.store().add(family, &labels, labels_hash, arrival))
    }

    /// The point says that its series has no value any more.
    fn forget(&mut self, point: &NumberPoint<'_>, stream: u128) -> Result<(), Fault> {
        let Ok(Metric { family: Some(family), .. }) = self.metric else {
            return Ok(());
        };
        if !self.turn.store().remove_stream(family, stream) {
            let labels = self.labels(point)?;
            let labels_hash = self.settings.identity.of_text(&labels);
            self.turn.store().remove_labels(family, &labels, labels_hash, stream);
        }
        Ok(())
    }

    fn labels(&self, point: &NumberPoint<'_>) -> Result<String, Fault> {
        let mut labels = self.resource.clone();
        for attribute in attributes(&Message::whole(point.raw), POINT_ATTRIBUTES)? {
            labels.push(Label::of_attribute("", attribute.key, value::text(&attribute.value()?)?));
        }
        labels.extend_from_slice(&self.scope);
        labels.extend_from_slice(&self.settings.const_labels);
        Ok(render(labels))
    }
}

fn sample_value(number: Number, metric: &Metric) -> Result<Value, Reason> {
    let value = match number {
        Number::None => return Err(Reason::NoValue),
        Number::Integer(number) => Value::Integer(number),
        Number::Double(number) => Value::Double(number),
    };
    let as_double = value.as_double();
    let spoils = as_double.is_nan() || metric.meta.kind == FamilyKind::Counter && as_double < 0.0;
    if metric.update == Update::Accumulate && spoils { Err(Reason::InvalidDelta) } else { Ok(value) }
}

impl<'a> MetricsVisitor<'a> for Ingest<'_> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        let target = Target::read(resource, self.settings.resource_labels)?;
        self.resource_identity = self.settings.identity.of_labels(Salt::Resource, &target.series_labels);
        if !target.identity.is_empty() {
            self.show_target(&target);
        }
        self.resource = target.series_labels;
        Ok(())
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.scope = scope::labels(scope)?;
        self.scope_identity = self.settings.identity.of_labels(Salt::Scope, &self.scope);
        Ok(())
    }

    fn metric(&mut self, metric: &MetricHeader<'a>) -> Result<Visit, Fault> {
        self.metric = self.open(metric);
        let has_numbers = metric.kind.is_some_and(MetricKind::has_numbers);
        Ok(if has_numbers { Visit::Points } else { Visit::Skip })
    }

    fn attribute(&mut self, _key: &'a [u8], raw: &'a [u8]) -> Result<(), Fault> {
        let identity = self.settings.identity.of(Salt::Attribute, raw);
        self.attributes_identity = self.attributes_identity.wrapping_add(identity);
        Ok(())
    }

    fn number(&mut self, point: &NumberPoint<'a>) -> Result<(), Fault> {
        self.numbers += 1;
        if self.numbers.is_multiple_of(POINTS_PER_TURN) {
            self.turn.step_aside();
        }
        let attributes_identity = std::mem::take(&mut self.attributes_identity);
        if let Err(reason) = self.take(point, attributes_identity)? {
            self.drops.add(reason, 1);
        }
        Ok(())
    }
}
