//! The labels of an instrumentation scope: `otel_scope_name`, `otel_scope_version`, `otel_scope_schema_url` and
//! `otel_scope_<attribute>`.

use super::labels::Label;
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::wire::Fault;

const PREFIX: &str = "otel_scope_";
/// The label of the scope's name.
pub const NAME: &str = "otel_scope_name";

/// What the specification keeps for the scope's own fields: attributes that would take these names are left out.
const RESERVED: [&str; 3] = [NAME, "otel_scope_version", "otel_scope_schema_url"];

/// What a scope adds to its series.
#[derive(Debug, Default)]
pub struct Scope {
    /// Its labels. What it does not say has none.
    pub labels: Vec<Label>,
    /// Attributes that had to be left out because their labels are the scope's own fields.
    pub left_out: u64,
}

impl Scope {
    /// Reads an `InstrumentationScope`, which stands beside its schema URL.
    pub fn read(scope: &Message<'_>, schema_url: &[u8]) -> Result<Scope, Fault> {
        let mut own: [&[u8]; 3] = [&[], &[], schema_url];
        let [name, version, _] = &mut own;
        scope.each_field(|field| {
            match field.number {
                1 => *name = field.value.bytes(field.raw)?,
                2 => *version = field.value.bytes(field.raw)?,
                _ => {}
            }
            Ok(())
        })?;
        let own = RESERVED.into_iter().zip(own).filter(|(_, text)| !text.is_empty());
        let own = own.map(|(label, text)| Label::added(label, label, String::from_utf8_lossy(text).into_owned()));
        let mut read = Scope { labels: own.collect(), left_out: 0 };
        for attribute in attributes(scope, 3)? {
            let label = Label::of_attribute(PREFIX, attribute.key, value::text(&attribute.value()?)?);
            if RESERVED.contains(&label.name()) {
                read.left_out += 1;
            } else {
                read.labels.push(label);
            }
        }
        Ok(read)
    }
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
        let read = Scope::read(&Message::whole(&scope), b"u1").unwrap();
        assert_eq!(read.left_out, 2);
        let expected = r#"{otel_scope_name="my.library",otel_scope_schema_url="u1",otel_scope_short_name="z"}"#;
        assert_eq!(render(read.labels), expected);
    }

    #[test]
    fn an_empty_scope_has_no_labels() {
        assert_eq!(render(Scope::read(&Message::default(), b"").unwrap().labels), "");
    }
}
