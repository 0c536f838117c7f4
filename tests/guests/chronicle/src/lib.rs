//! A guest that keeps numbers of each trace in its state, by merging alone, and shows them on the items: fields are set, and attributes.
//!
//! It keys spans and log records by the id of their trace, and merges into its storage how many items came, the earliest and the latest time,
//! and how many seconds the spans took together. An item without a trace stays as it is.
//!
//! Spans get the attributes `trace.spans` and `trace.seconds`, the times of the trace, the name `NAME of SPANS`, their own id for their parent's,
//! kind 2, status 2 with the message `judged` and the trace state `by=chronicle`. Log records get a body of a map with `text`, the body that came,
//! and `seen`; severity 17, `ERROR`; the times of the trace, and the event's name is gone.
//!
//! ```text
//! kind  what spans get for their kind, where it is not 2
//! ```

use std::collections::BTreeMap;

use otelier_sdk::key::{self, AnyValue, Value};
use otelier_sdk::{
    Attribute, Batch, Bitmap, Blob, Declare, Failure, Field, Keying, MergeOp, Processor, RowKey, Signal, Storage,
    ValueColumn, When,
};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "server")]
    kind: i64,
}

fn server() -> i64 {
    2
}

/// The processor.
#[derive(Debug)]
pub struct Chronicle {
    kind: i64,
    traces: Keying,
    /// The name of a span, or the body of a record.
    text: ValueColumn,
    id: ValueColumn,
}

/// What is known of a trace.
struct Numbers {
    items: i64,
    first: i64,
    last: i64,
    seconds: f64,
}

/// Under which letter each number is stored.
const ITEMS: u8 = b'n';
const FIRST: u8 = b'f';
const LAST: u8 = b'l';
const SECONDS: u8 = b's';

fn under(letter: u8, code: u32) -> Vec<u8> {
    [&[letter][..], &code.to_be_bytes()].concat()
}

fn keys(letter: u8, codes: &[u32]) -> Blob {
    let keys: Vec<Vec<u8>> = codes.iter().map(|code| under(letter, *code)).collect();
    keys.iter().map(Vec::as_slice).collect()
}

fn stored(storage: &mut Storage<'_>, letter: u8, code: u32) -> Result<[u8; 8], Failure> {
    let value = storage.get(&under(letter, code))?.unwrap_or_default();
    value.try_into().map_err(|_| Failure::damaged("a number that does not have eight bytes"))
}

fn numbers(storage: &mut Storage<'_>, code: u32) -> Result<Numbers, Failure> {
    Ok(Numbers {
        items: i64::from_le_bytes(stored(storage, ITEMS, code)?),
        first: i64::from_le_bytes(stored(storage, FIRST, code)?),
        last: i64::from_le_bytes(stored(storage, LAST, code)?),
        seconds: f64::from_le_bytes(stored(storage, SECONDS, code)?),
    })
}

fn integer(number: i64) -> Vec<u8> {
    key::write_value(Value::Integer(number))
}

fn text(text: &str) -> Vec<u8> {
    key::write_value(Value::String(text.as_bytes()))
}

/// Rows of traces, and what is known of each one's trace.
struct Known {
    rows: Bitmap,
    /// One for each of the rows.
    numbers: Vec<Numbers>,
    /// The rows' own texts and ids.
    texts: Vec<Vec<u8>>,
    ids: Vec<Vec<u8>>,
}

impl Known {
    /// One value for each of the rows, with an index for each.
    fn values(&self, value: impl Fn(usize) -> Vec<u8>) -> (Blob, Vec<u32>) {
        let values: Vec<Vec<u8>> = (0..self.numbers.len()).map(value).collect();
        (values.iter().map(Vec::as_slice).collect(), (0..self.numbers.len() as u32).collect())
    }

    fn field(&self, batch: &mut Batch<'_>, field: Field, value: impl Fn(usize) -> Vec<u8>) {
        let (values, indices) = self.values(value);
        batch.set_field_by_row(self.rows.clone(), field, values, indices);
    }

    fn attribute(&self, batch: &mut Batch<'_>, key: &str, value: impl Fn(usize) -> Vec<u8>) {
        let (values, indices) = self.values(value);
        batch.set_attribute_by_row(self.rows.clone(), Attribute::item(key), When::Always, values, indices);
    }
}

impl Chronicle {
    /// Counts the rows of each trace, and says what is known of these traces then.
    fn count(&self, batch: &mut Batch<'_>) -> Result<Known, Failure> {
        let (starts, ends) = (batch.start_times(), batch.times());
        let of_row: Vec<Option<u32>> = batch.keys(self.traces).iter().map(RowKey::code).collect();
        let (texts, ids) = (batch.values_of(self.text), batch.values_of(self.id));
        let (mut rows, mut codes) = (Bitmap::new(), Vec::new());
        let (mut first, mut last, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
        for (row, code) in of_row.iter().enumerate() {
            let Some(code) = *code else { continue };
            rows.set(row);
            codes.push(code);
            let (start, end) = (starts[row], ends[row]);
            let begin = if batch.signal() == Signal::Logs { end } else { start };
            first.push(begin.cast_signed());
            last.push(end.cast_signed());
            seconds.push(end.saturating_sub(start) as f64 / 1e9);
        }
        let mut storage = batch.storage();
        // A trace of several rows stands several times in each call.
        storage.merge_integers(MergeOp::Add, keys(ITEMS, &codes), vec![1; codes.len()])?;
        storage.merge_integers(MergeOp::Min, keys(FIRST, &codes), first)?;
        storage.merge_integers(MergeOp::Max, keys(LAST, &codes), last)?;
        storage.merge_doubles(MergeOp::Add, keys(SECONDS, &codes), seconds)?;
        let numbers = codes.iter().map(|code| numbers(&mut storage, *code)).collect::<Result<_, _>>()?;
        let own = |column: &Blob| -> Vec<Vec<u8>> {
            column.iter().enumerate().filter(|(row, _)| rows.get(*row)).map(|(_, value)| value.to_vec()).collect()
        };
        let (texts, ids) = (own(&texts), own(&ids));
        Ok(Known { rows, numbers, texts, ids })
    }

    fn mark_spans(&self, batch: &mut Batch<'_>, known: &Known) {
        let all = || known.rows.clone();
        known.field(batch, Field::Name, |place| {
            let name = match key::read_value(&known.texts[place]) {
                Some(Value::String(name)) => String::from_utf8_lossy(name).into_owned(),
                _ => String::new(),
            };
            text(&format!("{name} of {}", known.numbers[place].items))
        });
        known.attribute(batch, "trace.spans", |place| integer(known.numbers[place].items));
        known.field(batch, Field::StartTime, |place| integer(known.numbers[place].first));
        known.field(batch, Field::EndTime, |place| integer(known.numbers[place].last));
        known.attribute(batch, "trace.seconds", |place| key::write_value(Value::Double(known.numbers[place].seconds)));
        known.field(batch, Field::ParentSpanId, |place| known.ids[place].clone());
        // The last one counts.
        batch.set_field(all(), Field::StatusCode, integer(1));
        batch.set_field(all(), Field::StatusMessage, text("judged"));
        batch.set_field(all(), Field::StatusCode, integer(2));
        batch.set_field(all(), Field::TraceState, text("by=chronicle"));
        batch.set_field(all(), Field::Kind, integer(self.kind));
    }

    fn mark_records(batch: &mut Batch<'_>, known: &Known) {
        let all = || known.rows.clone();
        known.field(batch, Field::Body, |place| {
            let body = AnyValue::decode(&known.texts[place]).unwrap_or_default();
            let seen = AnyValue::Integer(known.numbers[place].items);
            AnyValue::Map(BTreeMap::from([(b"text".to_vec(), body), (b"seen".to_vec(), seen)])).encode()
        });
        known.field(batch, Field::Time, |place| integer(known.numbers[place].first));
        known.field(batch, Field::ObservedTime, |place| integer(known.numbers[place].last));
        batch.set_field(all(), Field::SeverityNumber, integer(17));
        batch.set_field(all(), Field::SeverityText, text("ERROR"));
        batch.set_field(all(), Field::EventName, key::write_value(Value::Empty));
    }
}

impl Processor for Chronicle {
    type Config = Config;

    fn describe(config: Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Chronicle, Failure> {
        declare.items();
        declare.times();
        declare.start_times();
        declare.state(1);
        let text = match signal {
            Signal::Traces => declare.value_of(Field::Name),
            Signal::Logs => declare.value_of(Field::Body),
            Signal::Metrics => return Err(Failure::refused("points have no trace")),
        };
        let id = declare.value_of(Field::SpanId);
        Ok(Chronicle { kind: config.kind, traces: declare.key_by(vec![Field::TraceId.into()], true), text, id })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let known = self.count(batch)?;
        match batch.signal() {
            Signal::Traces => self.mark_spans(batch, &known),
            Signal::Logs | Signal::Metrics => Chronicle::mark_records(batch, &known),
        }
        Ok(())
    }
}

otelier_sdk::export!(Chronicle);
