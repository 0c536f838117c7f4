//! The label text of a series: `{code="200",job="shop"}`, sorted, escaped, rendered once when the series is made.
//!
//! Different attributes can end in the same label. Then their values are joined with `;` in the order of the original keys, as
//! the specification says. A label with an empty value is left out: to Prometheus it is the same as no label, so writing it
//! could give one series twice.

use std::borrow::Cow;

use super::names::label_name;

/// Bound on the text of a series' labels before they are escaped, in bytes.
pub const LABELS_MAX: usize = 64 << 10;

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

    /// Appends what tells this label from others. The separators cannot be part of a text.
    pub fn identify(&self, bytes: &mut Vec<u8>) {
        for text in [&self.name, &self.original_key, &self.value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0xff);
        }
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

/// Renders labels with their braces; nothing for no labels. Of labels with the same name and the same original key the last
/// one counts.
pub fn render(mut labels: Vec<Label>) -> String {
    // Stable: of equal keys, later ones stay behind earlier ones.
    labels.sort_by(|a, b| (&a.name, &a.original_key).cmp(&(&b.name, &b.original_key)));
    let mut out = String::new();
    for group in labels.chunk_by(|a, b| a.name == b.name) {
        let value = joined(group);
        let (Some(label), false) = (group.first(), value.is_empty()) else {
            continue;
        };
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&label.name);
        out.push_str("=\"");
        escape(&mut out, &value, true);
        out.push('"');
    }
    if !out.is_empty() {
        out.push('}');
    }
    out
}

fn joined(group: &[Label]) -> Cow<'_, str> {
    if let [label] = group {
        return Cow::Borrowed(&label.value);
    }
    let values: Vec<&str> = group
        .chunk_by(|a, b| a.original_key == b.original_key)
        .filter_map(|same_key| same_key.last())
        .map(|label| label.value.as_str())
        .collect();
    Cow::Owned(values.join(";"))
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
    fn keys_that_are_not_utf8_are_sanitized() {
        let labels = vec![Label::of_attribute("otel_scope_", b"k\xff", "v".to_owned())];
        assert_eq!(render(labels), r#"{otel_scope_k_="v"}"#);
    }
}
