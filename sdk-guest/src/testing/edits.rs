//! Edits that a call asked for, and what they make of the items.

use crate::key::AnyValue;
use crate::{Attribute, Bitmap, Blob, Descriptor, Level, When};

use super::fields;
use super::items::{Fed, Sent};

/// Edits in one call.
const EDITS_MAX: usize = 1024;
/// Bytes of one value.
const VALUE_MAX: usize = 16 << 20;

/// One edit, as the contract has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// `output.set-attribute`.
    Set {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
        /// On which condition.
        when: When,
        /// Encoded values.
        values: Blob,
        /// One for each row; none where one value is for all.
        indices: Vec<u32>,
    },
    /// `output.remove-attribute`.
    Remove {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
    },
    /// `output.rename-attribute`.
    Rename {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
        /// The new key.
        key: String,
    },
    /// `output.copy-attribute`.
    Copy {
        /// Which rows.
        rows: Bitmap,
        /// What.
        attribute: Attribute,
        /// The key that gets the value.
        key: String,
        /// On which condition.
        when: When,
    },
    /// `output.set-attributes`.
    SetMany {
        /// Which rows.
        rows: Bitmap,
        /// Where.
        level: Level,
        /// Encoded maps.
        maps: Blob,
        /// One for each row; none where one map is for all.
        indices: Vec<u32>,
    },
    /// `output.remove-attributes`.
    RemoveMany {
        /// Which rows.
        rows: Bitmap,
        /// Where.
        level: Level,
        /// Encoded lists of keys.
        keys: Blob,
        /// One for each row; none where one list is for all.
        indices: Vec<u32>,
    },
    /// `output.set-field`.
    Field {
        /// Which rows.
        rows: Bitmap,
        /// What, by its name in the contract.
        field: String,
        /// Encoded values.
        values: Blob,
        /// One for each row; none where one value is for all.
        indices: Vec<u32>,
    },
    /// `output.edit-metric`.
    Metric {
        /// Which metrics of the batch.
        descriptor: u32,
        /// The new name.
        name: String,
        /// The new unit.
        unit: String,
        /// The new description.
        description: String,
    },
}

/// Applies edits to the rows among the items, each to what the one before left. Panics where the real host would end the call.
pub(super) fn apply(edits: &[Edit], descriptors: &[Descriptor], items: &mut [Fed]) {
    assert!(edits.len() <= EDITS_MAX, "{} edits in one call", edits.len());
    let mut rows: Vec<&mut Fed> = items.iter_mut().filter(|item| item.is_row).collect();
    for edit in edits {
        match edit {
            Edit::Set { rows: which, attribute, when, values, indices } => {
                check(which, attribute, rows.len());
                let values = decoded(values);
                check_indices(indices, values.len(), which.count());
                for (nth, row) in chosen(&mut rows, which).enumerate() {
                    let value = indices.get(nth).map_or(0, |index| *index as usize);
                    set(&mut row.sent, attribute, *when, &values[value]);
                }
            }
            Edit::Remove { rows: which, attribute } => {
                check(which, attribute, rows.len());
                for row in chosen(&mut rows, which) {
                    row.sent.level(attribute.level).remove(&attribute.key);
                }
            }
            Edit::Rename { rows: which, attribute, key } => {
                check(which, attribute, rows.len());
                for row in chosen(&mut rows, which) {
                    let attributes = row.sent.level(attribute.level);
                    if let Some(value) = attributes.remove(&attribute.key) {
                        attributes.insert(key.clone(), value);
                    }
                }
            }
            Edit::Copy { rows: which, attribute, key, when } => {
                check(which, attribute, rows.len());
                for row in chosen(&mut rows, which) {
                    let value = row.sent.level(attribute.level).get(&attribute.key).cloned();
                    if let Some(value) = value.filter(|_| attribute.key != *key) {
                        set(&mut row.sent, &Attribute { key: key.clone(), ..*attribute }, *when, &value);
                    }
                }
            }
            Edit::SetMany { rows: which, level, maps, indices } => {
                check_level(which, *level, rows.len());
                let maps = decoded(maps);
                check_indices(indices, maps.len(), which.count());
                for (nth, row) in chosen(&mut rows, which).enumerate() {
                    let map = &maps[indices.get(nth).map_or(0, |index| *index as usize)];
                    let AnyValue::Map(entries) = map else { panic!("{map:?} is no map") };
                    let entries = entries.iter().map(|(key, value)| (text(key), value.clone()));
                    row.sent.level(*level).extend(entries);
                }
            }
            Edit::RemoveMany { rows: which, level, keys, indices } => {
                check_level(which, *level, rows.len());
                let lists = decoded(keys);
                check_indices(indices, lists.len(), which.count());
                for (nth, row) in chosen(&mut rows, which).enumerate() {
                    let list = &lists[indices.get(nth).map_or(0, |index| *index as usize)];
                    let AnyValue::Array(keys) = list else { panic!("{list:?} is no list") };
                    for key in keys {
                        let AnyValue::String(key) = key else { panic!("{key:?} is no key") };
                        row.sent.level(*level).remove(&text(key));
                    }
                }
            }
            Edit::Field { rows: which, field, values, indices } => {
                check_rows(which, rows.len());
                let values = decoded(values);
                values.iter().for_each(|value| fields::check(field, value));
                check_indices(indices, values.len(), which.count());
                for (nth, row) in chosen(&mut rows, which).enumerate() {
                    let value = indices.get(nth).map_or(0, |index| *index as usize);
                    fields::set(row, field, &values[value]);
                }
            }
            Edit::Metric { descriptor, name, unit, description } => {
                let edited = &descriptors[*descriptor as usize];
                for row in rows.iter_mut().filter(|row| row.descriptor.as_ref() == Some(edited)) {
                    row.sent.name.clone_from(name);
                    row.sent.unit.clone_from(unit);
                    row.sent.description.clone_from(description);
                }
            }
        }
    }
}

fn check(rows: &Bitmap, attribute: &Attribute, count: usize) {
    check_level(rows, attribute.level, count);
}

fn check_level(rows: &Bitmap, level: Level, count: usize) {
    assert!(level != Level::Metadata, "metadata cannot be edited");
    check_rows(rows, count);
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn check_rows(rows: &Bitmap, count: usize) {
    assert_eq!(rows.count(), (0..count).filter(|row| rows.get(*row)).count(), "rows are edited that do not exist");
}

fn check_indices(indices: &[u32], values: usize, rows: usize) {
    if indices.is_empty() {
        assert!(values == 1 || rows == 0, "{values} values need an index for each row");
        return;
    }
    assert_eq!(indices.len(), rows, "an index for each row");
    for index in indices {
        assert!((*index as usize) < values, "index {index} of {values} values");
    }
}

fn decoded(values: &Blob) -> Vec<AnyValue> {
    let decode = |value: &[u8]| {
        assert!(value.len() <= VALUE_MAX, "a value of {} bytes", value.len());
        AnyValue::decode(value).unwrap_or_else(|| panic!("{value:?} is no value"))
    };
    values.iter().map(decode).collect()
}

fn chosen<'r>(rows: &'r mut [&mut Fed], which: &'r Bitmap) -> impl Iterator<Item = &'r mut Fed> {
    rows.iter_mut().enumerate().filter(|(row, _)| which.get(*row)).map(|(_, item)| &mut **item)
}

fn set(sent: &mut Sent, attribute: &Attribute, when: When, value: &AnyValue) {
    let attributes = sent.level(attribute.level);
    let is_set = match when {
        When::Always => true,
        When::Absent => !attributes.contains_key(&attribute.key),
        When::Present => attributes.contains_key(&attribute.key),
    };
    if is_set {
        attributes.insert(attribute.key.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, apply};
    use crate::key::AnyValue;
    use crate::testing::items::{Fed, Sent};
    use crate::testing::{Attributes, Span};
    use crate::{Attribute, Bitmap, Blob, When};

    fn set(rows: Bitmap, key: &str, when: When, values: &[i64], indices: &[u32]) -> Edit {
        let values: Vec<Vec<u8>> = values.iter().map(|value| AnyValue::from(*value).encode()).collect();
        let values: Blob = values.iter().map(Vec::as_slice).collect();
        Edit::Set { rows, attribute: Attribute::item(key), when, values, indices: indices.to_vec() }
    }

    fn rename(from: &str, to: &str) -> Edit {
        Edit::Rename { rows: Bitmap::all(3), attribute: Attribute::item(from), key: to.to_owned() }
    }

    fn after(edits: &[Edit]) -> Vec<Attributes> {
        let attributes = |keys: &[(&str, i64)]| -> Attributes {
            keys.iter().map(|(key, value)| ((*key).to_owned(), AnyValue::from(*value))).collect()
        };
        let fed = |keys| Fed::span(&Span { attributes: attributes(keys), ..Span::default() });
        let mut items = [fed(&[("a", 1)]), fed(&[("b", 2)]), fed(&[("a", 1), ("b", 2)])];
        apply(edits, &[], &mut items);
        items.map(|item| item.sent.attributes).to_vec()
    }

    fn shown(edits: &[Edit]) -> Vec<String> {
        let pair = |(key, value): (&String, &AnyValue)| match value {
            AnyValue::Integer(value) => format!("{key}={value}"),
            other => format!("{key}={other:?}"),
        };
        after(edits).iter().map(|row| row.iter().map(pair).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn edits_see_what_the_one_before_left() {
        let all = || Bitmap::all(3);
        assert_eq!(shown(&[]), ["a=1", "b=2", "a=1 b=2"]);
        assert_eq!(shown(&[set(all(), "a", When::Always, &[7], &[])]), ["a=7", "a=7 b=2", "a=7 b=2"]);
        assert_eq!(shown(&[set(all(), "a", When::Absent, &[7], &[])]), ["a=1", "a=7 b=2", "a=1 b=2"]);
        assert_eq!(shown(&[set(all(), "a", When::Present, &[7], &[])]), ["a=7", "b=2", "a=7 b=2"]);
        assert_eq!(shown(&[rename("a", "b")]), ["b=1", "b=2", "b=1"]);
        let swap = [rename("a", "c"), rename("b", "a"), rename("c", "b")];
        assert_eq!(shown(&swap), ["b=1", "a=2", "a=2 b=1"]);
        let copy = |when| Edit::Copy { rows: all(), attribute: Attribute::item("a"), key: "b".to_owned(), when };
        assert_eq!(shown(&[copy(When::Always)]), ["a=1 b=1", "b=2", "a=1 b=1"]);
        assert_eq!(shown(&[copy(When::Absent)]), ["a=1 b=1", "b=2", "a=1 b=2"]);
        assert_eq!(shown(&[copy(When::Present)]), ["a=1", "b=2", "a=1 b=1"]);
        let two = Bitmap::choose(&[0, 1, 2], |row| *row != 1);
        assert_eq!(shown(&[set(two, "a", When::Always, &[8, 9], &[1, 0])]), ["a=9", "b=2", "a=8 b=2"]);
        let remove = Edit::Remove { rows: all(), attribute: Attribute::item("a") };
        assert_eq!(shown(&[remove, set(all(), "a", When::Absent, &[7], &[])]), ["a=7", "a=7 b=2", "a=7 b=2"]);
    }

    #[test]
    fn one_value_may_come_with_indices() {
        let one = set(Bitmap::all(3), "a", When::Always, &[7], &[0, 0, 0]);
        assert_eq!(shown(&[one]), ["a=7", "a=7 b=2", "a=7 b=2"]);
    }

    #[test]
    fn no_rows_need_no_index_whatever_values_there_are() {
        for values in [&[][..], &[7], &[7, 8]] {
            assert_eq!(shown(&[set(Bitmap::new(), "a", When::Always, values, &[])]), ["a=1", "b=2", "a=1 b=2"]);
        }
    }

    fn field(name: &str, value: &AnyValue) -> Edit {
        Edit::Field {
            rows: Bitmap::all(1),
            field: name.to_owned(),
            values: Blob::one(value.encode()),
            indices: Vec::new(),
        }
    }

    fn sent_with(edits: &[Edit]) -> Sent {
        let mut items = [Fed::span(&Span { name: "before".to_owned(), kind: 2, ..Span::default() })];
        apply(edits, &[], &mut items);
        items.map(|item| item.sent)[0].clone()
    }

    #[test]
    fn fields_are_set_and_taken_away() {
        let sent = sent_with(&[
            field("name", &"after".into()),
            field("kind", &AnyValue::from(3)),
            field("kind", &AnyValue::from(0)),
        ]);
        assert_eq!((sent.name.as_str(), &sent.fields["kind"]), ("after", &AnyValue::Empty));
        let id = AnyValue::Bytes(vec![7; 8]);
        let sent = sent_with(&[field("name", &AnyValue::Empty), field("parent_span_id", &id)]);
        assert_eq!((sent.name.as_str(), &sent.fields["name"]), ("", &AnyValue::Empty));
        assert_eq!(sent.fields["parent_span_id"], id);
    }

    #[test]
    #[should_panic(expected = "`severity_text` is no field of this item that can be set")]
    fn an_item_has_the_fields_of_its_signal() {
        sent_with(&[field("severity_text", &"x".into())]);
    }

    #[test]
    #[should_panic(expected = "`kind` does not take Integer(6)")]
    fn a_kind_is_one_of_those_that_there_are() {
        sent_with(&[field("kind", &AnyValue::from(6))]);
    }

    #[test]
    #[should_panic(expected = "an index for each row")]
    fn several_values_need_indices() {
        after(&[set(Bitmap::all(3), "a", When::Always, &[7, 8], &[])]);
    }

    #[test]
    #[should_panic(expected = "index 1 of 1 values")]
    fn an_index_is_that_of_a_value() {
        after(&[set(Bitmap::all(3), "a", When::Always, &[7], &[0, 1, 0])]);
    }
}
