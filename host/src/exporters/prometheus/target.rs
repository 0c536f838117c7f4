//! What a resource becomes: the labels `job` and `instance` of its series, and a `target_info` series with the rest.
//!
//! `job` is `service.namespace/service.name`, `instance` is `service.instance.id`. A resource with neither has no
//! `target_info`: nothing could be joined with it. So that a series and its `target_info` have the same `job` and `instance`,
//! resource attributes of these names are called `resource_job` and `resource_instance`, unless they are what the series carries.

use std::sync::Arc;

use super::bounds::{LABELS_BYTES_MAX, SENDER_BYTES_MAX};
use super::family::{FamilyKind, Meta};
use super::labels::{Label, OF_RESOURCE, render};
use super::names::label_name;
use super::promoted::PromotedAttributes;
use super::series::{Point, Value};
use crate::exporters::escape::one_line;
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
    /// Job and instance as label text; empty for a resource that has neither, or where one is too long.
    pub identity: String,
    /// The label text of its `target_info`.
    pub labels: String,
    /// What every series of the resource carries.
    pub series_labels: Vec<Label>,
    /// Those of them that the exporter adds: job and instance.
    pub added: Vec<String>,
    /// How many attributes `target_info` goes without because they are too long.
    pub left_out: u64,
    /// How many attributes got another name, `job` or `instance` being taken.
    pub renamed: u64,
    /// The attributes for people, cut short.
    pub sender: String,
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
        text_name: Arc::from(name),
        kind: FamilyKind::Target,
        help: "Target metadata".to_owned(),
        unit: String::new(),
        unit_words: String::new(),
        source: "resource attributes".to_owned(),
    }
}

impl Target {
    /// Reads a resource; `promoted` are labels of the series as well.
    pub fn read(resource: &Message<'_>, promoted: &PromotedAttributes) -> Result<Target, Fault> {
        let (mut service, mut own, mut sender) = (Service::default(), Vec::new(), String::new());
        for attribute in attributes(resource, 1)? {
            let text = value::text(&attribute.value()?)?;
            describe(&mut sender, attribute.key, &text);
            let label = Label::of_attribute("", attribute.key, text.clone());
            let is_label = promoted.has(&String::from_utf8_lossy(attribute.key));
            own.push((label, service.take(attribute.key, text), is_label));
        }
        let identity_labels = service.labels();
        let mut renamed = 0;
        for name in ["job", "instance"] {
            if promoted.has(name) && !identity_labels.iter().any(|label| label.name() == name) {
                continue;
            }
            renamed += own.iter_mut().map(|(label, ..)| u64::from(label.give_way(name, OF_RESOURCE))).sum::<u64>();
        }
        let mut series_labels: Vec<Label> =
            own.iter().filter(|(.., is_label)| *is_label).map(|(label, ..)| label.clone()).collect();
        let rest = own.into_iter().filter(|(_, identifies, _)| !identifies).map(|(label, ..)| label);
        let fits = identity_labels.iter().all(Label::fits);
        let identity = if fits { render(identity_labels.clone()) } else { String::new() };
        let (labels, left_out) = if identity.is_empty() { (Vec::new(), 0) } else { fitting(&identity_labels, rest) };
        let added = identity_labels.iter().map(|label| label.name().to_owned()).collect();
        series_labels.extend(identity_labels);
        Ok(Target { identity, labels: render(labels), series_labels, added, left_out, renamed, sender })
    }
}

/// The labels of a `target_info`, as far as they have room behind those that are always there, and how many have none.
fn fitting(always: &[Label], rest: impl Iterator<Item = Label>) -> (Vec<Label>, u64) {
    let (mut labels, mut left_out) = (always.to_vec(), 0);
    let mut room = LABELS_BYTES_MAX.saturating_sub(always.iter().map(Label::length).sum());
    for label in rest {
        match room.checked_sub(label.length()).filter(|_| label.fits()) {
            Some(less) => {
                room = less;
                labels.push(label);
            }
            None => left_out += 1,
        }
    }
    (labels, left_out)
}

/// Adds an attribute, those that name the service in front.
fn describe(sender: &mut String, key: &[u8], value: &str) {
    let key_text = one_line(&String::from_utf8_lossy(key), SENDER_BYTES_MAX);
    let more = format!("{key_text}={}", one_line(value, SENDER_BYTES_MAX));
    let is_service = key.starts_with(b"service.");
    match (sender.is_empty(), is_service) {
        (true, _) => sender.push_str(&more),
        (false, true) => sender.insert_str(0, &format!("{more}, ")),
        (false, false) => sender.extend([", ", more.as_str()]),
    }
    sender.truncate(sender.floor_char_boundary(SENDER_BYTES_MAX));
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

    /// Only those that say something.
    fn labels(self) -> Vec<Label> {
        let job = match (self.namespace.as_str(), self.name.as_str()) {
            (_, "") => String::new(),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        let labels = [Label::added("job", NAME, job), Label::added("instance", INSTANCE, self.instance)];
        labels.into_iter().filter(|label| !label.is_empty()).collect()
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
        let promoted = if all_attributes { PromotedAttributes::all(false) } else { PromotedAttributes::default() };
        Target::read(&Message::whole(&resource), &promoted).unwrap()
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
    fn attributes_that_are_called_job_do_not_meet_the_services_job() {
        let pairs = [(NAME, "cart"), ("job", "mine"), ("instance", "i")];
        let target_of = |pairs, all| {
            let target = target(pairs, all);
            (target.labels, render(target.series_labels), target.renamed)
        };
        let info = r#"{job="cart",resource_instance="i",resource_job="mine"}"#.to_owned();
        assert_eq!(target_of(&pairs, false), (info, r#"{job="cart"}"#.to_owned(), 2));
        // Where all attributes are labels of the series, only what the service says gives way.
        let info = r#"{instance="i",job="cart",resource_job="mine"}"#.to_owned();
        let series = r#"{instance="i",job="cart",resource_job="mine",service_name="cart"}"#.to_owned();
        assert_eq!(target_of(&pairs, true), (info, series, 1));
    }

    #[test]
    fn the_namespace_is_in_front() {
        assert_eq!(&*meta("").base, "target_info");
        assert_eq!(&*meta("my.app").base, "my_app_target_info");
    }
}
