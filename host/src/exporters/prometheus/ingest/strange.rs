//! Points whose stream is not known yet: their series is looked for by its label text, and made.

use super::super::bounds::LABELS_BYTES_MAX;
use super::super::drops::Reason;
use super::super::known::Metric;
use super::super::labels::{EXPORTED, Label, OF_POINT, render};
use super::super::note::Note;
use super::super::series::Joined;
use super::super::store::{Arrival, Ended, Stream};
use super::Ingest;
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::metrics::MetricKind;
use crate::otlp::wire::Fault;

impl Ingest<'_, '_> {
    #[cold]
    pub(super) fn add(&mut self, raw: &[u8], arrival: &Arrival<'_>) -> Result<Result<Joined, Reason>, Fault> {
        let Some(labels) = self.labels(raw)? else { return Ok(Err(Reason::LabelsLimit)) };
        let labels_hash = self.settings.identity.of_text(&labels);
        let Ok(metric) = &self.metric else {
            return Ok(Ok(Joined::Onward));
        };
        if metric.family.is_none() && !self.turn.store().is_full() {
            let (mut metric, sender) = (metric.clone(), self.sender());
            let store = self.turn.store();
            let place = store.add_family((*metric.meta).clone(), sender);
            metric.family = place.and_then(|place| Some((place, store.family_id(place)?)));
            self.keep(&metric);
            self.metric = Ok(metric);
        }
        let Ok(Metric { family: Some((family, _)), .. }) = self.metric else {
            return Ok(Err(Reason::SeriesLimit));
        };
        let added = self.turn.store().add(family, &labels, labels_hash, arrival);
        if added.conflict {
            self.tally.add(Note::SeriesConflict, 1);
            self.explain_series(family, &labels);
        }
        Ok(added.joined)
    }

    fn explain_series(&mut self, family: u32, labels: &str) {
        let (sender, Ok(metric)) = (self.sender(), &self.metric) else { return };
        let (meta, store) = (&metric.meta, self.turn.store());
        let text = || {
            let first = store.first_of(family);
            format!(
                "series {}{labels}, now from {} of {sender}; the first metric of this name is {first}",
                meta.text_name, meta.source
            )
        };
        self.tally.explain(Note::SeriesConflict, &meta.text_name, text);
    }

    /// The point says that its stream has no value any more. A series that other streams have part in stays.
    pub(super) fn forget(&mut self, raw: &[u8], stream: Stream) -> Result<(), Fault> {
        let Ok(Metric { family: Some((family, _)), .. }) = self.metric else {
            return Ok(());
        };
        let ended = self.turn.store().end(stream);
        if ended == Ended::Removed {
            return Ok(());
        }
        let Some(labels) = self.labels(raw)? else { return Ok(()) };
        let labels_hash = self.settings.identity.of_text(&labels);
        if ended == Ended::Shared || self.turn.store().has_series(family, &labels, labels_hash) {
            self.tally.add(Note::SeriesConflict, 1);
            self.explain_series(family, &labels);
        }
        Ok(())
    }

    /// The label text of a point's series; none where it, or one label, would be too long. A point is not longer than its request,
    /// a resource stands in front of many points.
    fn labels(&mut self, raw: &[u8]) -> Result<Option<String>, Fault> {
        let field = self.kind.map_or(0, MetricKind::attributes);
        let mut labels = Vec::new();
        for attribute in attributes(&Message::whole(raw), field)? {
            labels.push(Label::of_attribute("", attribute.key, value::text(&attribute.value()?)?));
        }
        let constant = &self.settings.const_labels;
        let sent = || self.resource.labels.iter().chain(&self.scope.labels).chain(&labels);
        let bytes: usize = sent().chain(constant).map(Label::length).sum();
        if bytes > LABELS_BYTES_MAX || !sent().all(Label::fits) {
            return Ok(None);
        }
        let renamed = self.make_way(&mut labels);
        self.tally.add(Note::LabelRenamed, renamed);
        let own = std::mem::replace(&mut labels, self.resource.labels.clone());
        labels.extend(own);
        labels.extend_from_slice(&self.scope.labels);
        if let Some(taken) = self.metric.as_ref().ok().and_then(|metric| metric.meta.kind.own_label()) {
            let renamed =
                labels.iter_mut().map(|label| label.give_way(taken, EXPORTED)).filter(|renamed| *renamed).count();
            self.tally.add(Note::LabelRenamed, renamed as u64);
        }
        labels.retain(|label| !constant.iter().any(|constant| constant.name() == label.name()));
        labels.extend_from_slice(constant);
        Ok(Some(render(labels)))
    }

    /// Renames a point's labels that have the name of one that its service or scope adds. Returns how many.
    fn make_way(&self, labels: &mut [Label]) -> u64 {
        let of_scope = self.scope.labels.iter().map(Label::name);
        let added = self.resource.added.iter().map(String::as_str).chain(of_scope);
        // What the configuration writes itself takes the place of all of them.
        let is_constant = |name: &str| self.settings.const_labels.iter().any(|constant| constant.name() == name);
        let taken: Vec<&str> = added.filter(|name| !is_constant(name)).collect();
        let gives_way = |label: &mut Label| taken.iter().any(|name| label.give_way(name, OF_POINT));
        labels.iter_mut().map(|label| u64::from(gives_way(label))).sum()
    }
}
