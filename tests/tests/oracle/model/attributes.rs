//! Edits of one list of attributes.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use otelier::otlp::edit::{Action, Edits, When};

/// What is asked for at one level of an item: edits by number, each with the value it sets.
pub type Steps = Vec<(usize, usize)>;

/// Makes edits in order, each on what the one before left.
pub fn edit_attributes(attributes: &mut Vec<KeyValue>, edits: &Edits, steps: &Steps) {
    for (number, value) in steps {
        let edit = &edits.attributes[*number];
        let key = text(&edit.key);
        match &edit.action {
            Action::Remove => attributes.retain(|attribute| attribute.key != key),
            Action::Rename(to) => rename(attributes, &key, &text(to)),
            Action::Set { when, values, .. } => {
                set(attributes, &key, *when, Some(super::decode(&values[*value])));
            }
            Action::SetMany { sets, .. } => {
                for (key, value) in &sets[*value] {
                    set(attributes, &text(key), When::Always, Some(super::decode(value)));
                }
            }
            Action::RemoveMany { sets, .. } => {
                attributes.retain(|attribute| !sets[*value].iter().any(|key| **key == *attribute.key.as_bytes()));
            }
            Action::Copy { when, key: to } => {
                let from = attributes.iter().rfind(|attribute| attribute.key == key).cloned();
                if let Some(from) = from.filter(|_| edit.key != *to) {
                    set(attributes, &text(to), *when, from.value);
                }
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What had the new key is replaced; nothing happens where the old one is not there.
fn rename(attributes: &mut Vec<KeyValue>, from: &str, to: &str) {
    if from != to && attributes.iter().any(|attribute| attribute.key == from) {
        attributes.retain(|attribute| attribute.key != to);
        let named = attributes.iter_mut().filter(|attribute| attribute.key == from);
        named.for_each(|attribute| attribute.key = to.to_owned());
    }
}

/// The first that stands under the key is replaced, repetitions go, a new one comes last.
fn set(attributes: &mut Vec<KeyValue>, key: &str, when: When, value: Option<AnyValue>) {
    let new = KeyValue { key: key.to_owned(), value, key_strindex: 0 };
    let first = attributes.iter().position(|attribute| attribute.key == key);
    match (first, when) {
        (Some(_), When::Absent) | (None, When::Present) => {}
        (None, _) => attributes.push(new),
        (Some(first), _) => {
            attributes[first] = new;
            let mut place = 0..;
            attributes.retain(|attribute| place.next() == Some(first) || attribute.key != key);
        }
    }
}
