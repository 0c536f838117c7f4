//! `headers`: what the configuration adds to every request.

use std::collections::BTreeMap;
use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Names and values, in the order of the file. Values are secrets: neither logs nor `Debug` show them.
#[derive(Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "RawHeaders")]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

/// What the protocols set themselves.
const TAKEN: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Headers {
    /// Puts them into a request in place of what is there under their names.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Puts those into an answer that are not there yet.
    pub fn add(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// Why a request cannot carry this header, or the header.
    pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
        let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
        if TAKEN.contains(&header.as_str()) || header.as_str().starts_with("grpc-") {
            return Err(format!("header `{name}` is set by the protocol: leave it out"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of header `{name}` has characters that a header cannot carry"))?;
        value.set_sensitive(true);
        Ok((header, value))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

/// The two forms, as they are written.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what `HeadersVisitor` reads")]
enum RawHeaders {
    ByName(BTreeMap<String, String>),
    List(Vec<NameAndValue>),
}

/// The Collector's other form: a list.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NameAndValue {
    /// The header.
    name: String,
    /// What it says.
    value: String,
}

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers by name, such as `x-tenant: shop`")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            headers.push(Headers::header(&name, &value).map_err(de::Error::custom)?);
        }
        Ok(Headers(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(NameAndValue { name, value }) = list.next_element()? {
            headers.push(Headers::header(&name, &value).map_err(de::Error::custom)?);
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_values_are_not_shown() -> Result<(), serde_json::Error> {
        let map: Headers = serde_json::from_str(r#"{"X-Tenant": "shop"}"#)?;
        let list: Headers = serde_json::from_str(r#"[{"name": "x-tenant", "value": "shop"}]"#)?;
        assert_eq!(map, list);
        assert_eq!(format!("{map:?}"), r#"["x-tenant"]"#);
        let mut request =
            HeaderMap::from_iter([(HeaderName::from_static("x-tenant"), HeaderValue::from_static("old"))]);
        map.apply(&mut request);
        assert_eq!(request.get("x-tenant").map(HeaderValue::as_bytes), Some(&b"shop"[..]));
        assert!(!format!("{request:?}").contains("shop"));
        Ok(())
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (json, words) in [
            (r#"{"x tenant": "a"}"#, "no header name"),
            (r#"{"x-tenant": "a\nb"}"#, "cannot carry"),
            (r#"{"Content-Type": "a"}"#, "set by the protocol"),
            (r#"{"grpc-timeout": "a"}"#, "set by the protocol"),
        ] {
            let error = serde_json::from_str::<Headers>(json).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{json}: {error:?}");
        }
    }
}
