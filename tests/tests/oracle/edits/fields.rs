//! Fields that can be set: which values each takes, and what is left of the item around them.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::{Edits, FieldEdit, Settable, apply};
use otelier::otlp::field::Field;
use otelier::otlp::projection::{Projection, Projector};
use otelier::otlp::wire::{Reader, Value};
use otelier_tests::generate::{Request, attributes, pick, schema, several, time, vary};
use prost::Message;

use super::random;
use crate::hostile::field as delimited;
use crate::model::key::encoded;
use crate::model::{Typed, decode};
use crate::seeds;

/// A value of any type, often one that some field takes.
fn value(rng: &mut Rng) -> Typed {
    match rng.u32(..6) {
        0 => Typed::Integer(rng.i64(-2..27)),
        1 => Typed::Integer(time(rng) as i64),
        2 => {
            let length = pick(rng, &[8, 8, 7, 16]);
            Typed::Bytes(attributes::id(rng, length))
        }
        3 => Typed::Text(attributes::text(rng).into_bytes()),
        _ => Typed::of(Some(&attributes::any_value(rng, 2))),
    }
}

fn text(value: &Typed) -> Option<String> {
    match value {
        Typed::Empty => Some(String::new()),
        Typed::Text(text) => Some(String::from_utf8(text.clone()).unwrap()),
        _ => None,
    }
}

fn number(value: &Typed, most: i64) -> Option<i32> {
    match value {
        Typed::Empty => Some(0),
        Typed::Integer(number) if (0..=most).contains(number) => Some(*number as i32),
        _ => None,
    }
}

fn nanoseconds(value: &Typed) -> Option<u64> {
    match value {
        Typed::Empty => Some(0),
        Typed::Integer(number) => Some(*number as u64),
        _ => None,
    }
}

fn parent(value: &Typed) -> Option<Vec<u8>> {
    match value {
        Typed::Empty => Some(Vec::new()),
        Typed::Bytes(id) if id.is_empty() || *id == [0; 8] => Some(Vec::new()),
        Typed::Bytes(id) if id.len() == 8 => Some(id.clone()),
        _ => None,
    }
}

fn body(value: &Typed) -> Option<AnyValue> {
    (*value != Typed::Empty).then(|| value.any_value())
}

/// A span that has that field alone; `None` where the span has no such field to set, then where the field does not take the value.
fn span(name: &str, value: &Typed) -> Option<Option<Span>> {
    let mut span = Span::default();
    let mut status = Status::default();
    let taken = match name {
        "name" => text(value).map(|text| span.name = text),
        "trace_state" => text(value).map(|text| span.trace_state = text),
        "kind" => number(value, 5).map(|kind| span.kind = kind),
        "status.code" => number(value, 2).map(|code| status.code = code),
        "status.message" => text(value).map(|message| status.message = message),
        "parent_span_id" => parent(value).map(|id| span.parent_span_id = id),
        "start_time_unix_nano" => nanoseconds(value).map(|time| span.start_time_unix_nano = time),
        "end_time_unix_nano" => nanoseconds(value).map(|time| span.end_time_unix_nano = time),
        _ => return None,
    };
    span.status = (status != Status::default()).then_some(status);
    Some(taken.map(|()| span))
}

/// The same of a log record.
fn record(name: &str, value: &Typed) -> Option<Option<LogRecord>> {
    let mut record = LogRecord::default();
    let taken = match name {
        "time_unix_nano" => nanoseconds(value).map(|time| record.time_unix_nano = time),
        "observed_time_unix_nano" => nanoseconds(value).map(|time| record.observed_time_unix_nano = time),
        "severity_number" => number(value, 24).map(|number| record.severity_number = number),
        "severity_text" => text(value).map(|text| record.severity_text = text),
        "event_name" => text(value).map(|text| record.event_name = text),
        "body" => {
            record.body = body(value);
            Some(())
        }
        _ => return None,
    };
    Some(taken.map(|()| record))
}

#[test]
fn a_field_takes_what_the_contract_says_and_is_written_as_that() {
    seeds::check(20_000, |rng| {
        let (field, name) = pick(rng, &Field::ALL);
        let value = value(rng);
        let given = |signal| Settable::of(field, signal).map(|settable| settable.encode(&encoded(&value)));
        let in_span = |given: Box<[u8]>| match given.is_empty() || !name.starts_with("status.") {
            true => given.to_vec(),
            false => delimited(15, &given),
        };
        let spans = given(Signal::Traces).map(|given| given.map(in_span));
        let expected = span(name, &value).map(|span| span.map(|span| span.encode_to_vec()));
        assert_eq!(spans, expected, "{name} of a span from {value:?}");
        let read = |given: Box<[u8]>| decode::<LogRecord>(&given).encode_to_vec();
        let records = given(Signal::Logs).map(|given| given.map(read));
        let expected = record(name, &value).map(|record| record.map(|record| record.encode_to_vec()));
        assert_eq!(records, expected, "{name} of a record from {value:?}");
        assert_eq!(given(Signal::Metrics), None, "{name} of a point");
    });
}

/// An item of a request that has one, in a form of its own.
fn item(rng: &mut Rng, signal: Signal) -> Option<Vec<u8>> {
    let (spec, plain) = match Request::random(rng, signal) {
        Request::Traces(request) => {
            let mut spans = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
            (&schema::SPAN, spans.find_map(|spans| spans.spans.into_iter().next())?.encode_to_vec())
        }
        Request::Logs(request) => {
            let mut records = request.resource_logs.into_iter().flat_map(|records| records.scope_logs);
            (&schema::LOG_RECORD, records.find_map(|records| records.log_records.into_iter().next())?.encode_to_vec())
        }
        Request::Metrics(_) => return None,
    };
    Some(vary(rng, spec, &plain))
}

/// The fields of a message as they stand, each with its number and, where it has one, its payload.
fn fields(message: &[u8]) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let (mut reader, mut fields) = (Reader::new(message), Vec::new());
    while let Some(field) = reader.field().unwrap() {
        let payload = if let Value::Len(payload) = field.value { payload.to_vec() } else { Vec::new() };
        fields.push((field.number, field.raw.to_vec(), payload));
    }
    fields
}

/// The fields as they stand, but for those numbers.
fn others(message: &[u8], numbers: &[u32]) -> Vec<Vec<u8>> {
    fields(message).into_iter().filter(|(number, ..)| !numbers.contains(number)).map(|(_, raw, _)| raw).collect()
}

/// All pieces of a span's status as one.
fn status(item: &[u8]) -> Vec<u8> {
    fields(item).into_iter().filter(|(number, ..)| *number == 15).flat_map(|(.., payload)| payload).collect()
}

fn number_of(field: Field) -> u32 {
    match field {
        Field::Time => 1,
        Field::SeverityNumber => 2,
        Field::TraceState | Field::SeverityText => 3,
        Field::ParentSpanId => 4,
        Field::Name | Field::Body => 5,
        Field::Kind => 6,
        Field::StartTime => 7,
        Field::EndTime => 8,
        Field::ObservedTime => 11,
        Field::EventName => 12,
        Field::StatusCode | Field::StatusMessage => 15,
        _ => panic!("{} cannot be set", field.name()),
    }
}

/// Unknown fields, repeated ones, and the order of all others among them.
#[test]
fn what_is_set_stands_once_and_everything_else_keeps_its_bytes() {
    seeds::check(6000, |rng| {
        let signal = pick(rng, &[Signal::Traces, Signal::Logs]);
        let Some(before) = item(rng, signal) else { return };
        let projection = Projection { items: true, ..Projection::default() };
        let request = delimited(1, &delimited(2, &delimited(2, &before)));
        let layout = Projector::new(signal, projection, 0).project(&request, Strings::Utf8).unwrap().layout;
        let settable: Vec<(Field, Settable)> =
            random::settable().into_iter().filter(|(field, own)| Settable::of(*field, signal) == Some(*own)).collect();
        let edit = |rng: &mut Rng| {
            let (field, settable) = pick(rng, &settable);
            let values = vec![random::field_value(rng, settable)];
            FieldEdit { field, rows: Bitmap::from_words(vec![1]), values, indices: Vec::new() }
        };
        let edits = Edits { fields: several(rng, 4, edit), ..Edits::default() };
        let edited = apply(signal, &request, &layout, &Bitmap::default(), &edits).unwrap();
        let after = [1, 2, 2].iter().fold(edited, |message, _| fields(&message).remove(0).2);
        let numbers: Vec<u32> = edits.fields.iter().map(|edit| number_of(edit.field)).collect();
        assert_eq!(others(&after, &numbers), others(&before, &numbers));
        for number in &numbers {
            let times = fields(&after).iter().filter(|(at, ..)| at == number).count();
            assert!(times <= 1, "field {number} stands {times} times in {after:02x?}");
        }
        let is_set = |field| edits.fields.iter().any(|edit| edit.field == field);
        let in_status = [(Field::StatusMessage, 2), (Field::StatusCode, 3)].into_iter();
        let in_status: Vec<u32> = in_status.filter(|(field, _)| is_set(*field)).map(|(_, number)| number).collect();
        if signal == Signal::Traces && !in_status.is_empty() {
            assert_eq!(others(&status(&after), &in_status), others(&status(&before), &in_status));
        }
    });
}

/// The last of several edits of one field counts, whatever is done to attributes between them.
#[test]
fn the_last_edit_of_a_field_counts() {
    let request = delimited(1, &delimited(2, &delimited(2, &delimited(5, b"first"))));
    let projection = Projection { items: true, ..Projection::default() };
    let layout = Projector::new(Signal::Traces, projection, 0).project(&request, Strings::Utf8).unwrap().layout;
    let edit = |field: Field, value: &Typed| {
        let values = vec![Settable::of(field, Signal::Traces).unwrap().encode(&encoded(value)).unwrap()];
        FieldEdit { field, rows: Bitmap::from_words(vec![1]), values, indices: Vec::new() }
    };
    let name = |name: &str| edit(Field::Name, &Typed::Text(name.into()));
    let fields = vec![name("second"), edit(Field::StatusCode, &Typed::Integer(2)), name("third")];
    let edited = |fields| {
        let edits = Edits { fields, ..Edits::default() };
        apply(Signal::Traces, &request, &layout, &Bitmap::default(), &edits).unwrap()
    };
    let span = [delimited(5, b"third"), delimited(15, b"\x18\x02")].concat();
    assert_eq!(edited(fields), delimited(1, &delimited(2, &delimited(2, &span))));
    assert_eq!(edited(vec![name("")]), delimited(1, &delimited(2, &delimited(2, &[]))));
}
