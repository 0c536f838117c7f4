//! Who may send, and what goes along with a batch.

use std::sync::Arc;

use serde_json::{Value, json};

use super::destination::Destination;
use super::{TestResult, batch, client_with, failure};
use crate::contract::{Accepted, Authenticators, Batch, FailureClass, Metadata, Outcome, Signal};
use crate::extensions::basic_auth::BasicAuth;
use crate::extensions::bearer_token::BearerToken;
use crate::extensions::headers_setter::HeadersSetter;

fn known() -> Result<Authenticators, Box<dyn std::error::Error>> {
    let mut known = Authenticators::default();
    for (id, token) in [("bearertokenauth", "topsecret"), ("bearertokenauth/wrong", "other")] {
        let config = serde_json::from_value(json!({"token": token}))?;
        let extension = Arc::new(BearerToken::new(config)?);
        known.add_client(id.parse()?, extension.clone());
        known.add_server(id.parse()?, extension);
    }
    for (id, config) in [
        ("basicauth/server", json!({"htpasswd": {"inline": "shop:topsecret"}})),
        ("basicauth", json!({"client_auth": {"username": "shop", "password": "topsecret"}})),
        ("basicauth/wrong", json!({"client_auth": {"username": "shop", "password": "other"}})),
    ] {
        match BasicAuth::new(serde_json::from_value(config)?)? {
            BasicAuth::Client(client) => known.add_client(id.parse()?, Arc::new(client)),
            BasicAuth::Server(server) => known.add_server(id.parse()?, Arc::new(server)),
        }
    }
    let setter = json!({"headers": [{"key": "X-Tenant", "from_context": "x-sender"}]});
    known.add_client("headers_setter".parse()?, Arc::new(HeadersSetter::new(serde_json::from_value(setter)?)));
    Ok(known)
}

fn accepting(keys: Value, known: &Authenticators) -> Result<Destination, Box<dyn std::error::Error>> {
    Destination::answering(Ok(Accepted { items: 1, ..Accepted::default() }), keys, known)
}

#[tokio::test]
async fn only_the_right_token_or_password_is_let_in() -> TestResult {
    let known = known()?;
    for (server, right, wrong) in [
        ("bearertokenauth", "bearertokenauth", "bearertokenauth/wrong"),
        ("basicauth/server", "basicauth", "basicauth/wrong"),
    ] {
        let destination = accepting(json!({"auth": {"authenticator": server}}), &known)?;
        for config in destination.configs(&json!({"auth": {"authenticator": right}})) {
            let sent = client_with(&config, &known)?.send(&batch(Signal::Logs, "oven")).await;
            assert_eq!(sent, Outcome::Delivered, "{config}");
        }
        for keys in [json!({"auth": {"authenticator": wrong}}), json!({})] {
            for config in destination.configs(&keys) {
                let sent = client_with(&config, &known)?.send(&batch(Signal::Logs, "oven")).await;
                let (class, reason) = failure(sent)?;
                assert_eq!(class, FailureClass::Permanent, "{config}: {reason}");
                let is_said = reason.contains("UNAUTHENTICATED") || reason.contains("401");
                assert!(is_said && !reason.contains("topsecret") && !reason.contains("other"), "{reason}");
            }
        }
        assert_eq!(destination.take().len(), 2);
        let labels = [("reason", "unauthenticated")];
        assert_eq!(destination.registry.total("otelier_receiver_refused_requests", &labels), 4);
    }
    Ok(())
}

#[tokio::test]
async fn metadata_goes_from_one_host_to_the_next() -> TestResult {
    let known = known()?;
    let destination = accepting(json!({"include_metadata": true}), &known)?;
    let metadata = Metadata::new(vec![("x-sender".into(), "shop".into()), ("x-other".into(), "kept here".into())]);
    let sent = Batch { metadata, ..batch(Signal::Metrics, "oven") };
    for config in
        destination.configs(&json!({"auth": {"authenticator": "headers_setter"}, "headers": {"x-fixed": "1"}}))
    {
        assert_eq!(client_with(&config, &known)?.send(&sent).await, Outcome::Delivered);
        let arrived = destination.take();
        let arrived: Vec<_> = arrived.iter().map(|batch| batch.metadata.entries()).collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(arrived, [[pair("x-fixed", "1"), pair("x-tenant", "shop")]], "{config}");
    }
    Ok(())
}

#[test]
fn an_authenticator_that_is_none_is_named() -> TestResult {
    let known = known()?;
    let config = json!({"endpoint": "http://a", "auth": {"authenticator": "basicauth/server"}});
    let error = client_with(&config, &known).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("basicauth/server is no extension that authenticates a client"), "{error}");
    let server = accepting(json!({"auth": {"authenticator": "headers_setter"}}), &known);
    let error = server.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("headers_setter is no extension that authenticates a server"), "{error}");
    Ok(())
}
