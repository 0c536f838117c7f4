//! What a resource becomes: the labels `job` and `instance` of its series, and a `target_info` series with the rest.
//!
//! `job` is `service.namespace/service.name`, `instance` is `service.instance.id`. A resource with neither has no
//! `target_info`: nothing could be joined with it.

use std::sync::Arc;

use super::family::{FamilyKind, Meta};
use super::labels::{Label, render};
use super::names::label_name;
use super::series::{Point, Value};
use crate::exporters::value;
use crate::otlp::attribute::attributes;
use crate::otlp::message::Message;
use crate::otlp::wire::Fault;

const NAMESPACE: &str = "service.namespace";
const NAME: &str = "service.name";
const INSTANCE: &str = "service.instance.id";

/// The labels that come from one resource.
#[derive(Debug)]
pub struct Target {
    /// Job and instance as label text; empty for a resource that has neither.
    pub identity: String,
    /// The label text of its `target_info`.
    pub labels: String,
    /// What every series of the resource carries.
    pub series_labels: Vec<Label>,
}

/// What a `target_info` series shows.
pub const POINT: Point = Point { value: Value::Integer(1), start_time: 0, time: 0 };

/// The family of `target_info`.
pub fn meta(namespace: &str) -> Meta {
    let name = match label_name(namespace).trim_matches('_') {
        "" => "target_info".to_owned(),
        namespace => format!("{namespace}_target_info"),
    };
    Meta {
        base: Arc::from(name.as_str()),
        text_name: name,
        kind: FamilyKind::Target,
        help: "Target metadata".to_owned(),
        unit: String::new(),
        source: "resource attributes".to_owned(),
    }
}

impl Target {
    /// Reads a resource; with `all_attributes`, every attribute is a label of the series as well.
    pub fn read(resource: &Message<'_>, all_attributes: bool) -> Result<Target, Fault> {
        let mut service = Service::default();
        let (mut rest, mut series_labels) = (Vec::new(), Vec::new());
        for attribute in attributes(resource, 1)? {
            let text = value::text(&attribute.value()?)?;
            let label = Label::of_attribute("", attribute.key, text.clone());
            if all_attributes {
                series_labels.push(label.clone());
            }
            if !service.take(attribute.key, text) {
                rest.push(label);
            }
        }
        let identity_labels = service.labels();
        let identity = render(identity_labels.clone());
        rest.extend_from_slice(&identity_labels);
        series_labels.extend(identity_labels);
        Ok(Target { identity, labels: render(rest), series_labels })
    }
}

#[derive(Debug, Default)]
struct Service {
    namespace: String,
    name: String,
    instance: String,
}

impl Service {
    /// Takes the value of an attribute that identifies the service; `false` for other attributes.
    fn take(&mut self, key: &[u8], value: String) -> bool {
        let place = match key {
            key if key == NAMESPACE.as_bytes() => &mut self.namespace,
            key if key == NAME.as_bytes() => &mut self.name,
            key if key == INSTANCE.as_bytes() => &mut self.instance,
            _ => return false,
        };
        *place = value;
        true
    }

    fn labels(self) -> Vec<Label> {
        let job = match (self.namespace.as_str(), self.name.as_str()) {
            (_, "") => String::new(),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        vec![Label::added("job", NAME, job), Label::added("instance", INSTANCE, self.instance)]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::otlp::wire::put_bytes;

    fn target(pairs: &[(&str, &str)], all_attributes: bool) -> Target {
        let mut resource = Vec::new();
        for (key, value) in pairs {
            let (mut any, mut entry) = (Vec::new(), Vec::new());
            put_bytes(&mut any, 1, value.as_bytes());
            put_bytes(&mut entry, 1, key.as_bytes());
            put_bytes(&mut entry, 2, &any);
            put_bytes(&mut resource, 1, &entry);
        }
        Target::read(&Message::whole(&resource), all_attributes).unwrap()
    }

    #[test]
    fn the_service_is_job_and_instance_and_the_rest_is_information() {
        let target = target(&[(NAME, "cart"), (NAMESPACE, "shop"), (INSTANCE, "i-1"), ("host.name", "h")], false);
        assert_eq!(target.identity, r#"{instance="i-1",job="shop/cart"}"#);
        assert_eq!(target.labels, r#"{host_name="h",instance="i-1",job="shop/cart"}"#);
        assert_eq!(render(target.series_labels), target.identity);
    }

    #[test]
    fn a_resource_without_a_service_identifies_no_target() {
        assert_eq!(target(&[("host.name", "h"), (NAMESPACE, "shop")], false).identity, "");
        assert_eq!(target(&[(INSTANCE, "i-1")], false).identity, r#"{instance="i-1"}"#);
    }

    #[test]
    fn all_attributes_are_labels_when_asked_for() {
        let labels = render(target(&[(NAME, "cart"), ("host.name", "h")], true).series_labels);
        assert_eq!(labels, r#"{host_name="h",job="cart",service_name="cart"}"#);
    }

    #[test]
    fn the_namespace_is_in_front() {
        assert_eq!(&*meta("").base, "target_info");
        assert_eq!(&*meta("my.app").base, "my_app_target_info");
    }
}
