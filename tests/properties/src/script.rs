//! Bytes as what a guest asks for: which rows go, and how the others are edited.

use fastrand::Rng;

use crate::bytes::Choices;
use crate::contract::Signal;
use crate::generate::attributes;
use crate::model::Typed;
use crate::model::key::encoded;
use crate::otlp::Strings;
use crate::otlp::columns::Bitmap;
use crate::otlp::edit::{Action, AttributeEdit, Edits, FieldEdit, MetricEdit, Settable, Takes, When};
use crate::otlp::field::Field;
use crate::otlp::key::{self, Level};
use crate::otlp::projection::Projection;
use crate::projections::random;

/// More find little more, and the oracle compares each row with each other.
const EDITS_MAX: u8 = 6;

/// Some of the items are rows, or all of them.
pub fn projection(choices: &mut Choices<'_>) -> Projection {
    let drawn = random::projection(&mut Rng::with_seed(choices.byte().into()));
    let Projection { metrics, bare_metrics, kinds, items, .. } = drawn;
    Projection { metrics, bare_metrics, kinds, items, ..Projection::default() }
}

/// None, all or some of so many rows.
pub fn rows(choices: &mut Choices<'_>, count: usize) -> Bitmap {
    let pattern = match choices.byte() % 6 {
        0 => 0,
        1 | 2 => u64::MAX,
        3 => u64::from(choices.byte()) * 0x0101_0101_0101_0101,
        _ => choices.word(),
    };
    let mut rows = Bitmap::default();
    (0..count).filter(|row| turn(pattern, *row) & 1 == 1).for_each(|row| rows.set(row));
    rows
}

/// A prime number of bits, so that no two words of a bitmap are the same.
fn turn(pattern: u64, row: usize) -> u64 {
    pattern >> (row % 61)
}

/// Edits of so many rows and metrics.
pub fn edits(choices: &mut Choices<'_>, rows: usize, descriptors: usize) -> Edits {
    let attributes = (0..choices.byte() % EDITS_MAX).map(|_| attribute_edit(choices, rows)).collect();
    let metrics = if descriptors == 0 { 0 } else { choices.byte() % 3 };
    let metrics = (0..metrics).map(|_| metric_edit(choices, descriptors)).collect();
    let fields = (0..choices.byte() % EDITS_MAX).filter_map(|_| field_edit(choices, rows)).collect();
    Edits { attributes, fields, metrics }
}

fn attribute_edit(choices: &mut Choices<'_>, count: usize) -> AttributeEdit {
    let level = choices.pick(&[Level::Resource, Level::Scope, Level::Item]);
    let (key, rows) = (attribute_key(choices), rows(choices, count));
    let action = match choices.byte() % 7 {
        0 => Action::Remove,
        1 | 2 => Action::Rename(attribute_key(choices)),
        6 => {
            let when = choices.pick(&[When::Always, When::Absent, When::Present]);
            Action::Copy { when, key: attribute_key(choices) }
        }
        _ => set(choices, level, rows.count()),
    };
    AttributeEdit { level, key, rows, action }
}

fn attribute_key(choices: &mut Choices<'_>) -> Box<[u8]> {
    let key = match choices.byte() % 4 {
        0 => String::from_utf8_lossy(choices.short()).into_owned(),
        _ => choices.pick(&attributes::KEYS).to_owned(),
    };
    key.into_bytes().into()
}

fn set(choices: &mut Choices<'_>, level: Level, rows: u64) -> Action {
    let when = choices.pick(&[When::Always, When::Absent, When::Present]);
    let values: Vec<Box<[u8]>> = (0..=choices.byte() % 3).map(|_| value(choices, level)).collect();
    let pattern = choices.word();
    let indices = if pattern == 0 { 0 } else { rows as usize };
    let indices = (0..indices).map(|row| (turn(pattern, row) % values.len() as u64) as u32).collect();
    Action::Set { when, values, indices }
}

/// An `AnyValue` as the host writes it for a guest.
fn value(choices: &mut Choices<'_>, level: Level) -> Box<[u8]> {
    let value = match choices.byte() % 8 {
        0 => Typed::Text(String::from_utf8_lossy(choices.short()).into_owned().into_bytes()),
        // Long enough for an output out of measure. The oracle has one for each row, of a resource one for each pair of them.
        1 if level == Level::Item => Typed::Text(vec![b'x'; 1 << (choices.byte() % 17)]),
        2 => Typed::Bool(choices.flag()),
        3 => Typed::Double(choices.word()),
        4 => Typed::Empty,
        5 => Typed::Bytes(choices.short().to_vec()),
        // Few, so that some values of an edit are the same.
        _ => Typed::Integer((choices.byte() % 4).into()),
    };
    let given = choices.short();
    let given = if key::check_value(given, Strings::Utf8).is_ok() { given.to_vec() } else { encoded(&value) };
    let mut message = Vec::new();
    key::put_any_value(&mut message, &given).expect("a value that was accepted can be written");
    message.into()
}

/// Of spans or log records, whatever the request is.
fn field_edit(choices: &mut Choices<'_>, count: usize) -> Option<FieldEdit> {
    let (field, _) = choices.pick(&Field::ALL);
    let settable = Settable::of(field, choices.pick(&[Signal::Traces, Signal::Logs]))?;
    let (rows, pattern) = (rows(choices, count), choices.word());
    let values: Vec<Box<[u8]>> = (0..=choices.byte() % 3).map(|_| field_value(choices, settable)).collect();
    let indices = if pattern == 0 { 0 } else { rows.count() as usize };
    let indices = (0..indices).map(|row| (turn(pattern, row) % values.len() as u64) as u32).collect();
    Some(FieldEdit { field, rows, values, indices })
}

/// What was given, where the field takes that, or something that it does take.
fn field_value(choices: &mut Choices<'_>, settable: Settable) -> Box<[u8]> {
    let given = choices.short();
    if key::check_value(given, Strings::Utf8).is_ok()
        && let Some(value) = settable.encode(given)
    {
        return value;
    }
    let value = match settable.takes() {
        Takes::Text | Takes::Any => Typed::Text(String::from_utf8_lossy(given).into_owned().into_bytes()),
        Takes::Number(most) => Typed::Integer(i64::from(choices.byte()) % (most + 1)),
        Takes::Time => Typed::Integer(choices.word() as i64),
        Takes::SpanId => Typed::Bytes(choices.word().to_le_bytes().to_vec()),
    };
    settable.encode(&encoded(&value)).expect("the field takes it")
}

fn metric_edit(choices: &mut Choices<'_>, descriptors: usize) -> MetricEdit {
    let mut text = |pool: &[&str]| choices.pick(pool).to_owned();
    let name = text(&["", "renamed", "a much longer name than the metric had before, so that lengths grow"]);
    let (unit, description) = (text(&["", "s"]), text(&["", "now with a description"]));
    MetricEdit { descriptor: u32::from(choices.byte()) % descriptors as u32, name, unit, description }
}
