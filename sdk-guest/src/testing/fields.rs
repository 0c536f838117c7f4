//! Fields of spans and log records that edits set, with the host's rules.

use crate::Field;
use crate::key::AnyValue;

use super::items::Fed;

/// Fields whose values are strings.
const TEXTS: [Field; 5] = [Field::Name, Field::StatusMessage, Field::TraceState, Field::SeverityText, Field::EventName];
/// Fields whose values are times.
const TIMES: [Field; 4] = [Field::StartTime, Field::EndTime, Field::Time, Field::ObservedTime];
/// Fields whose values are integers up to a number.
const NUMBERS: [(Field, i64); 3] = [(Field::Kind, 5), (Field::StatusCode, 2), (Field::SeverityNumber, 24)];

/// Whether a field takes a value; `None` where no field of that name can be set.
fn takes(name: &str, value: &AnyValue) -> Option<bool> {
    let is = |field: &Field| field.name() == name;
    let most = NUMBERS.iter().find(|(field, _)| is(field)).map(|(_, most)| *most);
    let is_empty = *value == AnyValue::Empty;
    Some(match (value, most) {
        (AnyValue::Integer(number), Some(most)) => (0..=most).contains(number),
        (_, Some(_)) => is_empty,
        (AnyValue::String(text), None) if TEXTS.iter().any(is) => str::from_utf8(text).is_ok(),
        (_, None) if TEXTS.iter().any(is) => is_empty,
        (_, None) if TIMES.iter().any(is) => is_empty || matches!(value, AnyValue::Integer(_)),
        (AnyValue::Bytes(id), None) if is(&Field::ParentSpanId) => matches!(id.len(), 0 | 8),
        (_, None) if is(&Field::ParentSpanId) => is_empty,
        (_, None) if is(&Field::Body) => true,
        _ => return None,
    })
}

/// Panics where the host would end the call.
pub(super) fn check(name: &str, value: &AnyValue) {
    match takes(name, value) {
        None => panic!("`{name}` is no field that can be set"),
        Some(false) => panic!("`{name}` does not take {value:?}"),
        Some(true) => {}
    }
}

/// Sets a field of one item.
pub(super) fn set(item: &mut Fed, name: &str, value: &AnyValue) {
    assert!(item.has_own_field(name), "`{name}` is no field of this item that can be set");
    let is_taken_away = match value {
        _ if name == Field::Body.name() => false,
        AnyValue::Integer(number) => *number == 0,
        AnyValue::String(text) => text.is_empty(),
        AnyValue::Bytes(id) => id.iter().all(|byte| *byte == 0),
        _ => false,
    };
    let value = if is_taken_away { AnyValue::Empty } else { value.clone() };
    if [Field::Name, Field::EventName].iter().any(|field| field.name() == name) {
        let text = if let AnyValue::String(text) = &value { text } else { &Vec::new() };
        item.sent.name = String::from_utf8_lossy(text).into_owned();
    }
    item.sent.fields.insert(name.to_owned(), value);
}
