//! Clients for the host's own telemetry: those of `otlp` and `otlphttp`, set as `service.telemetry` says.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{otlp, otlphttp};
use crate::contract::{Client, OtlpProtocol, Signal, TelemetryDestination};
use crate::families::MakeError;

/// A client that sends one signal. Files that the destination names are read here.
pub fn telemetry_client(destination: &TelemetryDestination, signal: Signal) -> Result<Arc<dyn Client>, MakeError> {
    let settings = settings(destination, signal);
    match destination.protocol {
        OtlpProtocol::Grpc => Ok(Arc::new(otlp::OtlpClient::new(serde_json::from_value(settings)?, None)?)),
        OtlpProtocol::Http => Ok(Arc::new(otlphttp::OtlpHttpClient::new(serde_json::from_value(settings)?, None)?)),
    }
}

/// What an exporter with that destination would be configured with.
fn settings(destination: &TelemetryDestination, signal: Signal) -> Value {
    let TelemetryDestination { protocol, endpoint, headers, gzip, timeout, .. } = destination;
    let headers: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), value.reveal().into())).collect();
    let mut settings = json!({
        "tls": tls(destination),
        "headers": headers,
        "compression": if *gzip { "gzip" } else { "none" },
        "timeout": format!("{}ms", timeout.as_millis()),
    });
    let (key, endpoint) = match protocol {
        OtlpProtocol::Grpc => ("endpoint".to_owned(), endpoint.clone()),
        OtlpProtocol::Http => (format!("{signal}_endpoint"), with_path(endpoint, signal)),
    };
    settings[key] = endpoint.into();
    settings
}

fn tls(destination: &TelemetryDestination) -> Value {
    let TelemetryDestination { endpoint, certificate, client_certificate, client_key, .. } = destination;
    if endpoint.starts_with("http://") {
        return json!({"insecure": true});
    }
    json!({"ca_file": certificate, "cert_file": client_certificate, "key_file": client_key})
}

/// A URL without a path is that of all signals.
fn with_path(endpoint: &str, signal: Signal) -> String {
    let base = endpoint.trim_end_matches('/');
    let has_path = base.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { endpoint.to_owned() } else { format!("{base}/v1/{signal}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::Secret;

    fn destination(protocol: OtlpProtocol, endpoint: &str) -> TelemetryDestination {
        TelemetryDestination {
            protocol,
            endpoint: endpoint.to_owned(),
            certificate: None,
            client_certificate: None,
            client_key: None,
            headers: vec![("x-tenant".to_owned(), Secret::from("shop".to_owned()))],
            gzip: true,
            timeout: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_destination_is_an_exporters() -> Result<(), String> {
        for (protocol, endpoint, shown) in [
            (OtlpProtocol::Grpc, "http://backend:4317", "grpc://backend:4317"),
            (OtlpProtocol::Grpc, "https://backend:4317/", "grpcs://backend:4317"),
            (OtlpProtocol::Http, "http://backend:4318", "http://backend:4318"),
            (OtlpProtocol::Http, "https://backend/otlp/logs", "https://backend:443"),
        ] {
            let client = telemetry_client(&destination(protocol, endpoint), Signal::Logs);
            let client = client.map_err(|error| format!("{endpoint}: {error}"))?;
            assert!(client.destination().starts_with(shown), "{}", client.destination());
        }
        assert_eq!(with_path("http://a:1/", Signal::Traces), "http://a:1/v1/traces");
        assert_eq!(with_path("http://a:1/in", Signal::Traces), "http://a:1/in");
        Ok(())
    }

    #[test]
    fn one_that_cannot_be_says_why() {
        for (protocol, endpoint, words) in [
            (OtlpProtocol::Grpc, "https://backend", "write `host:port`"),
            (OtlpProtocol::Http, "http://", "write `http://host:port`"),
        ] {
            let error = telemetry_client(&destination(protocol, endpoint), Signal::Logs).err();
            assert!(error.is_some_and(|error| error.to_string().contains(words)), "{endpoint}");
        }
        let missing = TelemetryDestination {
            certificate: Some("no/such/ca.pem".into()),
            ..destination(OtlpProtocol::Grpc, "https://backend:4317")
        };
        let error = telemetry_client(&missing, Signal::Logs).err();
        assert!(error.is_some_and(|error| error.to_string().contains("ca.pem")));
    }
}
