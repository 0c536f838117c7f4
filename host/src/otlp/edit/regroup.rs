//! Splitting a resource or scope whose items are not all edited alike: its items are listed, brought together by what is asked
//! for them, and written below as many resources and scopes as that takes. What has no items has no place in these.

use std::collections::HashMap;

use super::error::Stop;
use super::plan::{Plan, Step};
use super::stream::{RESOURCE_ATTRIBUTES, Rest, SCOPE_ATTRIBUTES, Stream, metric_fields};
use super::writer::Writer;
use crate::contract::Signal;
use crate::otlp::key::Level;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricKind, read_metric};
use crate::otlp::wire::{Fault, Field, Reader, Value};
use crate::otlp::{Strings, logs, spans};

/// An item that is kept.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    field: Field<'a>,
    /// Which scope of the list.
    scope: usize,
    /// Which metric of the list, if the items are points.
    metric: Option<usize>,
    /// Its row; `None` where it is none.
    row: Option<usize>,
    /// It stands for its metric, which has no points.
    is_bare: bool,
}

/// The fields of a resource's or scope's level but its children, read once however often they are written.
#[derive(Debug, Default)]
struct Enclosing<'a> {
    /// The resource or scope itself.
    own: Message<'a>,
    /// All fields as they stand, that one among them.
    fields: Vec<Field<'a>>,
    length: usize,
}

impl<'a> Enclosing<'a> {
    fn read(message: &'a [u8]) -> Result<Enclosing<'a>, Fault> {
        let mut enclosing = Enclosing { length: message.len(), ..Enclosing::default() };
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            if field.number == 1 {
                enclosing.own.push(field.value.bytes(field.raw)?);
            }
            if field.number != 2 {
                enclosing.fields.push(field);
            }
        }
        Ok(enclosing)
    }
}

/// A metric that has items.
#[derive(Debug)]
struct Metric<'a> {
    /// The fields beside its data.
    texts: Vec<Field<'a>>,
    descriptor: Option<u32>,
    kind: MetricKind,
    /// Bytes of the metric.
    length: usize,
    /// What stands beside the points.
    others: Vec<&'a [u8]>,
}

/// What was collected below a resource or scope.
#[derive(Debug, Default)]
struct Parts<'a> {
    scopes: Vec<Enclosing<'a>>,
    metrics: Vec<Metric<'a>>,
    items: Vec<Item<'a>>,
}

impl<'a> Stream<'_, 'a> {
    /// Writes a resource as several.
    pub fn split_resource(&mut self, message: &'a [u8]) -> Result<(), Stop> {
        let mut parts = Parts::default();
        let resource = Enclosing::read(message)?;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            if field.number == 2 {
                self.next_scope();
                self.collect(field.value.bytes(field.raw)?, &mut parts)?;
            }
        }
        for (steps, items) in alike(self.plan, Level::Resource, &parts.items, &mut self.writer)? {
            let mark = self.writer.open(1, message.len());
            self.enclosing(&resource, RESOURCE_ATTRIBUTES, &steps)?;
            for items in items.chunk_by(|one, other| one.scope == other.scope) {
                self.scopes(&parts, items)?;
            }
            self.writer.close(mark)?;
        }
        Ok(())
    }

    /// Writes a scope as several.
    pub fn split_scope(&mut self, message: &'a [u8]) -> Result<Rest, Stop> {
        let mut parts = Parts::default();
        self.collect(message, &mut parts)?;
        self.scopes(&parts, &parts.items)?;
        Ok(if parts.items.is_empty() { Rest::Emptied } else { Rest::Kept })
    }

    /// Lists the items of a scope and goes past them.
    fn collect(&mut self, message: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Fault> {
        parts.scopes.push(Enclosing::read(message)?);
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            match (field.number, self.plan.signal) {
                (2, Signal::Metrics) => self.collect_metric(field.value.bytes(field.raw)?, parts)?,
                (2, _) => self.collect_item(field, None, true, parts),
                _ => {}
            }
        }
        Ok(())
    }

    fn collect_metric(&mut self, message: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Fault> {
        let run = self.next_run();
        let (header, data) = read_metric(message, Strings::Bytes)?;
        let Some(kind) = header.kind else { return Ok(()) };
        let place = parts.metrics.len();
        if run.is_some() && self.plan.layout.bare.get(self.place.row) {
            self.collect_bare(place, parts);
        }
        let mut others = Vec::new();
        data.each_field(|field| {
            match field.number {
                1 => self.collect_item(field, Some(place), run.is_some(), parts),
                _ => others.push(field.raw),
            }
            Ok(())
        })?;
        let (texts, descriptor, length) = (metric_fields(message)?, run.map(|run| run.descriptor), message.len());
        parts.metrics.push(Metric { texts, descriptor, kind, length, others });
        Ok(())
    }

    fn collect_item(&mut self, field: Field<'a>, metric: Option<usize>, is_row: bool, parts: &mut Parts<'a>) {
        let row = is_row.then_some(self.place.row);
        self.place.row += usize::from(is_row);
        if row.is_none_or(|row| !self.plan.removed.get(row)) {
            let scope = parts.scopes.len().saturating_sub(1);
            parts.items.push(Item { field, scope, metric, row, is_bare: false });
        }
    }

    /// A metric without points that is a row.
    fn collect_bare(&mut self, metric: usize, parts: &mut Parts<'a>) {
        let row = self.place.row;
        self.place.row += 1;
        if !self.plan.removed.get(row) {
            let scope = parts.scopes.len().saturating_sub(1);
            let field = Field { number: 1, value: Value::Len(&[]), raw: &[] };
            parts.items.push(Item { field, scope, metric: Some(metric), row: Some(row), is_bare: true });
        }
    }

    /// Writes items of one scope, below as many scopes as it takes.
    fn scopes(&mut self, parts: &Parts<'a>, items: &[Item<'a>]) -> Result<(), Stop> {
        let Some(scope) = items.first().and_then(|item| parts.scopes.get(item.scope)) else { return Ok(()) };
        for (steps, items) in alike(self.plan, Level::Scope, items, &mut self.writer)? {
            let mark = self.writer.open(2, scope.length);
            self.enclosing(scope, SCOPE_ATTRIBUTES, &steps)?;
            for items in items.chunk_by(|one, other| one.metric == other.metric) {
                let metric = items.first().and_then(|item| item.metric);
                match metric.and_then(|metric| parts.metrics.get(metric)) {
                    Some(metric) => self.points(metric, items)?,
                    None => self.items(items)?,
                }
            }
            self.writer.close(mark)?;
        }
        Ok(())
    }

    /// A level's fields but its children.
    fn enclosing(&mut self, level: &Enclosing<'a>, attributes: u32, steps: &[Step]) -> Result<(), Stop> {
        if !steps.is_empty() {
            self.own(&level.own, attributes, steps)?;
        }
        for field in level.fields.iter().filter(|field| field.number != 1 || steps.is_empty()) {
            self.writer.copy(field.raw);
        }
        Ok(())
    }

    fn items(&mut self, items: &[Item<'a>]) -> Result<(), Stop> {
        let attributes = if self.plan.signal == Signal::Traces { spans::ATTRIBUTES } else { logs::ATTRIBUTES };
        items.iter().try_for_each(|item| self.one(item, attributes))
    }

    fn one(&mut self, item: &Item<'a>, attributes: u32) -> Result<(), Stop> {
        match item.row {
            Some(_) if item.is_bare => Ok(()),
            Some(row) => self.kept_item(&item.field, attributes, row),
            None => {
                self.writer.copy(item.field.raw);
                Ok(())
            }
        }
    }

    /// A metric with some of its points.
    fn points(&mut self, metric: &Metric<'a>, items: &[Item<'a>]) -> Result<(), Stop> {
        let edit = metric.descriptor.and_then(|descriptor| self.plan.metric(descriptor));
        let mark = self.writer.open(2, metric.length);
        self.metric_texts(&metric.texts, edit);
        let inner = self.writer.open(metric.kind.field(), metric.length);
        for item in items {
            self.one(item, metric.kind.attributes())?;
        }
        metric.others.iter().for_each(|field| self.writer.copy(field));
        self.writer.close(inner)?;
        self.writer.close(mark)
    }
}

/// Items that are edited alike, and how.
type Group<'a> = (Vec<Step>, Vec<Item<'a>>);

/// Brings items together that are edited alike at a level, in the order of the first of each.
fn alike<'a>(
    plan: &Plan<'_>,
    level: Level,
    items: &[Item<'a>],
    writer: &mut Writer<'_>,
) -> Result<Vec<Group<'a>>, Stop> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: HashMap<Vec<Step>, usize> = HashMap::new();
    for item in items {
        let steps = item.row.map(|row| plan.enclosing_steps(level, row)).unwrap_or_default();
        writer.work(steps.len())?;
        let place = match places.get(&steps) {
            Some(place) => *place,
            None => {
                // Twice in memory until all is written.
                writer.work(2 * size_of_val(steps.as_slice()))?;
                places.insert(steps.clone(), groups.len());
                groups.push((steps, Vec::new()));
                groups.len() - 1
            }
        };
        if let Some((_, members)) = groups.get_mut(place) {
            members.push(*item);
        }
    }
    Ok(groups)
}
