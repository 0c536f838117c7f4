//! The label text of a series: `{code="200",job="shop"}`, sorted, escaped, rendered once when the series is made.
//!
//! Different attributes can end in the same label. Then their values are joined with `;` in the order of the original keys, as
//! the specification says; equal values stand there once. A label with an empty value is left out: to Prometheus it is the same
//! as no label, so writing it could give one series twice. What the exporter adds empty takes no part in a join.
//!
//! A name that the exposition itself writes (`le`, `quantile`) never meets a sender's label: the sender's is renamed as a
//! Prometheus server renames what clashes with its own labels, to `exported_le`. A point's label that has the name of one that the
//! resource's service or the scope writes is `point_<name>`.

use std::collections::HashSet;

use super::bounds::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX};
use super::names::label_name;

/// In front of a sender's label whose name the exposition writes itself.
pub const EXPORTED: &str = "exported_";
/// In front of a resource's attribute called `job` or `instance`. A Prometheus server without `honor_labels` renames the exposed
/// `job` to `exported_job`; of series that have that label already it would make another name, and they could not be joined.
pub const OF_RESOURCE: &str = "resource_";
/// In front of a point's label that would meet one of the service or the scope, for the same reason.
pub const OF_POINT: &str = "point_";

/// One label before collisions are resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The name in the exposition.
    name: String,
    /// The attribute key it came from; decides the order of joined values.
    original_key: String,
    /// The value, not escaped.
    value: String,
}

impl Label {
    /// The label of an attribute. `prefix` is put in front of the key, as `otel_scope_` is for scope attributes.
    pub fn of_attribute(prefix: &str, key: &[u8], value: String) -> Label {
        let original_key = String::from_utf8_lossy(key).into_owned();
        let name = match prefix {
            "" => label_name(&original_key),
            prefix => label_name(&format!("{prefix}{original_key}")),
        };
        Label { name, original_key, value }
    }

    /// A label that the specification or the configuration adds, from `original_key`.
    pub fn added(name: &str, original_key: &str, value: String) -> Label {
        Label { name: name.to_owned(), original_key: original_key.to_owned(), value }
    }

    /// The value, not escaped.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Leaves a name to the exporter, which writes it itself, and has it with `prefix` in front. Returns whether it had that name.
    pub fn give_way(&mut self, name: &str, prefix: &str) -> bool {
        let gives_way = self.name == name;
        if gives_way {
            self.name.insert_str(0, prefix);
        }
        gives_way
    }

    /// Appends what tells this label from others. The separators cannot be part of a text.
    pub fn identify(&self, bytes: &mut Vec<u8>) {
        for text in [&self.name, &self.original_key, &self.value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0xff);
        }
    }

    /// Whether neither its name nor its value is too long.
    pub fn fits(&self) -> bool {
        self.name.len() <= LABEL_NAME_BYTES_MAX && self.value.len() <= LABEL_VALUE_BYTES_MAX
    }

    /// How much text it is, in bytes.
    pub fn length(&self) -> usize {
        self.name.len() + self.value.len()
    }

    /// The name in the exposition.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Renders labels with their braces; nothing for no labels.
pub fn render(labels: Vec<Label>) -> String {
    let mut out = String::new();
    for (name, value) in resolve(labels) {
        out.push(if out.is_empty() { '{' } else { ',' });
        write(&mut out, &name, &value);
    }
    if !out.is_empty() {
        out.push('}');
    }
    out
}

/// Appends `name="value"`, escaped.
pub fn write(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    escape(out, value, true);
    out.push('"');
}

/// Names and values, ascending by name, none twice and none empty. Of labels with the same name and the same original key the
/// last one counts.
pub fn resolve(mut labels: Vec<Label>) -> Vec<(String, String)> {
    // Stable: of equal keys, later ones stay behind earlier ones.
    labels.sort_by(|a, b| (&a.name, &a.original_key).cmp(&(&b.name, &b.original_key)));
    let mut resolved = Vec::with_capacity(labels.len());
    let mut rest = labels.into_iter().peekable();
    while let Some(label) = rest.next() {
        let (name, mut key, mut values) = (label.name, label.original_key, vec![label.value]);
        while let Some(next) = rest.next_if(|next| next.name == name) {
            if next.original_key == key {
                values.pop();
            }
            key = next.original_key;
            values.push(next.value);
        }
        let value = joined(values);
        if !value.is_empty() {
            resolved.push((name, value));
        }
    }
    resolved
}

fn joined(mut values: Vec<String>) -> String {
    if values.len() < 2 {
        return values.pop().unwrap_or_default();
    }
    let mut seen = HashSet::new();
    values.iter().map(String::as_str).filter(|value| seen.insert(*value)).collect::<Vec<_>>().join(";")
}

/// Escapes a label value or, with `quotes` off, a HELP text of the Prometheus text format.
pub fn escape(out: &mut String, text: &str, quotes: bool) {
    let mut rest = text;
    // Nearly always there is nothing to escape.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'\n') || quotes && byte == b'"') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match special.as_bytes().first() {
            Some(b'\n') => "\\n",
            Some(b'"') => "\\\"",
            _ => "\\\\",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: &str) -> Label {
        Label::of_attribute("", key.as_bytes(), value.to_owned())
    }

    #[test]
    fn labels_are_sorted_and_escaped() {
        let labels = vec![attribute("path", "a\\b\"c\nd"), attribute("code", "200")];
        assert_eq!(render(labels), r#"{code="200",path="a\\b\"c\nd"}"#);
        assert_eq!(render(Vec::new()), "");
    }

    #[test]
    fn collisions_are_joined_in_the_order_of_the_original_keys() {
        let labels = vec![attribute("a_b", "second"), attribute("a.b", "first"), attribute("a-b", "zeroth")];
        assert_eq!(render(labels), r#"{a_b="zeroth;first;second"}"#);
    }

    #[test]
    fn of_one_key_the_last_value_counts() {
        let labels = vec![attribute("env", "dev"), Label::added("env", "env", "prod".to_owned())];
        assert_eq!(render(labels), r#"{env="prod"}"#);
    }

    #[test]
    fn empty_values_are_left_out() {
        assert_eq!(render(vec![attribute("a", ""), attribute("b", "1")]), r#"{b="1"}"#);
        assert_eq!(render(vec![attribute("a", "")]), "");
    }

    #[test]
    fn equal_values_are_joined_to_one() {
        assert_eq!(render(vec![attribute("a.b", "foo"), attribute("a_b", "foo")]), r#"{a_b="foo"}"#);
        let labels = ["a.b", "a-b", "a_b"].map(|key| attribute(key, if key == "a.b" { "x" } else { "foo" }));
        assert_eq!(render(labels.to_vec()), r#"{a_b="foo;x"}"#);
    }

    #[test]
    fn a_label_gives_way_to_one_that_the_exposition_writes() {
        let mut labels = vec![attribute("le", "x"), attribute("exported_le", "y"), attribute("l", "e")];
        assert_eq!(
            labels.iter_mut().map(|label| label.give_way("le", EXPORTED)).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(render(labels), r#"{exported_le="y;x",l="e"}"#);
    }

    #[test]
    fn keys_that_are_not_utf8_are_sanitized() {
        let labels = vec![Label::of_attribute("otel_scope_", b"k\xff", "v".to_owned())];
        assert_eq!(render(labels), r#"{otel_scope_k_="v"}"#);
    }
}
