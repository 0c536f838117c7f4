//! Attributes of the host's own telemetry, and the resource that it is from.

use std::fmt;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// True or false.
    Bool(bool),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeValue::Text(text) => f.write_str(text),
            AttributeValue::Integer(number) => number.fmt(f),
            AttributeValue::Double(number) => number.fmt(f),
            AttributeValue::Bool(value) => value.fmt(f),
        }
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> AttributeValue {
        AttributeValue::Text(text)
    }
}

/// A count; one that is more than OTLP can say is the most it can.
impl From<u64> for AttributeValue {
    fn from(count: u64) -> AttributeValue {
        AttributeValue::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// What an attribute of the resource is in place of what it would be: its value, or `None` where it is left out.
pub type ResourceChange = (String, Option<AttributeValue>);

/// This process: `service.name`, `service.version`, `service.instance.id`, which is new at every start, and what the configuration adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// By name, each once.
    pub attributes: Vec<(String, AttributeValue)>,
}

impl Resource {
    /// With changes of the configuration.
    pub fn new(changes: &[ResourceChange]) -> Resource {
        let defaults = [
            ("service.name", "otelier".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", instance_id()),
        ];
        let is_changed = |name: &str| changes.iter().any(|(changed, _)| changed == name);
        let kept = defaults.into_iter().filter(|(name, _)| !is_changed(name));
        let kept = kept.map(|(name, value)| (name.to_owned(), AttributeValue::Text(value)));
        let added = changes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        Resource { attributes: kept.chain(added).collect() }
    }

    /// Names and values as labels.
    pub fn labels(&self) -> Vec<(String, String)> {
        self.attributes.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }
}

/// A random UUID (RFC 9562, version 4).
fn instance_id() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_adds_replaces_and_leaves_out() {
        let changes = [
            ("service.name".to_owned(), Some("edge".into())),
            ("service.version".to_owned(), None),
            ("floor".to_owned(), Some(AttributeValue::Integer(3))),
        ];
        let labels = Resource::new(&changes).labels();
        let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["service.instance.id", "service.name", "floor"]);
        assert_eq!(labels.last().map(|(_, value)| value.as_str()), Some("3"));
    }

    #[test]
    fn an_instance_has_a_random_uuid() {
        let (one, other) = (instance_id(), instance_id());
        assert_ne!(one, other);
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(one.get(14..15), Some("4"));
        assert!(one.get(19..20).is_some_and(|variant| "89ab".contains(variant)), "{one}");
    }
}
