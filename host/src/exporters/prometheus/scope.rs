//! The labels of an instrumentation scope: `otel_scope_name`, `otel_scope_version` and `otel_scope_<attribute>`.

use super::labels::Label;
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::wire::Fault;

const PREFIX: &str = "otel_scope_";

/// What the specification keeps for the scope's own fields: attributes that would take these names are left out.
const RESERVED: [&str; 3] = ["otel_scope_name", "otel_scope_version", "otel_scope_schema_url"];

/// Reads an `InstrumentationScope`. What it does not name has no label.
pub fn labels(scope: &Message<'_>) -> Result<Vec<Label>, Fault> {
    let (mut name, mut version) = (String::new(), String::new());
    scope.each_field(|field| {
        let place = match field.number {
            1 => &mut name,
            2 => &mut version,
            _ => return Ok(()),
        };
        *place = String::from_utf8_lossy(field.value.bytes(field.raw)?).into_owned();
        Ok(())
    })?;
    let [name_label, version_label, _] = RESERVED;
    let mut labels =
        vec![Label::added(name_label, name_label, name), Label::added(version_label, version_label, version)];
    for attribute in attributes(scope, 3)? {
        let label = Label::of_attribute(PREFIX, attribute.key, value::text(&attribute.value()?)?);
        if !RESERVED.contains(&label.name()) {
            labels.push(label);
        }
    }
    Ok(labels)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::labels::render;
    use super::*;
    use crate::otlp::wire::put_bytes;

    #[test]
    fn attributes_cannot_take_the_scopes_own_names() {
        let mut scope = Vec::new();
        put_bytes(&mut scope, 1, b"my.library");
        for (key, text) in [("name", "x"), ("schema.url", "y"), ("short.name", "z")] {
            let (mut any, mut entry) = (Vec::new(), Vec::new());
            put_bytes(&mut any, 1, text.as_bytes());
            put_bytes(&mut entry, 1, key.as_bytes());
            put_bytes(&mut entry, 2, &any);
            put_bytes(&mut scope, 3, &entry);
        }
        let labels = labels(&Message::whole(&scope)).unwrap();
        assert_eq!(render(labels), r#"{otel_scope_name="my.library",otel_scope_short_name="z"}"#);
    }

    #[test]
    fn an_empty_scope_has_no_labels() {
        assert_eq!(render(labels(&Message::default()).unwrap()), "");
    }
}
