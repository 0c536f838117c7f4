//! The `headers_setter` extension: headers of outgoing requests from fixed texts or from what the sender's request said.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ClientAuthenticator, ComponentId, Metadata, Secret};
use crate::families::{
    ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, MetadataUse, Role, Stability,
};
use crate::net::Headers;

/// The Collector's keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What happens to which header, in that order.
    headers: Vec<Rule>,
}

/// The type `headers_setter`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["headers_setter"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;

    fn metadata(config: &Config) -> Vec<MetadataUse> {
        let of_rule = |rule: &Rule| match &rule.source {
            HeaderSource::Metadata { name, .. } => Some(MetadataUse { key: "from_context", name: name.clone() }),
            _ => None,
        };
        config.headers.iter().filter_map(of_rule).collect()
    }
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::ClientAuthenticator];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(Extension { client: Some(Arc::new(HeadersSetter::new(config))), ..Extension::default() })
    }
}

/// What happens to one header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawRule")]
#[schemars(with = "RawRule")]
struct Rule {
    name: HeaderName,
    action: Action,
    source: HeaderSource,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Where it is not there yet.
    Insert,
    /// Where it is there already.
    Update,
    /// In any case.
    #[default]
    Upsert,
    /// Takes it out.
    Delete,
}

#[derive(Debug, Clone)]
enum HeaderSource {
    /// Of `delete`.
    Nothing,
    Value(HeaderValue),
    /// A name of request metadata, and what stands in where the request did not have it.
    Metadata {
        name: String,
        default: Option<HeaderValue>,
    },
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawRule {
    /// What happens.
    action: Action,
    /// The name of the header.
    key: String,
    /// What it says.
    value: Option<Secret>,
    /// A header of the request that came in, whose value it says: the receiver's `include_metadata` keeps it.
    #[schemars(extend("x-collector" = "same; what is never kept of a request is refused"))]
    from_context: Option<String>,
    /// What it says where the request had none.
    default_value: Option<Secret>,
}

impl TryFrom<RawRule> for Rule {
    type Error = String;

    fn try_from(raw: RawRule) -> Result<Rule, String> {
        let RawRule { action, key, value, from_context, default_value } = raw;
        if key.is_empty() {
            return Err("`key` is missing: write the header's name".to_owned());
        }
        if let Some(name) = from_context.as_deref().filter(|name| Metadata::is_never_kept(name)) {
            return Err(format!(
                "`from_context` names `{name}`, which is not kept of a request: queues keep what is, on disk too; an extension such as `bearertokenauth` signs in, and a header of another name goes through"
            ));
        }
        let header = |value: &str| Headers::header(&key, value);
        let (name, _) = header("")?;
        let fixed = |value: Option<Secret>| value.map(|value| header(value.reveal())).transpose();
        let (value, default) = (fixed(value)?, fixed(default_value)?.map(|(_, value)| value));
        let value = value.map(|(_, value)| value);
        let source = match (action, value, from_context) {
            (Action::Delete, None, None) => HeaderSource::Nothing,
            (Action::Delete, ..) => return Err("`delete` needs neither `value` nor `from_context`".to_owned()),
            (_, Some(value), None) if default.is_none() => HeaderSource::Value(value),
            (_, None, Some(name)) => HeaderSource::Metadata { name: name.to_ascii_lowercase(), default },
            _ => {
                return Err(format!(
                    "header `{name}` needs either `value`, or `from_context` with or without `default_value`"
                ));
            }
        };
        Ok(Rule { name, action, source })
    }
}

/// The extension.
pub struct HeadersSetter {
    rules: Vec<Rule>,
}

impl HeadersSetter {
    /// The extension by its configuration.
    pub fn new(config: Config) -> HeadersSetter {
        HeadersSetter { rules: config.headers }
    }
}

impl Rule {
    fn apply(&self, metadata: &Metadata, headers: &mut HeaderMap) {
        let is_there = headers.contains_key(&self.name);
        match self.action {
            Action::Delete => drop(headers.remove(&self.name)),
            Action::Insert if is_there => {}
            Action::Update if !is_there => {}
            Action::Insert | Action::Update | Action::Upsert => {
                let values = self.source.values(metadata);
                // A request that did not say it leaves the header as it is.
                for (at, value) in values.into_iter().enumerate() {
                    match at {
                        0 => drop(headers.insert(self.name.clone(), value)),
                        _ => drop(headers.append(self.name.clone(), value)),
                    }
                }
            }
        }
    }
}

impl HeaderSource {
    fn values(&self, metadata: &Metadata) -> Vec<HeaderValue> {
        match self {
            HeaderSource::Nothing => Vec::new(),
            HeaderSource::Value(value) => vec![value.clone()],
            HeaderSource::Metadata { name, default } => {
                let found: Vec<HeaderValue> = metadata.values(name).filter_map(sensitive).collect();
                if found.is_empty() { default.iter().cloned().collect() } else { found }
            }
        }
    }
}

/// What came in a header fits into one.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl ClientAuthenticator for HeadersSetter {
    fn authenticate(&self, metadata: &Metadata, headers: &mut HeaderMap) -> Result<(), String> {
        self.rules.iter().for_each(|rule| rule.apply(metadata, headers));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of `x-a: 1` and of the metadata `tenant: shop, bakery`.
    fn after(rules: &str) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
        let setter = HeadersSetter::new(serde_json::from_str(&format!(r#"{{"headers": [{rules}]}}"#))?);
        let pair = |value: &str| ("tenant".to_owned(), value.to_owned());
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("1"))]);
        setter.authenticate(&Metadata::new(vec![pair("shop"), pair("bakery")]), &mut headers)?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    #[test]
    fn actions_are_the_collectors() -> Result<(), Box<dyn std::error::Error>> {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (rules, expected) in [
            (r#"{"action": "insert", "key": "X-A", "value": "2"}"#, pairs(&[("x-a", "1")])),
            (r#"{"action": "insert", "key": "X-B", "value": "2"}"#, pairs(&[("x-a", "1"), ("x-b", "2")])),
            (r#"{"action": "update", "key": "X-A", "value": "2"}"#, pairs(&[("x-a", "2")])),
            (r#"{"action": "update", "key": "X-B", "value": "2"}"#, pairs(&[("x-a", "1")])),
            (r#"{"key": "X-A", "value": "2"}"#, pairs(&[("x-a", "2")])),
            (r#"{"action": "delete", "key": "X-A"}"#, pairs(&[])),
            (r#"{"key": "X-A", "from_context": "Tenant"}"#, pairs(&[("x-a", "shop"), ("x-a", "bakery")])),
            (r#"{"key": "X-A", "from_context": "region"}"#, pairs(&[("x-a", "1")])),
            (r#"{"key": "X-A", "from_context": "region", "default_value": "eu"}"#, pairs(&[("x-a", "eu")])),
        ] {
            assert_eq!(after(rules)?, expected, "{rules}");
        }
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write() {
        for (rule, words) in [
            (r#"{"value": "2"}"#, "`key` is missing"),
            (r#"{"key": "x"}"#, "needs either `value`"),
            (r#"{"key": "x", "value": "1", "from_context": "y"}"#, "needs either `value`"),
            (r#"{"key": "x", "value": "1", "default_value": "y"}"#, "needs either `value`"),
            (r#"{"key": "x", "action": "delete", "value": "1"}"#, "needs neither"),
            (r#"{"key": "x y", "value": "1"}"#, "no header name"),
            (r#"{"key": "content-type", "value": "1"}"#, "set by the protocol"),
        ] {
            let error = serde_json::from_str::<Config>(&format!(r#"{{"headers": [{rule}]}}"#)).err();
            assert!(error.as_ref().is_some_and(|error| error.to_string().contains(words)), "{rule}: {error:?}");
        }
    }
}
