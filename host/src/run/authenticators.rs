//! Extensions that know who is who, and the `auth` keys that name them.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::config::{Component, Error, Plan};
use crate::contract::{Authenticators, ComponentId};
use crate::exporters::{otlp as otlp_out, otlphttp};
use crate::extensions::{BasicAuth, BearerToken, HeadersSetter, HeadersSetterConfig};
use crate::receivers::otlp;

use super::components;

/// Types that can look at requests.
const SERVERS: &[&str] = &["basicauth", "bearertokenauth"];

/// Types that can put into requests what is looked at.
const CLIENTS: &[&str] = &["basicauth", "bearertokenauth", "headers_setter"];

/// Makes the extensions that know who is who. Their files are read here.
pub fn make(plan: &Plan) -> Result<Authenticators> {
    let mut authenticators = Authenticators::default();
    for component in &plan.extensions {
        add(component, &mut authenticators).with_context(|| format!("extension {}", component.id))?;
    }
    Ok(authenticators)
}

fn add(component: &Component, authenticators: &mut Authenticators) -> Result<()> {
    let (id, node) = (component.id.clone(), &component.node);
    match id.kind() {
        "basicauth" => match BasicAuth::new(node.parse()?)? {
            BasicAuth::Client(client) => authenticators.add_client(id, Arc::new(client)),
            BasicAuth::Server(server) => authenticators.add_server(id, Arc::new(server)),
        },
        "bearertokenauth" => {
            let token = Arc::new(BearerToken::new(node.parse()?)?);
            authenticators.add_client(id.clone(), token.clone());
            authenticators.add_server(id, token);
        }
        "headers_setter" => authenticators.add_client(id, Arc::new(HeadersSetter::new(node.parse()?))),
        _ => {}
    }
    Ok(())
}

/// Those that can be made, and what is wrong: with the others, and with components whose `auth` names none of the right side.
pub fn check(plan: &Plan) -> (Authenticators, Vec<Error>) {
    let (mut authenticators, mut errors) = (Authenticators::default(), Vec::new());
    let mut broken: HashSet<&ComponentId> = HashSet::new();
    for component in &plan.extensions {
        if let Err(error) = add(component, &mut authenticators) {
            broken.insert(&component.id);
            // One that does not read is told already.
            if error.downcast_ref::<Error>().is_none() {
                errors.push(component.node.plugin_error(&format!("{error} (extension {})", component.id)));
            }
        }
    }
    // Whom it names is not blamed twice.
    let named = named(plan).into_iter().filter(|(_, id, _)| !broken.contains(id));
    let unknown = named.filter_map(|(component, id, side)| {
        let (is_known, kinds) = match side {
            Side::Server => (authenticators.server(Some(&id)).is_ok(), SERVERS),
            Side::Client => (authenticators.client(Some(&id)).is_ok(), CLIENTS),
        };
        let (does, kinds) = (side.does(), kinds.join(", "));
        let message = format!(
            "`auth` names {id}, which is no authenticator of the service that {does}: define one of type {kinds} under `extensions` and list it under `service.extensions`"
        );
        (!is_known).then(|| component.node.plugin_error(&message))
    });
    errors.extend(unknown);
    errors.extend(secret_metadata(plan, &authenticators));
    (authenticators, errors)
}

/// Components that need what a receiver never keeps of a request: the header in which an authenticator looks for a secret.
fn secret_metadata(plan: &Plan, authenticators: &Authenticators) -> Vec<Error> {
    let secret = authenticators.secret_headers();
    let is_secret = |name: &str| secret.iter().any(|header| header.as_str() == name);
    let mut named: Vec<(&Component, &str, String)> = Vec::new();
    for component in plan.extensions.iter().filter(|component| component.id.kind() == "headers_setter") {
        let Ok(config) = component.node.parse::<HeadersSetterConfig>() else { continue };
        named.extend(config.metadata_names().map(|name| (component, "from_context", name.to_owned())));
    }
    for component in plan.exporters.iter().chain(&plan.members) {
        let batch = components::push_config(component).and_then(|delivery| delivery.queue.batch);
        let keys = batch.into_iter().flat_map(|batch| batch.metadata_keys);
        named.extend(keys.map(|name| (component, "metadata_keys", name)));
    }
    let wrong = named.into_iter().filter(|(_, _, name)| is_secret(name));
    wrong
        .map(|(component, key, name)| {
            component.node.plugin_error(&format!(
                "`{key}` names `{name}`, in which an authenticator of this configuration looks for a secret: it is not kept of a request, because queues keep what is, on disk too; use another header"
            ))
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Side {
    /// Of a receiver.
    Server,
    /// Of an exporter.
    Client,
}

impl Side {
    fn does(self) -> &'static str {
        match self {
            Side::Server => "looks at requests (`basicauth` with `htpasswd`)",
            Side::Client => "signs requests in (`basicauth` with `client_auth`)",
        }
    }
}

/// Components with the extensions that their `auth` names.
fn named(plan: &Plan) -> Vec<(&Component, ComponentId, Side)> {
    let mut named = Vec::new();
    for component in plan.receivers.iter().filter(|component| component.id.kind() == "otlp") {
        let Ok(otlp::Config { protocols, .. }) = component.node.parse() else { continue };
        let auths = [protocols.grpc.and_then(|grpc| grpc.auth), protocols.http.and_then(|http| http.auth)];
        named.extend(auths.into_iter().flatten().map(|auth| (component, auth.authenticator, Side::Server)));
    }
    for component in plan.exporters.iter().chain(&plan.members) {
        let authenticator = match component.id.kind() {
            "otlp" | "otlp_grpc" => component.node.parse::<otlp_out::Config>().ok().and_then(|it| it.authenticator),
            "otlphttp" | "otlp_http" => component.node.parse::<otlphttp::Config>().ok().and_then(|it| it.authenticator),
            _ => None,
        };
        named.extend(authenticator.map(|id| (component, id, Side::Client)));
    }
    named
}
