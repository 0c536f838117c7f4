//! Attributes, resources and scopes.

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::Writer;

impl Writer<'_> {
    pub fn any_value(&mut self, value: &AnyValue) -> String {
        let member = match &value.value {
            None => return self.object(Vec::new()),
            Some(Value::StringValue(text)) => ("stringValue", self.text(text)),
            Some(Value::BoolValue(value)) => ("boolValue", value.to_string()),
            Some(Value::IntValue(value)) => ("intValue", self.integer(i128::from(*value))),
            Some(Value::DoubleValue(value)) => ("doubleValue", self.double(*value)),
            Some(Value::ArrayValue(list)) => {
                let values = self.list(&list.values, Writer::any_value);
                ("arrayValue", self.object(vec![("values", values)]))
            }
            Some(Value::KvlistValue(map)) => {
                let values = self.list(&map.values, Writer::attribute);
                ("kvlistValue", self.object(vec![("values", values)]))
            }
            Some(Value::BytesValue(bytes)) => ("bytesValue", self.base64(bytes)),
            Some(Value::StringValueStrindex(index)) => ("stringValueStrindex", self.integer(i128::from(*index))),
        };
        self.object(vec![(member.0, Some(member.1))])
    }

    pub fn attribute(&mut self, attribute: &KeyValue) -> String {
        let members = vec![
            ("key", self.string(&attribute.key)),
            ("value", attribute.value.as_ref().map(|value| self.any_value(value))),
            ("keyStrindex", self.number(attribute.key_strindex)),
        ];
        self.object(members)
    }

    pub fn attributes(&mut self, attributes: &[KeyValue]) -> Option<String> {
        self.list(attributes, Writer::attribute)
    }

    pub fn resource(&mut self, resource: &Option<Resource>) -> Option<String> {
        let resource = resource.as_ref()?;
        let members = vec![
            ("attributes", self.attributes(&resource.attributes)),
            ("droppedAttributesCount", self.number(resource.dropped_attributes_count)),
            ("entityRefs", self.list(&resource.entity_refs, Writer::entity_ref)),
        ];
        Some(self.object(members))
    }

    fn entity_ref(&mut self, entity: &EntityRef) -> String {
        let members = vec![
            ("schemaUrl", self.string(&entity.schema_url)),
            ("type", self.string(&entity.r#type)),
            ("idKeys", self.list(&entity.id_keys, |writer, key| writer.text(key))),
            ("descriptionKeys", self.list(&entity.description_keys, |writer, key| writer.text(key))),
        ];
        self.object(members)
    }

    pub fn scope(&mut self, scope: &Option<InstrumentationScope>) -> Option<String> {
        let scope = scope.as_ref()?;
        let members = vec![
            ("name", self.string(&scope.name)),
            ("version", self.string(&scope.version)),
            ("attributes", self.attributes(&scope.attributes)),
            ("droppedAttributesCount", self.number(scope.dropped_attributes_count)),
        ];
        Some(self.object(members))
    }
}
