//! Edits of decoded structs, written from the semantics in `otlp::edit` and in the contract's `output` interface.
//!
//! One macro has the three levels of all signals: it lists the items that are left, groups them by what is asked for, and
//! copies what encloses them for each group. A child of a scope is a metric with points, or a span or record alone.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::edit::{Action, Edits};
use otelier::otlp::field::Field;
use otelier::otlp::key::Level;
use otelier::otlp::projection::Projection;
use otelier_tests::generate::Request;
use prost::Message;

use super::attributes::{Steps, edit_attributes};
use super::fields::{edit_record, edit_span};
use super::items::{descriptor, is_read, points};

/// An item that is left.
#[derive(Clone)]
struct Leaf {
    /// `None` where it is no row.
    row: Option<usize>,
    /// The place among the items of what it came from.
    place: usize,
}

/// The place of what stands for a metric without points.
const BARE: usize = usize::MAX;

/// Rows that go and edits of the others, on structs. `descriptors` are the metrics by number.
pub struct Editor<'e> {
    projection: &'e Projection,
    removed: &'e Bitmap,
    edits: &'e Edits,
    descriptors: &'e [Descriptor],
    /// The next row.
    row: usize,
}

macro_rules! edit_request {
    ($editor:ident, $request:ident, $resources:ident, $scopes:ident, $children:ident, $leaves:path, $only:path) => {{
        let mut resources = Vec::new();
        for resource in std::mem::take(&mut $request.$resources) {
            // Every child with its leaves that are left, and whether it had any before.
            let mut scopes = Vec::new();
            for scope in &resource.$scopes {
                let children: Vec<(Vec<Leaf>, bool)> =
                    scope.$children.iter().map(|child| $leaves($editor, child)).collect();
                scopes.push(children);
            }
            let left = scopes.iter().flatten().flat_map(|(leaves, _)| leaves);
            for (group, steps) in $editor.groups(Level::Resource, left, true) {
                let mut copy = resource.clone();
                $editor.edit_resource(&mut copy.resource, &steps);
                copy.$scopes = Vec::new();
                for (scope, children) in resource.$scopes.iter().zip(&scopes) {
                    let mine = |leaf: &&Leaf| group.has($editor, leaf);
                    let left: Vec<&Leaf> = children.iter().flat_map(|(leaves, _)| leaves).filter(mine).collect();
                    for (inner, steps) in $editor.groups(Level::Scope, left.iter().copied(), group.is_whole) {
                        let mut part = scope.clone();
                        $editor.edit_scope(&mut part.scope, &steps);
                        part.$children = Vec::new();
                        for (child, (leaves, had_any)) in scope.$children.iter().zip(children) {
                            let mine = |leaf: &&Leaf| group.has($editor, leaf) && inner.has($editor, leaf);
                            let leaves: Vec<Leaf> = leaves.iter().filter(mine).cloned().collect();
                            let stays = inner.is_whole && !had_any;
                            if !leaves.is_empty() || stays {
                                part.$children.push($only($editor, child, &leaves));
                            }
                        }
                        let had_none = scope.$children.is_empty() && inner.is_whole;
                        if !part.$children.is_empty() || had_none {
                            copy.$scopes.push(part);
                        }
                    }
                }
                let had_none = resource.$scopes.is_empty();
                if !copy.$scopes.is_empty() || had_none {
                    resources.push(copy);
                }
            }
        }
        $request.$resources = resources;
    }};
}

/// Items of a level that are edited alike.
struct Group {
    level: Level,
    steps: Steps,
    /// Whether all of them are: then the level is not split.
    is_whole: bool,
}

impl Group {
    fn has(&self, editor: &Editor<'_>, leaf: &Leaf) -> bool {
        self.is_whole || editor.steps(self.level, leaf.row) == self.steps
    }
}

impl<'e> Editor<'e> {
    pub fn new(
        projection: &'e Projection,
        removed: &'e Bitmap,
        edits: &'e Edits,
        descriptors: &'e [Descriptor],
    ) -> Editor<'e> {
        Editor { projection, removed, edits, descriptors, row: 0 }
    }

    /// The request as it should be afterwards.
    pub fn apply(mut self, request: &Request) -> Request {
        let mut request = request.clone();
        let editor = &mut self;
        match &mut request {
            Request::Metrics(request) => edit_request!(
                editor,
                request,
                resource_metrics,
                scope_metrics,
                metrics,
                Editor::points_left,
                Editor::metric_of
            ),
            Request::Traces(request) => {
                edit_request!(editor, request, resource_spans, scope_spans, spans, Editor::item_left, Editor::span_of)
            }
            Request::Logs(request) => edit_request!(
                editor,
                request,
                resource_logs,
                scope_logs,
                log_records,
                Editor::item_left,
                Editor::record_of
            ),
        }
        request
    }

    fn next_row(&mut self) -> usize {
        self.row += 1;
        self.row - 1
    }

    fn item_left<T>(&mut self, _item: &T) -> (Vec<Leaf>, bool) {
        let row = self.projection.items.then(|| self.next_row());
        (self.unless_removed(row, 0).into_iter().collect(), true)
    }

    fn points_left(&mut self, metric: &Metric) -> (Vec<Leaf>, bool) {
        let count = points(metric).len();
        let is_read = descriptor(metric).is_some_and(|descriptor| is_read(&descriptor, self.projection));
        let mut leaves = Vec::new();
        for place in 0..count {
            let row = is_read.then(|| self.next_row());
            leaves.extend(self.unless_removed(row, place));
        }
        let is_bare = count == 0 && is_read && self.projection.bare_metrics;
        if is_bare {
            let row = Some(self.next_row());
            leaves.extend(self.unless_removed(row, BARE));
        }
        (leaves, count > 0 || is_bare)
    }

    fn unless_removed(&self, row: Option<usize>, place: usize) -> Option<Leaf> {
        let is_removed = row.is_some_and(|row| self.removed.get(row));
        (!is_removed).then_some(Leaf { row, place })
    }

    /// What is done at a level for a row; nothing for what is no row.
    fn steps(&self, level: Level, row: Option<usize>) -> Steps {
        let Some(row) = row else { return Vec::new() };
        let asked = self.edits.attributes.iter().enumerate();
        let asked = asked.filter(|(_, edit)| edit.level == level && edit.rows.get(row));
        asked.map(|(number, _)| (number, self.value(number, row))).collect()
    }

    /// Which of its values an edit sets on a row: of those that are the same, the first.
    fn value(&self, number: usize, row: usize) -> usize {
        let edit = &self.edits.attributes[number];
        let indices = edit.action.indices();
        let nth = edit.rows.rows().filter(|other| *other < row).count();
        let place = if indices.is_empty() { 0 } else { indices[nth] as usize };
        match &edit.action {
            Action::Set { values, .. } => first_like(values, place),
            Action::SetMany { sets, .. } => first_like(sets, place),
            Action::RemoveMany { sets, .. } => first_like(sets, place),
            Action::Remove | Action::Rename(_) | Action::Copy { .. } => 0,
        }
    }

    /// Items that are edited alike, in the order of the first of each. A level without items is one group, unless what
    /// encloses it is split: then it goes.
    fn groups<'l>(
        &self,
        level: Level,
        leaves: impl Iterator<Item = &'l Leaf>,
        keeps_empty: bool,
    ) -> Vec<(Group, Steps)> {
        let mut found: Vec<Steps> = Vec::new();
        for leaf in leaves {
            let steps = self.steps(level, leaf.row);
            if !found.contains(&steps) {
                found.push(steps);
            }
        }
        if found.is_empty() && keeps_empty {
            found.push(Vec::new());
        }
        let is_whole = keeps_empty && found.len() == 1;
        found.into_iter().map(|steps| (Group { level, steps: steps.clone(), is_whole }, steps)).collect()
    }

    fn edit_resource(&self, resource: &mut Option<Resource>, steps: &Steps) {
        if !steps.is_empty() {
            let mut edited = resource.take().unwrap_or_default();
            edit_attributes(&mut edited.attributes, self.edits, steps);
            *resource = Some(edited);
        }
    }

    fn edit_scope(&self, scope: &mut Option<InstrumentationScope>, steps: &Steps) {
        if !steps.is_empty() {
            let mut edited = scope.take().unwrap_or_default();
            edit_attributes(&mut edited.attributes, self.edits, steps);
            *scope = Some(edited);
        }
    }

    fn edit_item(&self, attributes: &mut Vec<KeyValue>, row: Option<usize>) {
        edit_attributes(attributes, self.edits, &self.steps(Level::Item, row));
    }

    fn span_of(&self, span: &Span, leaves: &[Leaf]) -> Span {
        let mut span = span.clone();
        for leaf in leaves {
            self.edit_item(&mut span.attributes, leaf.row);
            self.each_field(leaf.row, |field, value| edit_span(&mut span, field, value));
        }
        span
    }

    fn record_of(&self, record: &LogRecord, leaves: &[Leaf]) -> LogRecord {
        let mut record = record.clone();
        for leaf in leaves {
            self.edit_item(&mut record.attributes, leaf.row);
            self.each_field(leaf.row, |field, value| edit_record(&mut record, field, value));
        }
        record
    }

    /// The fields that a row is given, in order.
    fn each_field(&self, row: Option<usize>, mut each: impl FnMut(Field, &[u8])) {
        let Some(row) = row else { return };
        for edit in self.edits.fields.iter().filter(|edit| edit.rows.get(row)) {
            let nth = edit.rows.rows().filter(|other| *other < row).count();
            each(edit.field, &edit.values[if edit.indices.is_empty() { 0 } else { edit.indices[nth] as usize }]);
        }
    }

    /// The metric with these of its points, and the texts it is to have.
    fn metric_of(&self, metric: &Metric, leaves: &[Leaf]) -> Metric {
        let mut edited = metric.clone();
        match &mut edited.data {
            None => {}
            Some(Data::Gauge(data)) => self.points_of(&mut data.data_points, leaves, |point| &mut point.attributes),
            Some(Data::Sum(data)) => self.points_of(&mut data.data_points, leaves, |point| &mut point.attributes),
            Some(Data::Histogram(data)) => self.points_of(&mut data.data_points, leaves, |point| &mut point.attributes),
            Some(Data::ExponentialHistogram(data)) => {
                self.points_of(&mut data.data_points, leaves, |point| &mut point.attributes);
            }
            Some(Data::Summary(data)) => self.points_of(&mut data.data_points, leaves, |point| &mut point.attributes),
        }
        let own = descriptor(metric).filter(|descriptor| is_read(descriptor, self.projection));
        let number = own.and_then(|own| self.descriptors.iter().position(|known| *known == own));
        let texts = self.edits.metrics.iter().rev().find(|edit| Some(edit.descriptor as usize) == number);
        if let Some(texts) = texts {
            edited.name = texts.name.clone();
            edited.unit = texts.unit.clone();
            edited.description = texts.description.clone();
        }
        edited
    }

    fn points_of<P: Clone>(&self, points: &mut Vec<P>, leaves: &[Leaf], attributes: fn(&mut P) -> &mut Vec<KeyValue>) {
        let point = |leaf: &Leaf| {
            let mut point = points[leaf.place].clone();
            self.edit_item(attributes(&mut point), leaf.row);
            point
        };
        *points = leaves.iter().filter(|leaf| leaf.place != BARE).map(point).collect();
    }
}

/// A resource, a scope or a status that is there without anything in it says the same as none.
pub fn without_empty_parts(request: &mut Request) {
    fn none_if_empty<M: Message + Default + PartialEq>(part: &mut Option<M>) {
        part.take_if(|part| *part == M::default());
    }
    match request {
        Request::Metrics(request) => request.resource_metrics.iter_mut().for_each(|resource| {
            none_if_empty(&mut resource.resource);
            resource.scope_metrics.iter_mut().for_each(|scope| none_if_empty(&mut scope.scope));
        }),
        Request::Traces(request) => request.resource_spans.iter_mut().for_each(|resource| {
            none_if_empty(&mut resource.resource);
            resource.scope_spans.iter_mut().for_each(|scope| {
                none_if_empty(&mut scope.scope);
                scope.spans.iter_mut().for_each(|span| none_if_empty(&mut span.status));
            });
        }),
        Request::Logs(request) => request.resource_logs.iter_mut().for_each(|resource| {
            none_if_empty(&mut resource.resource);
            resource.scope_logs.iter_mut().for_each(|scope| none_if_empty(&mut scope.scope));
        }),
    }
}

fn first_like<V: PartialEq>(values: &[V], place: usize) -> usize {
    values.iter().position(|value| *value == values[place]).unwrap_or(place)
}
