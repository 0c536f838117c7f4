//! Extensions that know who is who, and the `auth` keys that name them.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::config::{Component, Error, Plan};
use crate::contract::{Authenticators, ComponentId};
use crate::exporters::{otlp as otlp_out, otlphttp};
use crate::extensions::{BasicAuth, BearerToken, HeadersSetter};
use crate::receivers::otlp;

/// Types that can look at requests.
const SERVERS: &[&str] = &["basicauth", "bearertokenauth"];

/// Types that can put into requests what is looked at.
const CLIENTS: &[&str] = &["basicauth", "bearertokenauth", "headers_setter"];

/// Makes the extensions that know who is who. Their files are read here.
pub fn make(plan: &Plan) -> Result<Authenticators> {
    let mut authenticators = Authenticators::default();
    for component in &plan.extensions {
        let (id, node) = (component.id.clone(), &component.node);
        let what = || format!("extension {id}");
        match id.kind() {
            "basicauth" => match BasicAuth::new(node.parse()?).with_context(what)? {
                BasicAuth::Client(client) => authenticators.add_client(id, Arc::new(client)),
                BasicAuth::Server(server) => authenticators.add_server(id, Arc::new(server)),
            },
            "bearertokenauth" => {
                let token = Arc::new(BearerToken::new(node.parse()?).with_context(what)?);
                authenticators.add_client(id.clone(), token.clone());
                authenticators.add_server(id, token);
            }
            "headers_setter" => authenticators.add_client(id, Arc::new(HeadersSetter::new(node.parse()?))),
            _ => {}
        }
    }
    Ok(authenticators)
}

/// Components whose `auth` names no extension that can do it.
pub fn check(plan: &Plan) -> Vec<Error> {
    let mut named: Vec<(&Component, ComponentId, &[&str])> = Vec::new();
    for component in plan.receivers.iter().filter(|component| component.id.kind() == "otlp") {
        let Ok(otlp::Config { protocols, .. }) = component.node.parse() else { continue };
        let auths = [protocols.grpc.and_then(|grpc| grpc.auth), protocols.http.and_then(|http| http.auth)];
        named.extend(auths.into_iter().flatten().map(|auth| (component, auth.authenticator, SERVERS)));
    }
    for component in plan.exporters.iter().chain(&plan.members) {
        let authenticator = match component.id.kind() {
            "otlp" | "otlp_grpc" => component.node.parse::<otlp_out::Config>().ok().and_then(|it| it.authenticator),
            "otlphttp" | "otlp_http" => component.node.parse::<otlphttp::Config>().ok().and_then(|it| it.authenticator),
            _ => None,
        };
        named.extend(authenticator.map(|id| (component, id, CLIENTS)));
    }
    let is_known = |id: &ComponentId| plan.extensions.iter().any(|extension| extension.id == *id);
    let unknown = named.into_iter().filter(|(_, id, kinds)| !is_known(id) || !kinds.contains(&id.kind()));
    let errors = unknown.map(|(component, id, kinds)| {
        let message = format!(
            "`auth` names {id}, which is no authenticator of the service: define one of type {} under `extensions` and list it under `service.extensions`",
            kinds.join(", ")
        );
        component.node.plugin_error(&message)
    });
    errors.collect()
}
