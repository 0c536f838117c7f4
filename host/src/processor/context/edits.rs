//! `output`: edits of rows that go on.

use super::Context;
use super::maxima::{DESCRIPTOR_BYTES_MAX, EDITS_MAX, VALUE_MAX};
use super::violation::Violation;
use crate::otlp::Strings;
use crate::otlp::columns::Bitmap;
use crate::otlp::edit::{Action, AttributeEdit, FieldEdit, KeyedValue, MetricEdit, Settable, When};
use crate::otlp::field::Field;
use crate::otlp::key::{self, Level};

/// A value, or one for each row.
#[derive(Debug)]
pub struct SetAttribute<'v> {
    /// The condition.
    pub when: When,
    /// As keys have them.
    pub values: Vec<&'v [u8]>,
    /// One for each row in question, unless there is one value for all.
    pub indices: Vec<u32>,
}

/// What a value of an edit takes of what a call may ask for.
trait Weight {
    /// Bytes, about.
    fn bytes(&self) -> usize;
}

impl Weight for Box<[u8]> {
    fn bytes(&self) -> usize {
        size_of::<Box<[u8]>>() + self.len()
    }
}

impl Weight for KeyedValue {
    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.bytes()
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn bytes(&self) -> usize {
        size_of::<Vec<T>>() + self.iter().map(Weight::bytes).sum::<usize>()
    }
}

impl Context {
    /// `output.set-attribute`.
    pub fn set_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        set: SetAttribute<'_>,
    ) -> Result<(), Violation> {
        let SetAttribute { when, values, indices } = set;
        let values = self.values_for_edit(values, |value| {
            let mut any_value = Vec::new();
            key::put_any_value(&mut any_value, value)?;
            Ok(Box::<[u8]>::from(any_value))
        })?;
        let rows = self.rows_with_values(rows, values.len(), &indices)?;
        self.edit_attribute(rows, attribute, Action::Set { when, values, indices })
    }

    /// `output.set-field`.
    pub fn set_field(
        &mut self,
        rows: Vec<u64>,
        name: String,
        values: Vec<&[u8]>,
        indices: Vec<u32>,
    ) -> Result<(), Violation> {
        let signal = self.signal();
        let found = Field::of(name.as_bytes()).and_then(|field| Some((field, Settable::of(field, signal)?)));
        let (field, settable) = found.ok_or(Violation::Field { signal, name })?;
        let misfit = || Violation::FieldValue { name: field.name(), takes: settable.takes() };
        let values = self.values_for_edit(values, |value| settable.encode(value).ok_or_else(misfit))?;
        let rows = self.rows_with_values(rows, values.len(), &indices)?;
        self.count_edit(0)?;
        self.output.edits.fields.push(FieldEdit { field, rows, values, indices });
        Ok(())
    }

    /// `output.set-attributes`.
    pub fn set_attributes(
        &mut self,
        rows: Vec<u64>,
        level: Level,
        maps: Vec<&[u8]>,
        indices: Vec<u32>,
    ) -> Result<(), Violation> {
        let sets = self.values_for_edit(maps, |map| {
            let entries = key::map_entries(map).ok_or(Violation::Attributes { takes: "a map" })?;
            let keyed = |(name, value): (&[u8], &[u8])| -> Result<KeyedValue, Violation> {
                let mut any_value = Vec::new();
                key::put_any_value(&mut any_value, value)?;
                Ok((name.into(), any_value.into()))
            };
            entries.into_iter().map(keyed).collect::<Result<Vec<KeyedValue>, Violation>>()
        })?;
        let rows = self.rows_with_values(rows, sets.len(), &indices)?;
        self.edit_attribute(rows, (level, String::new()), Action::SetMany { sets, indices })
    }

    /// `output.remove-attributes`.
    pub fn remove_attributes(
        &mut self,
        rows: Vec<u64>,
        level: Level,
        keys: Vec<&[u8]>,
        indices: Vec<u32>,
    ) -> Result<(), Violation> {
        let sets = self.values_for_edit(keys, |keys| {
            let mut keys = key::texts(keys).ok_or(Violation::Attributes { takes: "a list of strings" })?;
            keys.sort_unstable();
            Ok(keys.into_iter().map(Into::into).collect::<Vec<Box<[u8]>>>())
        })?;
        let rows = self.rows_with_values(rows, sets.len(), &indices)?;
        self.edit_attribute(rows, (level, String::new()), Action::RemoveMany { sets, indices })
    }

    /// Values of an edit as they are written, each checked before; what they take is booked.
    fn values_for_edit<V: Weight>(
        &mut self,
        values: Vec<&[u8]>,
        encode: impl Fn(&[u8]) -> Result<V, Violation>,
    ) -> Result<Vec<V>, Violation> {
        // A value that was read from this batch can be written back to it.
        let strings = self.batch.as_ref().map_or(Strings::Utf8, |batch| Strings::from(batch.invalid_utf8));
        let mut encoded = Vec::with_capacity(values.len());
        for value in values {
            if value.len() > VALUE_MAX {
                return Err(Violation::Value);
            }
            key::check_value(value, strings)?;
            let value = encode(value)?;
            self.charge(value.bytes())?;
            encoded.push(value);
        }
        Ok(encoded)
    }

    /// The rows of an edit that has so many values: one for all rows, or an index for each.
    fn rows_with_values(&mut self, rows: Vec<u64>, values: usize, indices: &[u32]) -> Result<Bitmap, Violation> {
        let rows = self.bitmap(rows)?;
        let fits = match indices.is_empty() {
            true => values == 1 || rows.count() == 0,
            false => {
                let reaches = indices.iter().any(|index| *index as usize >= values);
                !reaches && indices.len() as u64 == rows.count()
            }
        };
        if !fits {
            return Err(Violation::Value);
        }
        self.charge(size_of_val(indices))?;
        Ok(rows)
    }

    /// `output.remove-attribute`.
    pub fn remove_attribute(&mut self, rows: Vec<u64>, attribute: (Level, String)) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.edit_attribute(rows, attribute, Action::Remove)
    }

    /// `output.rename-attribute`.
    pub fn rename_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        key: String,
    ) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.charge(key.len())?;
        self.edit_attribute(rows, attribute, Action::Rename(key.into_bytes().into()))
    }

    /// `output.copy-attribute`.
    pub fn copy_attribute(
        &mut self,
        rows: Vec<u64>,
        attribute: (Level, String),
        key: String,
        when: When,
    ) -> Result<(), Violation> {
        let rows = self.bitmap(rows)?;
        self.charge(key.len())?;
        self.edit_attribute(rows, attribute, Action::Copy { when, key: key.into_bytes().into() })
    }

    fn edit_attribute(&mut self, rows: Bitmap, (level, key): (Level, String), action: Action) -> Result<(), Violation> {
        if !matches!(level, Level::Resource | Level::Scope | Level::Item) {
            return Err(Violation::Metadata);
        }
        self.count_edit(key.len())?;
        let edit = AttributeEdit { level, key: key.into_bytes().into(), rows, action };
        self.output.edits.attributes.push(edit);
        Ok(())
    }

    fn count_edit(&mut self, bytes: usize) -> Result<(), Violation> {
        self.charge(bytes)?;
        if self.output.edits.len() >= EDITS_MAX { Err(Violation::Edits) } else { Ok(()) }
    }

    /// `output.edit-metric`.
    pub fn edit_metric(&mut self, edit: MetricEdit) -> Result<(), Violation> {
        self.rows()?;
        let known = self.projector.as_ref().is_some_and(|projector| projector.has_descriptor(edit.descriptor));
        if !known {
            return Err(Violation::InputDescriptor(edit.descriptor));
        }
        let text = edit.name.len() + edit.unit.len() + edit.description.len();
        if text > DESCRIPTOR_BYTES_MAX {
            return Err(Violation::Descriptors);
        }
        self.count_edit(text)?;
        self.output.edits.metrics.push(edit);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{EDITS_MAX, VALUE_MAX};
    use crate::clock::Moment;
    use crate::contract::{ComponentId, Limits, Signal};
    use crate::otlp::columns::{Columns, Layout};
    use crate::processor::context::{Context, Phase, Violation};
    use crate::processor::state::State;
    use crate::storage::Namespace;

    /// A call on a batch of three rows.
    fn context(signal: Signal) -> Context {
        let id: ComponentId = "rename".parse().unwrap();
        let state = State::detached(&Namespace::new(&id, None));
        let limits = Limits {
            memory_bytes: 1 << 20,
            call_ms: 1000,
            emitted_rows: 10,
            dictionary_entries: 10,
            storage_bytes: 1 << 20,
            log_bytes: 0,
            host_calls: 10,
        };
        let mut context = Context::new(id, signal, limits, state);
        let layout = Layout { rows: 3, ..Layout::default() };
        context.begin(Phase::Process, Columns { layout, ..Columns::default() }, Moment::default());
        context
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [&[1, text.len() as u8], text].concat()
    }

    fn integer(number: i64) -> Vec<u8> {
        [&[3], &number.to_le_bytes()[..]].concat()
    }

    fn bytes(length: u8) -> Vec<u8> {
        [vec![7, length], vec![9; length.into()]].concat()
    }

    fn set(signal: Signal, field: &str, value: &[u8]) -> Result<(), Violation> {
        context(signal).set_field(vec![0b111], field.to_owned(), vec![value], Vec::new())
    }

    fn is_refused(signal: Signal, field: &str, value: &[u8], words: &str) {
        let error = set(signal, field, value).unwrap_err().to_string();
        assert!(error.contains(words), "{field} {value:?}: {error}");
    }

    #[test]
    fn fields_take_values_of_their_types() {
        for (signal, field, value) in [
            (Signal::Traces, "name", text(b"a")),
            (Signal::Traces, "name", vec![0]),
            (Signal::Traces, "kind", integer(5)),
            (Signal::Traces, "status.code", integer(2)),
            (Signal::Traces, "parent_span_id", bytes(8)),
            (Signal::Traces, "parent_span_id", bytes(0)),
            (Signal::Traces, "start_time_unix_nano", integer(-1)),
            (Signal::Logs, "severity_number", integer(24)),
            (Signal::Logs, "body", bytes(3)),
        ] {
            set(signal, field, &value).unwrap();
        }
    }

    #[test]
    fn what_a_field_does_not_take_is_a_violation() {
        let kind = "the field `kind` takes an integer from 0 to 5, and was given something else";
        is_refused(Signal::Traces, "kind", &integer(6), kind);
        is_refused(Signal::Traces, "kind", &integer(-1), kind);
        is_refused(Signal::Traces, "kind", &text(b"server"), kind);
        is_refused(Signal::Traces, "status.code", &integer(3), "an integer from 0 to 2");
        is_refused(Signal::Logs, "severity_number", &integer(25), "an integer from 0 to 24");
        is_refused(Signal::Traces, "name", &integer(1), "the field `name` takes a string");
        is_refused(Signal::Traces, "parent_span_id", &bytes(7), "takes 8 bytes or none");
        is_refused(Signal::Traces, "parent_span_id", &bytes(16), "takes 8 bytes or none");
        is_refused(Signal::Traces, "parent_span_id", &text(b"12345678"), "takes 8 bytes or none");
        is_refused(Signal::Logs, "time_unix_nano", &text(b"now"), "takes an integer, nanoseconds");
        is_refused(Signal::Traces, "name", &text(b"\xff"), "string is not UTF-8");
        is_refused(Signal::Logs, "body", &[9], "unknown value type");
        is_refused(Signal::Logs, "body", &[], "truncated");
        is_refused(Signal::Logs, "body", &vec![1; VALUE_MAX + 1], "is longer than");
    }

    #[test]
    fn fields_that_there_are_not_are_a_violation() {
        for (signal, field) in [
            (Signal::Traces, "severity_text"),
            (Signal::Traces, "trace_id"),
            (Signal::Traces, "span_id"),
            (Signal::Traces, "scope.name"),
            (Signal::Logs, "name"),
            (Signal::Logs, "trace_id"),
            (Signal::Logs, "parent_span_id"),
            (Signal::Metrics, "name"),
            (Signal::Logs, "nonsense"),
        ] {
            let words = format!("{signal} have no field `{field}` that can be set");
            is_refused(signal, field, &[0], &words);
        }
    }

    #[test]
    fn there_is_a_value_for_each_row() {
        let (one, two) = (text(b"one"), text(b"two"));
        let set = |rows: u64, values: Vec<&[u8]>, indices: &[u32]| {
            context(Signal::Traces).set_field(vec![rows], "name".to_owned(), values, indices.to_vec())
        };
        set(0b101, vec![&one, &two], &[1, 0]).unwrap();
        set(0, vec![&one, &two], &[]).unwrap();
        assert!(matches!(set(0b101, vec![&one, &two], &[]), Err(Violation::Value)));
        assert!(matches!(set(0b101, vec![&one, &two], &[1]), Err(Violation::Value)));
        assert!(matches!(set(0b101, vec![&one, &two], &[1, 2]), Err(Violation::Value)));
        assert!(matches!(set(0b1, Vec::new(), &[]), Err(Violation::Value)));
        assert!(matches!(set(0b1000, vec![&one], &[]), Err(Violation::Rows)));
    }

    #[test]
    fn edits_of_fields_count_as_others_do() {
        let mut context = context(Signal::Traces);
        let mut set = || context.set_field(vec![1], "name".to_owned(), vec![&[0]], Vec::new());
        (0..EDITS_MAX).for_each(|_| set().unwrap());
        assert!(matches!(set(), Err(Violation::Edits)));
    }
}
