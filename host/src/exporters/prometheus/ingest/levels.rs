//! What a resource, a scope and a metric add to the identity of their points' series; known ones are not read again.

use std::sync::Arc;

use super::super::bounds::SENDER_BYTES_MAX;
use super::super::drops::Reason;
use super::super::known::{Metric, ResourceLabels, ScopeLabels, TargetSeries};
use super::super::labels::Label;
use super::super::metric;
use super::super::note::Note;
use super::super::scope::{self, Scope};
use super::super::series::Update;
use super::super::settings::Salt;
use super::super::store::{Arrival, Found, Sample, Stream};
use super::super::target::{self, Target};
use super::Ingest;
use crate::exporters::escape::one_line;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::metrics::MetricHeader;
use crate::otlp::wire::Fault;

impl Ingest<'_, '_> {
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
        resource.target.iter().for_each(|target| self.show_target(target, &resource.sender));
        Ok(())
    }

    pub(super) fn enter_scope(&mut self, scope: &Message<'_>) -> Result<(), Fault> {
        let url = self.schema_url;
        let (hash, bytes) = self.settings.identity.of_pieces(Salt::ScopeBytes, scope.pieces());
        let hash = hash.wrapping_add(self.settings.identity.of(Salt::SchemaUrl, url));
        self.scope = match self.known.scopes.get(hash) {
            Some(known) => known,
            None => {
                let Scope { labels, left_out } = match self.settings.without_scope {
                    true => Scope::default(),
                    false => Scope::read(scope, url)?,
                };
                self.tally.add(Note::LabelLeftOut, left_out);
                let identity = self.settings.identity.of_labels(Salt::Scope, &labels);
                let made = Arc::new(ScopeLabels { labels, identity });
                self.known.scopes.put(hash, bytes + url.len(), &made);
                made
            }
        };
        Ok(())
    }

    fn read_resource(&mut self, resource: &Message<'_>) -> Result<ResourceLabels, Fault> {
        let identity = &self.settings.identity;
        let target = Target::read(resource, &self.settings.promoted)?;
        self.tally.add(Note::LabelRenamed, target.renamed);
        self.tally.add(Note::LabelLeftOut, target.left_out);
        let stream = || Stream::new(identity.of(Salt::Target, target.identity.as_bytes()));
        let series = (!target.identity.is_empty()).then(|| (stream(), identity.of_text(&target.labels)));
        // In whatever order they stand.
        let attributes = attributes(resource, 1)?;
        let hashes = attributes.iter().map(|attribute| identity.of(Salt::Resource, attribute.raw));
        Ok(ResourceLabels {
            identity: hashes.fold(0, u128::wrapping_add),
            sender: target.sender,
            target: series.map(|(stream, labels_hash)| TargetSeries { stream, labels: target.labels, labels_hash }),
            labels: target.series_labels,
            added: target.added,
        })
    }

    fn show_target(&mut self, target: &TargetSeries, sender: &str) {
        let store = self.turn.store();
        let family = match store.family(&self.settings.target_meta) {
            Found::Own(family, _) => Some(family),
            Found::Nothing => store.add_family(self.settings.target_meta.clone(), sender.to_owned()),
            // No metric gets this name, see `open`.
            Found::Taken(_) => None,
        };
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
    pub(super) fn open(&mut self, header: &MetricHeader<'_>, is_unknown: bool) -> Result<Metric, Reason> {
        let hashes = self.hashes;
        let mut metric = match self.known.metrics.get(hashes.all) {
            Some(known) => known?,
            None => {
                let made = metric::open(header, is_unknown, self.settings);
                let bytes = made.as_ref().map_or(0, Metric::length);
                self.known.metrics.put(hashes.all, bytes, &made);
                made?
            }
        };
        self.note_cuts(&metric);
        if metric.meta.text_name == self.settings.target_meta.text_name {
            let (sender, source) = (self.sender(), &metric.meta.source);
            let text = || format!("the name is the exporter's own, now {source} of {sender}");
            self.tally.explain(Note::TypeConflict, &metric.meta.text_name, text);
            return Err(Reason::TypeConflict);
        }
        let store = self.turn.store();
        if metric.family.is_none_or(|(place, id)| store.family_id(place) != Some(id)) {
            (metric.family, metric.conflict) = match store.family(&metric.meta) {
                Found::Own(place, conflict) => (store.family_id(place).map(|id| (place, id)), conflict),
                Found::Nothing => (None, None),
                Found::Taken(place) => {
                    self.explain_conflict(Note::TypeConflict, &metric, place);
                    return Err(Reason::TypeConflict);
                }
            };
            self.keep(&metric);
        }
        if let (Some(conflict), Some((place, _))) = (metric.conflict, metric.family) {
            self.explain_conflict(conflict, &metric, place);
        }
        Ok(metric)
    }

    fn note_cuts(&mut self, metric: &Metric) {
        let meta = &metric.meta;
        for (note, is_cut) in [(Note::UnitCut, metric.cut.unit), (Note::DescriptionCut, metric.cut.description)] {
            if is_cut {
                self.tally.add(note, 1);
                self.tally.explain(note, &meta.text_name, || meta.source.clone());
            }
        }
    }

    pub(super) fn keep(&mut self, metric: &Metric) {
        if self.known.metrics.get(self.hashes.all).is_some() {
            self.known.metrics.put(self.hashes.all, 0, &Ok(metric.clone()));
        }
    }

    /// Names both metrics and who sent them.
    pub(super) fn explain_conflict(&mut self, note: Note, metric: &Metric, place: u32) {
        let sender = self.sender();
        let store = self.turn.store();
        let text = || format!("first {}, now {} of {sender}", store.first_of(place), metric.meta.source);
        self.tally.explain(note, &metric.meta.text_name, text);
    }

    /// Who sends the present metric, as far as it says.
    pub(super) fn sender(&self) -> String {
        let scope = self.scope.labels.iter().find(|label| label.name() == scope::NAME).map_or("", Label::value);
        let scope = one_line(scope, SENDER_BYTES_MAX);
        match (self.resource.sender.as_str(), scope.as_str()) {
            ("", "") => "a sender that does not say who it is".to_owned(),
            (resource, "") => format!("resource {{{resource}}}"),
            ("", scope) => format!("scope {scope:?}"),
            (resource, scope) => format!("resource {{{resource}}}, scope {scope:?}"),
        }
    }
}
