//! The walk that writes: front to back, level by level, as long as items of a level are edited alike.

use super::attributes::Slots;
use super::edits::MetricEdit;
use super::error::Stop;
use super::fields::{GivenFields, Numbers};
use super::plan::{Alike, Plan, Step};
use super::writer::Writer;
use crate::contract::Signal;
use crate::otlp::columns::{Extent, Run};
use crate::otlp::descriptors::cut_description;
use crate::otlp::key::Level;
use crate::otlp::message::Message;
use crate::otlp::metrics::{MetricKind, read_metric};
use crate::otlp::wire::{Fault, Field, Reader, put_bytes};
use crate::otlp::{Strings, logs, spans};

/// The number of attributes in a resource and in a scope.
pub const RESOURCE_ATTRIBUTES: u32 = 1;
pub const SCOPE_ATTRIBUTES: u32 = 3;

/// Rewrites a request.
pub fn rewrite(plan: &Plan<'_>, request: &[u8], limit: usize) -> Result<Vec<u8>, Stop> {
    let mut stream = Stream {
        plan,
        writer: Writer::new(request, limit),
        place: Place::default(),
        slots: Slots::default(),
        steps: Vec::new(),
        given: GivenFields::default(),
    };
    let mut reader = Reader::new(request);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => stream.resource(&field)?,
            _ => stream.writer.copy(field.raw),
        }
    }
    Ok(stream.writer.finish())
}

/// How far the walk has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    resource: usize,
    scope: usize,
    /// Metrics so far.
    ordinal: u32,
    /// The first run that was not passed.
    run: usize,
    pub row: usize,
}

/// Whether a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Kept,
    Emptied,
}

/// One walk.
pub struct Stream<'p, 'a> {
    pub plan: &'p Plan<'a>,
    pub writer: Writer<'a>,
    pub place: Place,
    slots: Slots<'a>,
    /// What is done to the item at hand: its attributes, and its fields.
    steps: Vec<Step>,
    given: GivenFields<'a>,
}

impl<'a> Stream<'_, 'a> {
    fn resource(&mut self, field: &Field<'a>) -> Result<(), Stop> {
        let message = field.value.bytes(field.raw)?;
        let (first, extent) = (self.place.row, self.next_resource());
        let end = extent.end as usize;
        self.writer.work(self.plan.looks())?;
        if !self.plan.touches(first, end) {
            self.writer.copy(field.raw);
            self.pass_resource(extent);
            return Ok(());
        }
        match self.plan.alike(Level::Resource, first, end, extent.has_others) {
            Alike::Same(steps) => {
                let mark = self.writer.open(1, message.len());
                match self.level(message, RESOURCE_ATTRIBUTES, &steps, Stream::scope)? {
                    Rest::Kept => self.writer.close(mark)?,
                    Rest::Emptied => self.writer.cancel(mark),
                }
            }
            Alike::Mixed => self.split_resource(message)?,
        }
        Ok(())
    }

    fn scope(&mut self, field: &Field<'a>) -> Result<Rest, Stop> {
        let message = field.value.bytes(field.raw)?;
        let (first, extent) = (self.place.row, self.next_scope());
        let end = extent.end as usize;
        self.writer.work(self.plan.looks())?;
        if !self.plan.touches(first, end) {
            self.writer.copy(field.raw);
            self.pass_scope(extent);
            return Ok(Rest::Kept);
        }
        match self.plan.alike(Level::Scope, first, end, extent.has_others) {
            Alike::Same(steps) => {
                let mark = self.writer.open(2, message.len());
                let rest = self.level(message, SCOPE_ATTRIBUTES, &steps, Stream::child)?;
                match rest {
                    Rest::Kept => self.writer.close(mark)?,
                    Rest::Emptied => self.writer.cancel(mark),
                }
                Ok(rest)
            }
            Alike::Mixed => self.split_scope(message),
        }
    }

    /// The extent of the resource that the walk has come to.
    pub fn next_resource(&mut self) -> Extent {
        let extent = self.plan.layout.resources.get(self.place.resource).copied();
        self.place.resource += 1;
        extent.unwrap_or_default()
    }

    /// The extent of the scope that the walk has come to.
    pub fn next_scope(&mut self) -> Extent {
        let extent = self.plan.layout.scopes.get(self.place.scope).copied();
        self.place.scope += 1;
        extent.unwrap_or_default()
    }

    fn pass_resource(&mut self, extent: Extent) {
        self.place.scope = extent.children_end as usize;
        if let Some(last) = self.place.scope.checked_sub(1).and_then(|last| self.plan.layout.scopes.get(last)) {
            self.pass_scope(*last);
        }
        self.place.row = extent.end as usize;
    }

    fn pass_scope(&mut self, extent: Extent) {
        self.place.row = extent.end as usize;
        self.place.ordinal = extent.children_end;
        let runs = self.plan.layout.runs.get(self.place.run..).unwrap_or_default();
        self.place.run += runs.partition_point(|run| run.ordinal < extent.children_end);
    }

    /// Writes a level's fields: its resource or scope with edits made, and what is left of its children.
    fn level(
        &mut self,
        message: &'a [u8],
        attributes: u32,
        steps: &[Step],
        child: fn(&mut Self, &Field<'a>) -> Result<Rest, Stop>,
    ) -> Result<Rest, Stop> {
        if !steps.is_empty() {
            self.own(&own_message(message)?, attributes, steps)?;
        }
        let (mut before, mut after) = (0, 0);
        let mut reader = Reader::new(message);
        while let Some(field) = reader.message_or_field(0x12)? {
            match field.number {
                2 => {
                    before += 1;
                    after += usize::from(child(self, &field)? == Rest::Kept);
                }
                1 if !steps.is_empty() => {}
                _ => self.writer.copy(field.raw),
            }
        }
        Ok(if before > 0 && after == 0 { Rest::Emptied } else { Rest::Kept })
    }

    /// Writes a resource or scope with edits made.
    pub fn own(&mut self, own: &Message<'a>, attributes: u32, steps: &[Step]) -> Result<(), Stop> {
        // Written once for each part of what is split, and each time read anew.
        self.writer.work(own.pieces().map(|piece| piece.len() + 2).sum())?;
        let joined;
        let message = match own.one_piece() {
            Some(piece) => piece,
            None => {
                joined = own.pieces().collect::<Vec<_>>().concat();
                &joined
            }
        };
        let mut slots = Slots::default();
        let asked = (steps, Numbers::default());
        let changed = slots.edit(self.plan, message, attributes, asked, &mut self.writer)?;
        if !changed && !own.is_present() {
            return Ok(());
        }
        let mark = self.writer.open(1, message.len());
        slots.write(message, attributes, &mut self.writer)?;
        self.writer.close(mark)
    }

    /// A metric, span or record.
    fn child(&mut self, field: &Field<'a>) -> Result<Rest, Stop> {
        match self.plan.signal {
            Signal::Metrics => self.metric(field),
            Signal::Traces => self.item(field, spans::ATTRIBUTES),
            Signal::Logs => self.item(field, logs::ATTRIBUTES),
        }
    }

    /// A row, at the place where the walk is.
    pub fn item(&mut self, field: &Field<'a>, attributes: u32) -> Result<Rest, Stop> {
        let row = self.place.row;
        self.place.row += 1;
        if self.plan.removed.get(row) {
            return Ok(Rest::Emptied);
        }
        self.kept_item(field, attributes, row)?;
        Ok(Rest::Kept)
    }

    /// A row that is not removed.
    #[inline]
    pub fn kept_item(&mut self, field: &Field<'a>, attributes: u32, row: usize) -> Result<(), Stop> {
        self.plan.item_steps(row, &mut self.steps);
        self.plan.given(row, &mut self.given);
        if self.steps.is_empty() && self.given.is_empty() {
            self.writer.copy(field.raw);
            return Ok(());
        }
        let message = field.value.bytes(field.raw)?;
        self.writer.work(self.given.edits())?;
        let asked = (self.steps.as_slice(), self.given.numbers());
        let changed = self.slots.edit(self.plan, message, attributes, asked, &mut self.writer)?;
        if !changed && self.given.is_empty() {
            self.writer.copy(field.raw);
            return Ok(());
        }
        let mark = self.writer.open(field.number, message.len());
        self.given.write(message, &mut self.writer)?;
        self.slots.write(message, attributes, &mut self.writer)?;
        self.writer.close(mark)
    }

    /// The run of the metric that the walk has come to, if its points are rows.
    pub fn next_run(&mut self) -> Option<Run> {
        let ordinal = self.place.ordinal;
        self.place.ordinal += 1;
        let run = self.plan.layout.runs.get(self.place.run).copied().filter(|run| run.ordinal == ordinal)?;
        self.place.run += 1;
        Some(run)
    }

    fn metric(&mut self, field: &Field<'a>) -> Result<Rest, Stop> {
        let Some(run) = self.next_run() else {
            self.writer.copy(field.raw);
            return Ok(Rest::Kept);
        };
        let (first, end) = (self.place.row, run.end as usize);
        self.writer.work(self.plan.looks())?;
        let edit = self.plan.metric(run.descriptor);
        let touched = self.plan.touches_items(first, end);
        if !touched && edit.is_none() {
            self.writer.copy(field.raw);
            self.place.row = end;
            return Ok(Rest::Kept);
        }
        let message = field.value.bytes(field.raw)?;
        if self.plan.layout.bare.get(first) {
            return self.bare_metric(field, message, edit);
        }
        let (header, data) = read_metric(message, Strings::Bytes)?;
        let mark = self.writer.open(field.number, message.len());
        self.metric_texts(&metric_fields(message)?, edit);
        let Some(kind) = header.kind else {
            self.writer.close(mark)?;
            return Ok(Rest::Kept);
        };
        let inner = self.writer.open(kind.field(), data.pieces().map(<[u8]>::len).sum());
        let mut kept = 0;
        for piece in data.pieces() {
            let mut reader = Reader::new(piece);
            while let Some(field) = reader.message_or_field(0x0a)? {
                match field.number {
                    1 => kept += usize::from(self.item(&field, kind.attributes())? == Rest::Kept),
                    _ => self.writer.copy(field.raw),
                }
            }
        }
        if kept == 0 && end > first {
            self.writer.cancel(mark);
            return Ok(Rest::Emptied);
        }
        self.writer.close(inner)?;
        self.writer.close(mark)?;
        Ok(Rest::Kept)
    }

    /// A metric without points that is a row.
    fn bare_metric(&mut self, field: &Field<'a>, message: &'a [u8], edit: Option<&MetricEdit>) -> Result<Rest, Stop> {
        let row = self.place.row;
        self.place.row += 1;
        if self.plan.removed.get(row) {
            return Ok(Rest::Emptied);
        }
        let mark = self.writer.open(field.number, message.len());
        self.metric_texts(&metric_fields(message)?, edit);
        Message::whole(message).each_field(|field| {
            if MetricKind::of_field(field.number).is_some() {
                self.writer.copy(field.raw);
            }
            Ok(())
        })?;
        self.writer.close(mark)?;
        Ok(Rest::Kept)
    }

    /// Writes the fields of a metric beside its data. A description that is longer than what a plugin was told of it stays where the plugin
    /// gives back what it was told.
    pub fn metric_texts(&mut self, fields: &[Field<'a>], edit: Option<&MetricEdit>) {
        let keeps_description = edit.is_some_and(|edit| is_cut_description(fields, &edit.description));
        if let Some(edit) = edit {
            for (number, text) in [(1, &edit.name), (2, &edit.description), (3, &edit.unit)] {
                if !(text.is_empty() || number == 2 && keeps_description) {
                    put_bytes(self.writer.out(), number, text.as_bytes());
                }
            }
        }
        let is_replaced = |field: &&Field<'a>| match field.number {
            2 => edit.is_some() && !keeps_description,
            number => edit.is_some() && matches!(number, 1 | 3),
        };
        for field in fields.iter().filter(|field| !is_replaced(field)) {
            self.writer.copy(field.raw);
        }
    }
}

/// Whether a text is what was told of a longer description.
fn is_cut_description(fields: &[Field<'_>], text: &str) -> bool {
    let last = |number| fields.iter().rev().find(|field| field.number == number);
    let text_of = |number| last(number).and_then(|field| field.value.bytes(field.raw).ok()).unwrap_or_default();
    let description = text_of(2);
    let cut = cut_description(text_of(1), text_of(3), description);
    cut.len() < description.len() && String::from_utf8_lossy(cut) == text
}

/// The fields of a metric beside its data.
pub fn metric_fields(message: &[u8]) -> Result<Vec<Field<'_>>, Fault> {
    let mut fields = Vec::new();
    Message::whole(message).each_field(|field| {
        if MetricKind::of_field(field.number).is_none() {
            fields.push(field);
        }
        Ok(())
    })?;
    Ok(fields)
}

/// The resource or scope of a level.
fn own_message<'a>(message: &'a [u8]) -> Result<Message<'a>, Fault> {
    let mut own = Message::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            own.push(field.value.bytes(field.raw)?);
        }
    }
    Ok(own)
}
