//! Who is asking: what extensions do for clients that must say so, and for servers that want to know.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::{ComponentId, Metadata};

/// Puts into each request of a client what its destination wants to see.
pub trait ClientAuthenticator: Send + Sync + 'static {
    /// Adds to a request's headers; `metadata` is the batch's. An error, in words that name no secret, is a failed attempt.
    fn authenticate(&self, metadata: &Metadata, headers: &mut HeaderMap) -> Result<(), String>;
}

/// Looks at each request to a server before its body is read.
pub trait ServerAuthenticator: Send + Sync + 'static {
    /// Lets a request in, or says, in words that name no secret, why not.
    fn authenticate(&self, headers: &HeaderMap) -> Result<(), String>;

    /// What `WWW-Authenticate` asks for: `Bearer`, `Basic realm="otelier"`.
    fn challenge(&self) -> &str;

    /// The header in which a request has its secret.
    fn header(&self) -> &HeaderName;
}

/// A client's authenticator, where it has one.
pub type Credentials = Option<Arc<dyn ClientAuthenticator>>;

/// The extensions that know who is who. One may be both.
#[derive(Clone, Default)]
pub struct Authenticators {
    clients: HashMap<ComponentId, Arc<dyn ClientAuthenticator>>,
    servers: HashMap<ComponentId, Arc<dyn ServerAuthenticator>>,
}

/// A name that stands for no authenticator of the kind that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`auth`: {id} is no extension that authenticates a {side}; define one under `extensions` and list it under `service.extensions`"
)]
pub struct NoAuthenticator {
    id: ComponentId,
    side: &'static str,
}

impl Authenticators {
    /// Adds one for clients.
    pub fn add_client(&mut self, id: ComponentId, authenticator: Arc<dyn ClientAuthenticator>) {
        self.clients.insert(id, authenticator);
    }

    /// Adds one for servers.
    pub fn add_server(&mut self, id: ComponentId, authenticator: Arc<dyn ServerAuthenticator>) {
        self.servers.insert(id, authenticator);
    }

    /// The headers in which requests have secrets, whichever server they are for: one that reaches another port is a secret all the same.
    pub fn secret_headers(&self) -> Vec<HeaderName> {
        self.servers.values().map(|server| server.header().clone()).collect()
    }

    /// The one a client names, if it names one.
    pub fn client(&self, id: Option<&ComponentId>) -> Result<Credentials, NoAuthenticator> {
        let known = |id| self.clients.get(id).cloned().ok_or_else(|| no_authenticator(id, "client"));
        id.map(known).transpose()
    }

    /// The one a server names, if it names one.
    pub fn server(&self, id: Option<&ComponentId>) -> Result<Option<Arc<dyn ServerAuthenticator>>, NoAuthenticator> {
        let known = |id| self.servers.get(id).cloned().ok_or_else(|| no_authenticator(id, "server"));
        id.map(known).transpose()
    }
}

fn no_authenticator(id: &ComponentId, side: &'static str) -> NoAuthenticator {
    NoAuthenticator { id: id.clone(), side }
}

/// `auth: {authenticator: bearertokenauth}`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// The extension.
    pub authenticator: ComponentId,
}

/// An extension as `middlewares` names it: its id, also as `{id: ...}`.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Middleware {
    /// The id alone.
    Id(ComponentId),
    /// As the Collector writes it.
    Named(NamedMiddleware),
}

/// `{id: ...}`.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedMiddleware {
    /// The extension.
    pub id: ComponentId,
}

/// `auth` of an exporter: an authenticator, or, as some configurations of the Collector attach one, a breaker.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "RawExporterAuth")]
pub enum ExporterAuth {
    /// `auth: {authenticator: bearertokenauth}`.
    Authenticator(ComponentId),
    /// `auth: circuit_breaker`, which means the same as `breaker: circuit_breaker`.
    Breaker(ComponentId),
}

/// The two forms, as they are written.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what `AuthVisitor` reads")]
enum RawExporterAuth {
    Authenticator(Authentication),
    Breaker(ComponentId),
}

impl<'de> Deserialize<'de> for ExporterAuth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExporterAuth, D::Error> {
        deserializer.deserialize_any(AuthVisitor)
    }
}

struct AuthVisitor;

impl<'de> Visitor<'de> for AuthVisitor {
    type Value = ExporterAuth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`authenticator: <extension>`, or the id of a breaker")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ExporterAuth, E> {
        text.parse().map(ExporterAuth::Breaker).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExporterAuth, A::Error> {
        let map = de::value::MapAccessDeserializer::new(map);
        Authentication::deserialize(map).map(|auth| ExporterAuth::Authenticator(auth.authenticator))
    }
}
