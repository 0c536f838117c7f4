//! Every key that a component accepts, compared with the Collector's code (core v0.165; contrib where a component is from there). A key means
//! what it means there, or says under `x-collector` how not, or under `x-no-effect` why it changes nothing. Those that say nothing stand here too, because somebody has looked them up. The
//! lists of accepted keys are asked of the components themselves, so none can be missing here.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Telemetry;
use crate::connectors::{forward, routing};
use crate::contract::{RetryOnFailure, SendingQueue};
use crate::exporters::{debug, fallback, nop, otlp as otlp_out, otlphttp, prometheus};
use crate::extensions::{
    basic_auth, bearer_token, file_storage, headers_setter, health_check, memory_limiter, rocksdb,
};
use crate::families::schema;
use crate::net::Pings;
use crate::net::tls::{ClientTls, ServerTls};
use crate::processors::batch;
use crate::receivers::otlp;

/// The fields that a type accepts at a path: serde lists them where it meets one that it does not know.
fn accepted<T: DeserializeOwned>(path: &[&str]) -> BTreeSet<String> {
    let mut value = json!({ "no such key": 0 });
    for key in path.iter().rev() {
        value = if *key == "[]" { json!([value]) } else { json!({ *key: value }) };
    }
    let error = serde_json::from_value::<T>(value).err().map(|error| error.to_string()).unwrap_or_default();
    let (_, expected) = error.split_once("expected").unwrap_or((&error, ""));
    expected.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// What a schema says at a path.
fn described(schema: &Value, path: &[&str]) -> Value {
    let forms = schema["anyOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    let Some((key, rest)) = path.split_first() else {
        return forms
            .into_iter()
            .find(|form| form["properties"].is_object())
            .unwrap_or_else(|| json!({"properties": {}}));
    };
    let below = |form: &Value| if *key == "[]" { form["items"].clone() } else { form["properties"][*key].clone() };
    let form = forms.iter().map(below).find(|form| !form.is_null()).unwrap_or_else(|| panic!("{path:?}: {schema}"));
    described(&form, rest)
}

/// Checks the keys of one mapping: `same` are those that say nothing of the Collector.
fn compare<T: DeserializeOwned + JsonSchema>(path: &[&str], same: &[&str]) {
    let what = std::any::type_name::<T>();
    let described = described(&schema::of::<T>(), path);
    let properties = described["properties"].as_object().unwrap();
    let all: BTreeSet<String> = properties.keys().cloned().collect();
    assert_eq!(accepted::<T>(path), all, "{what} {path:?}: what is read is not what is described");
    let says = |key: &Value| key.get(schema::COLLECTOR).or(key.get(schema::NO_EFFECT)).is_some();
    let silent = properties.iter().filter(|(_, key)| !says(key));
    let silent: BTreeSet<&str> = silent.map(|(name, _)| name.as_str()).collect();
    assert_eq!(silent, same.iter().copied().collect(), "{what} {path:?}");
}

#[test]
fn the_receiver() {
    compare::<otlp::Config>(&[], &["protocols"]);
    compare::<otlp::Config>(&["protocols"], &["grpc", "http"]);
    compare::<otlp::Config>(&["protocols", "grpc"], &["tls", "auth", "keepalive"]);
    compare::<otlp::Config>(&["protocols", "grpc", "keepalive"], &["server_parameters", "enforcement_policy"]);
    let ages = ["max_connection_age", "max_connection_age_grace"];
    compare::<otlp::Config>(&["protocols", "grpc", "keepalive", "server_parameters"], &ages);
    let policy = ["min_time", "permit_without_stream"];
    compare::<otlp::Config>(&["protocols", "grpc", "keepalive", "enforcement_policy"], &policy);
    compare::<otlp::Config>(&["protocols", "http", "keepalive"], &["enabled"]);
    let schema = schema::of::<otlp::Config>();
    let idle: Vec<_> = schema::without_effect(&schema).into_iter().map(|(keys, _)| keys.join(".")).collect();
    assert_eq!(idle, ["protocols.grpc.read_buffer_size", "protocols.grpc.write_buffer_size"]);
    let paths = ["logs_url_path", "metrics_url_path", "traces_url_path"];
    compare::<otlp::Config>(&["protocols", "http"], &[&paths[..], &["cors", "tls", "keepalive"]].concat());
    compare::<otlp::Config>(&["protocols", "http", "cors"], &["allowed_origins", "exposed_headers", "max_age"]);
    compare::<otlp::Config>(&["protocols", "http", "auth"], &["authenticator"]);
}

/// What clients and servers both have.
const TLS: [&str; 4] = ["cert_file", "cert_pem", "key_file", "key_pem"];

#[test]
fn tls() {
    let client = [
        "insecure_skip_verify",
        "server_name_override",
        "ca_file",
        "ca_pem",
        "include_system_ca_certs_pool",
        "min_version",
        "max_version",
    ];
    compare::<ClientTls>(&[], &[&TLS[..], &client].concat());
    compare::<ServerTls>(&[], &[&TLS[..], &["client_ca_file"]].concat());
}

#[test]
fn processors() {
    compare::<batch::Config>(&[], &["timeout", "send_batch_size", "send_batch_max_size"]);
}

/// What every exporter that pushes has.
const PUSH: [&str; 6] = ["tls", "headers", "compression", "timeout", "sending_queue", "retry_on_failure"];

#[test]
fn exporters_that_push() {
    compare::<otlp_out::Config>(&[], &[&PUSH[..], &["keepalive", "authority", "wait_for_ready"]].concat());
    compare::<Pings>(&[], &["permit_without_stream"]);
    let http = [
        "metrics_endpoint",
        "traces_endpoint",
        "logs_endpoint",
        "encoding",
        "max_idle_conns",
        "idle_conn_timeout",
        "disable_keep_alives",
        "force_attempt_http2",
        "compression_params",
        "keepalive",
        "http2_read_idle_timeout",
        "http2_ping_timeout",
    ];
    compare::<otlphttp::Config>(&[], &[&PUSH[..], &http].concat());
    compare::<otlphttp::Config>(&["compression_params"], &[]);
    compare::<otlphttp::Config>(&["cookies"], &["enabled"]);
    let idle = ["enabled", "idle_conn_timeout", "max_idle_conns", "max_idle_conns_per_host"];
    compare::<otlphttp::Config>(&["keepalive"], &idle);
    let queue = ["enabled", "num_consumers", "queue_size", "sizer", "block_on_overflow", "batch"];
    compare::<SendingQueue>(&[], &queue);
    compare::<SendingQueue>(&["batch"], &["flush_timeout", "min_size", "max_size", "partition"]);
    compare::<SendingQueue>(&["batch", "partition"], &[]);
    compare::<RetryOnFailure>(&[], &["enabled", "randomization_factor"]);
    compare::<fallback::Config>(&[], &["sending_queue", "retry_on_failure"]);
}

#[test]
fn exporters_that_show() {
    compare::<nop::Config>(&[], &[]);
    compare::<debug::Config>(&[], &["verbosity", "sampling_initial", "sampling_thereafter"]);
    let prometheus =
        ["namespace", "const_labels", "send_timestamps", "resource_to_telemetry_conversion", "add_metric_suffixes"];
    let prometheus = [&prometheus[..], &["resource_constant_labels", "without_scope_info"]].concat();
    compare::<prometheus::Config>(&[], &prometheus);
    let patterns = ["included", "excluded"];
    compare::<prometheus::Config>(&["resource_constant_labels"], &patterns);
    let former = [&patterns[..], &["enabled", "exclude_service_attributes"]].concat();
    compare::<prometheus::Config>(&["resource_to_telemetry_conversion"], &former);
}

#[test]
fn extensions() {
    compare::<health_check::Config>(&[], &["endpoint", "path", "response_body"]);
    compare::<health_check::Config>(&["response_body"], &["healthy", "unhealthy"]);
    compare::<bearer_token::Config>(&[], &["header", "scheme", "token", "tokens"]);
    compare::<basic_auth::Config>(&[], &["client_auth", "htpasswd"]);
    compare::<basic_auth::Config>(&["client_auth"], &["username", "password"]);
    compare::<basic_auth::Config>(&["htpasswd"], &[]);
    compare::<headers_setter::Config>(&[], &["headers"]);
    compare::<headers_setter::Config>(&["headers", "[]"], &["action", "key", "value", "default_value"]);
    let limits = ["limit_mib", "spike_limit_mib", "limit_percentage", "spike_limit_percentage"];
    compare::<memory_limiter::Config>(&[], &limits);
    compare::<rocksdb::Config>(&[], &[]);
    compare::<file_storage::Config>(&[], &[]);
}

#[test]
fn connectors() {
    compare::<forward::Config>(&[], &[]);
    compare::<routing::Config>(&[], &["table", "default_pipelines"]);
    compare::<routing::Config>(&["table", "[]"], &["action", "pipelines"]);
}

/// What an exporter of own telemetry has in common with the Collector's.
const OTLP: [&str; 9] = [
    "certificate",
    "client_certificate",
    "client_key",
    "compression",
    "endpoint",
    "headers",
    "insecure",
    "protocol",
    "timeout",
];

#[test]
fn the_hosts_own_telemetry() {
    compare::<Telemetry>(&[], &["logs", "metrics", "resource", "traces"]);
    compare::<Telemetry>(&["logs"], &["level", "encoding", "output_paths", "initial_fields"]);
    compare::<Telemetry>(&["logs", "sampling"], &["enabled", "tick", "initial", "thereafter"]);
    compare::<Telemetry>(&["metrics"], &[]);
    let readers = ["metrics", "readers", "[]"];
    compare::<Telemetry>(&readers, &["periodic", "pull"]);
    compare::<Telemetry>(&[&readers[..], &["pull", "exporter", "prometheus"]].concat(), &["host", "port"]);
    let periodic = [&readers[..], &["periodic"]].concat();
    compare::<Telemetry>(&periodic, &["exporter", "interval", "timeout"]);
    compare::<Telemetry>(&[&periodic[..], &["exporter", "otlp"]].concat(), &OTLP);
    for signal in ["logs", "traces"] {
        let batch = [signal, "processors", "[]", "batch"];
        let same = ["export_timeout", "exporter", "max_export_batch_size", "max_queue_size", "schedule_delay"];
        compare::<Telemetry>(&batch, &same);
        compare::<Telemetry>(&[&batch[..], &["exporter", "otlp"]].concat(), &OTLP);
    }
    compare::<Telemetry>(&["traces"], &["sampler"]);
    compare::<Telemetry>(&["traces", "sampler"], &["always_off", "always_on", "trace_id_ratio_based"]);
    compare::<Telemetry>(&["traces", "sampler", "trace_id_ratio_based"], &["ratio"]);
}

/// Where a key would mean something else, or nothing, it is refused with the reason.
#[test]
fn what_cannot_mean_the_same_says_why() {
    fn refused<T: DeserializeOwned>(config: Value, words: &str) {
        let error =
            serde_json::from_value::<T>(config.clone()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{config}: {error}");
    }
    refused::<otlp_out::Config>(json!({"endpoint": "http://a:1"}), "a Collector uses TLS all the same");
    refused::<debug::Config>(json!({"use_internal_logger": true}), "standard output and not to the log");
    let header = json!({"headers": [{"key": "x", "from_context": "Authorization"}]});
    refused::<headers_setter::Config>(header, "not kept of a request");
    let keys = json!({"batch": {"partition": {"metadata_keys": ["user-agent"]}}});
    refused::<SendingQueue>(keys, "not kept of a request");
    refused::<basic_auth::Config>(json!({"htpasswd": {"inline": "a:{SSHA}x"}}), "salted SHA-1");
}

#[test]
fn what_had_another_meaning_once_has_the_collectors() {
    let read = |config: Value| serde_json::from_value::<memory_limiter::Config>(config).unwrap();
    let limits = |config: Value| format!("{:?}", read(config).spike_limit);
    assert_eq!(limits(json!({"limit_mib": 1000, "spike_limit_percentage": 30})), "None");
    assert_eq!(limits(json!({"limit_percentage": 80, "spike_limit_mib": 30})), "None");
    assert_eq!(limits(json!({"limit_percentage": 80, "spike_limit_percentage": 30})), "Some(Percent(30))");
    let idle = |config: Value| serde_json::from_value::<otlphttp::Config>(config).unwrap().connections.idle_max;
    assert_eq!(idle(json!({"endpoint": "http://a", "max_idle_conns": 0})), 100);
    assert_eq!(idle(json!({"endpoint": "http://a", "max_idle_conns_per_host": 0})), 2);
    assert_eq!(idle(json!({"endpoint": "http://a", "max_idle_conns": 5})), 5);
}
