//! What a resource, a scope and a metric add to the identity of their points' series; known ones are not read again.

use std::sync::Arc;

use super::super::drops::Reason;
use super::super::known::{Metric, ResourceLabels, ScopeLabels, TargetSeries};
use super::super::labels::LABELS_MAX;
use super::super::metric;
use super::super::scope;
use super::super::series::Update;
use super::super::settings::Salt;
use super::super::store::{Arrival, Sample, Stream};
use super::super::target::{self, Target};
use super::Ingest;
use crate::otlp::message::Message;
use crate::otlp::metrics::MetricHeader;
use crate::otlp::wire::Fault;

impl Ingest<'_> {
    pub(super) fn enter_resource(&mut self, resource: &Message<'_>) -> Result<(), Fault> {
        let (hash, bytes) = self.settings.identity.of_pieces(Salt::ResourceBytes, resource.pieces());
        self.resource = match self.known.resources.get(hash) {
            Some(known) => known,
            None => {
                let made = Arc::new(self.read_resource(resource)?);
                self.known.resources.put(hash, bytes, &made);
                made
            }
        };
        let resource = Arc::clone(&self.resource);
        resource.target.iter().for_each(|target| self.show_target(target));
        Ok(())
    }

    pub(super) fn enter_scope(&mut self, scope: &Message<'_>) -> Result<(), Fault> {
        let (hash, bytes) = self.settings.identity.of_pieces(Salt::ScopeBytes, scope.pieces());
        self.scope = match self.known.scopes.get(hash) {
            Some(known) => known,
            None => {
                let labels = scope::labels(scope)?;
                let identity = self.settings.identity.of_labels(Salt::Scope, &labels);
                let made = Arc::new(ScopeLabels { labels, identity });
                self.known.scopes.put(hash, bytes, &made);
                made
            }
        };
        Ok(())
    }

    fn read_resource(&self, resource: &Message<'_>) -> Result<ResourceLabels, Fault> {
        let identity = &self.settings.identity;
        let target = Target::read(resource, self.settings.resource_labels)?;
        let stream = || {
            let family = identity.of(Salt::Family, self.settings.target_meta.base.as_bytes());
            Stream::new(identity.of(Salt::Target, target.identity.as_bytes()).wrapping_add(family))
        };
        // What would be too long goes without it, as one that names nothing does.
        let has_target = !target.identity.is_empty() && target.labels.len() <= LABELS_MAX;
        let series = has_target.then(|| (stream(), identity.of_text(&target.labels)));
        Ok(ResourceLabels {
            identity: identity.of_labels(Salt::Resource, &target.series_labels),
            target: series.map(|(stream, labels_hash)| TargetSeries { stream, labels: target.labels, labels_hash }),
            labels: target.series_labels,
        })
    }

    fn show_target(&mut self, target: &TargetSeries) {
        let store = self.turn.store();
        let Ok(known) = store.family(&self.settings.target_meta) else {
            return;
        };
        let family = known.or_else(|| store.add_family(self.settings.target_meta.clone()));
        let Some(family) = family else { return };
        let sample = Sample::Number(target::POINT, None);
        let arrival = Arrival { stream: target.stream, update: Update::Replace, sample, now: self.tick };
        // Of two resources with the same job and instance the later one describes the target.
        if store.labels_hash(target.stream).is_some_and(|known| known != target.labels_hash) {
            store.remove_stream(target.stream);
        }
        if store.update(family, &arrival).is_none() {
            // At the limit points go on without it; it carries none, so none is counted.
            let _ = store.add(family, &target.labels, target.labels_hash, &arrival);
        }
    }

    /// The metric as it was found before, or now.
    pub(super) fn open(&mut self, header: &MetricHeader<'_>) -> Result<Metric, Reason> {
        let known = self.known.metrics.get(self.metric_hash);
        let mut metric = match known {
            Some(known) => known?,
            None => {
                let made = metric::open(header, self.settings);
                let bytes = header.name.len() + header.unit.len() + header.description.len();
                self.known.metrics.put(self.metric_hash, bytes, &made);
                made?
            }
        };
        let store = self.turn.store();
        if metric.family.is_some_and(|(place, id)| store.family_id(place) == Some(id)) {
            return Ok(metric);
        }
        let family = store.family(&metric.meta)?;
        metric.family = family.and_then(|place| Some((place, store.family_id(place)?)));
        self.keep(&metric);
        Ok(metric)
    }

    pub(super) fn keep(&mut self, metric: &Metric) {
        if self.known.metrics.get(self.metric_hash).is_some() {
            self.known.metrics.put(self.metric_hash, 0, &Ok(metric.clone()));
        }
    }
}
