//! Random edits.

use fastrand::Rng;
use otelier::contract::Signal;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::{Action, AttributeEdit, Edits, FieldEdit, MetricEdit, Settable, Takes, When};
use otelier::otlp::field::Field;
use otelier::otlp::key::Level;
use otelier_tests::generate::{attributes, chance, pick, several, time};
use prost::Message;

use crate::model::Typed;
use crate::model::key::encoded;

/// Rows with a chance of their own; often none or all.
pub fn rows(rng: &mut Rng, rows: usize, percents: &[u32]) -> Bitmap {
    let percent = pick(rng, percents);
    let mut bitmap = Bitmap::default();
    (0..rows).filter(|_| chance(rng, percent)).for_each(|row| bitmap.set(row));
    bitmap
}

/// A sequence of edits for so many rows and metrics.
pub fn edits(rng: &mut Rng, count: usize, descriptors: usize) -> Edits {
    let most = pick(rng, &[0, 1, 3, 6]);
    let metrics = if descriptors > 0 && chance(rng, 30) { 2 } else { 0 };
    Edits {
        attributes: several(rng, most, |rng| attribute_edit(rng, count)),
        fields: several(rng, most, |rng| field_edit(rng, count)),
        metrics: several(rng, metrics, |rng| metric_edit(rng, descriptors)),
    }
}

fn attribute_edit(rng: &mut Rng, count: usize) -> AttributeEdit {
    let rows = rows(rng, count, &[0, 10, 50, 90, 100, 100]);
    AttributeEdit {
        level: pick(rng, &[Level::Resource, Level::Scope, Level::Item]),
        key: key(rng),
        action: match rng.u32(..10) {
            8 => set_many(rng, &rows),
            9 => remove_many(rng, &rows),
            0 => Action::Remove,
            1 | 2 => Action::Rename(key(rng)),
            3 | 4 => Action::Copy { when: pick(rng, &[When::Always, When::Absent, When::Present]), key: key(rng) },
            _ => set(rng, &rows),
        },
        rows,
    }
}

fn key(rng: &mut Rng) -> Box<[u8]> {
    pick(rng, &attributes::KEYS).as_bytes().into()
}

fn set(rng: &mut Rng, rows: &Bitmap) -> Action {
    let when = pick(rng, &[When::Always, When::Absent, When::Present]);
    let value = |rng: &mut Rng| attributes::any_value(rng, 2).encode_to_vec().into_boxed_slice();
    let mut values = vec![value(rng)];
    values.extend(several(rng, 2, value));
    let indices = (0..rows.count()).map(|_| rng.u32(..values.len() as u32)).collect();
    // Where there are no rows, no indices are the same as one value for all.
    if rng.bool() { Action::Set { when, values, indices } } else { Action::Set { when, values, indices: Vec::new() } }
}

fn set_many(rng: &mut Rng, rows: &Bitmap) -> Action {
    let set = |rng: &mut Rng| {
        let keyed = |rng: &mut Rng| (key(rng), attributes::any_value(rng, 2).encode_to_vec().into_boxed_slice());
        let mut set = several(rng, 3, keyed);
        set.sort();
        set.dedup_by(|(one, _), (other, _)| one == other);
        set
    };
    let mut sets = vec![set(rng)];
    sets.extend(several(rng, 2, set));
    let indices = indices(rng, rows, sets.len());
    Action::SetMany { sets, indices }
}

fn remove_many(rng: &mut Rng, rows: &Bitmap) -> Action {
    let set = |rng: &mut Rng| {
        let mut keys = several(rng, 3, key);
        keys.sort();
        keys
    };
    let mut sets = vec![set(rng)];
    sets.extend(several(rng, 2, set));
    let indices = indices(rng, rows, sets.len());
    Action::RemoveMany { sets, indices }
}

/// One for each row, or none.
fn indices(rng: &mut Rng, rows: &Bitmap, values: usize) -> Vec<u32> {
    let indices = (0..rows.count()).map(|_| rng.u32(..values as u32)).collect();
    if rng.bool() { indices } else { Vec::new() }
}

/// Of spans or of log records: what the request does not have is no edit of it.
fn field_edit(rng: &mut Rng, count: usize) -> FieldEdit {
    let (field, settable) = pick(rng, &settable());
    let rows = rows(rng, count, &[0, 10, 50, 90, 100, 100]);
    let mut values = vec![field_value(rng, settable)];
    values.extend(several(rng, 2, |rng| field_value(rng, settable)));
    let indices = (0..rows.count()).map(|_| rng.u32(..values.len() as u32)).collect();
    let indices = if rng.bool() { indices } else { Vec::new() };
    FieldEdit { field, rows, values, indices }
}

/// Every field that can be set.
pub fn settable() -> Vec<(Field, Settable)> {
    let of = |signal| Field::ALL.iter().filter_map(move |(field, _)| Some((*field, Settable::of(*field, signal)?)));
    [Signal::Traces, Signal::Logs].into_iter().flat_map(of).collect()
}

/// A value that the field takes, as the host writes it.
pub fn field_value(rng: &mut Rng, settable: Settable) -> Box<[u8]> {
    let value = match settable.takes() {
        _ if chance(rng, 10) => Typed::Empty,
        Takes::Text => Typed::Text(attributes::text(rng).into_bytes()),
        Takes::Number(most) => Typed::Integer(rng.i64(0..=most)),
        Takes::Time => Typed::Integer(time(rng) as i64),
        Takes::SpanId => Typed::Bytes(attributes::id(rng, 8)),
        Takes::Any => Typed::of(Some(&attributes::any_value(rng, 2))),
    };
    settable.encode(&encoded(&value)).expect("the field takes it")
}

fn metric_edit(rng: &mut Rng, descriptors: usize) -> MetricEdit {
    MetricEdit {
        descriptor: rng.u32(..descriptors as u32),
        name: pick(rng, &["", "renamed", "a much longer name than the metric had before, so that lengths grow"])
            .to_owned(),
        unit: pick(rng, &["", "s"]).to_owned(),
        description: pick(rng, &["", "now with a description"]).to_owned(),
    }
}
