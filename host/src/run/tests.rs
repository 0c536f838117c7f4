//! Every key that a component accepts, compared with the Collector's code (core v0.165; contrib where a component is from there). A key means
//! what it means there, or is refused with a reason, or is our own. The lists of accepted keys are asked of the components themselves, so
//! none can be missing here.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Telemetry;
use crate::contract::{RetryOnFailure, SendingQueue};
use crate::exporters::{debug, fallback, otlp as otlp_out, otlphttp, prometheus};
use crate::extensions::{
    basic_auth, bearer_token, file_storage, headers_setter, health_check, memory_limiter, rocksdb,
};
use crate::net::Pings;
use crate::net::tls::{ClientTls, ServerTls};
use crate::receivers::otlp;

/// Means what it means in a Collector.
const SAME: &str = "same";
/// A Collector has no such key there.
const OURS: &str = "ours";

/// Keys of one mapping, each with what is to be said of it.
type Keys = &'static [(&'static str, &'static str)];

/// The fields that a type accepts at a path: serde lists them where it meets one that it does not know.
fn accepted<T: DeserializeOwned>(path: &[&str]) -> BTreeSet<String> {
    let mut value = json!({ "no such key": 0 });
    for key in path.iter().rev() {
        value = if *key == "[]" { json!([value]) } else { json!({ *key: value }) };
    }
    let error = serde_json::from_value::<T>(value).err().map(|error| error.to_string()).unwrap_or_default();
    let (_, expected) = error.split_once("expected").unwrap_or_else(|| panic!("{path:?}: {error}"));
    expected.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

fn compare<T: DeserializeOwned>(what: &str, path: &[&str], keys: Keys) {
    let listed: BTreeSet<String> = keys.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(accepted::<T>(path), listed, "{what} {path:?}");
    assert_eq!(listed.len(), keys.len(), "{what} {path:?}: a key stands here twice");
    assert!(keys.iter().all(|(_, verdict)| !verdict.is_empty()));
}

#[test]
fn the_receiver() {
    compare::<otlp::Config>("otlp", &[], &[("protocols", SAME), ("invalid_utf8", OURS)]);
    compare::<otlp::Config>("otlp", &["protocols"], &[("grpc", SAME), ("http", SAME)]);
    let grpc: Keys = &[
        ("endpoint", "same; a port by name and `unix` are refused"),
        ("max_recv_msg_size_mib", "same, 0 refused; 64 by default and not 4"),
        ("max_concurrent_streams", "same, 0 refused; 100 by default and not unbounded"),
        ("max_connections", OURS),
        ("read_timeout", OURS),
        ("keepalive", "same; `enforcement_policy` is refused"),
        ("tls", SAME),
        ("auth", SAME),
        (
            "include_metadata",
            "same, but for headers with secrets and of the connection: who names those elsewhere is refused",
        ),
    ];
    compare::<otlp::Config>("otlp", &["protocols", "grpc"], grpc);
    compare::<otlp::Config>("otlp", &["protocols", "grpc", "keepalive"], &[("server_parameters", SAME)]);
    let server: Keys =
        &[("max_connection_idle", "same, 0 refused"), ("time", "same, 0 refused"), ("timeout", "same, 0 refused")];
    compare::<otlp::Config>("otlp", &["protocols", "grpc", "keepalive", "server_parameters"], server);
    let http: Keys = &[
        ("endpoint", "as of gRPC"),
        ("max_request_body_size", "same, 0 refused; 64 MiB by default and not 20"),
        ("max_concurrent_streams", OURS),
        ("max_connections", OURS),
        ("read_header_timeout", "same, 0 refused"),
        ("read_timeout", "same, 0 refused"),
        ("idle_timeout", "same, 0 refused"),
        ("tls", SAME),
        ("auth", "same; `request_params` is refused"),
        ("include_metadata", "as of gRPC"),
    ];
    compare::<otlp::Config>("otlp", &["protocols", "http"], http);
    compare::<otlp::Config>("otlp", &["protocols", "http", "auth"], &[("authenticator", SAME)]);
}

#[test]
fn tls() {
    let common = |key| (key, SAME);
    let client = [
        ("insecure", "same: counts for nothing beside a CA, and where it counts the other keys do not"),
        ("reload_interval", "same; CAs are read again too"),
    ];
    let same = [
        "insecure_skip_verify",
        "server_name_override",
        "ca_file",
        "ca_pem",
        "include_system_ca_certs_pool",
        "cert_file",
        "cert_pem",
        "key_file",
        "key_pem",
        "min_version",
        "max_version",
    ];
    let keys: Vec<_> = client.into_iter().chain(same.map(common)).collect();
    compare::<ClientTls>("tls of a client", &[], keys.leak());
    let server: Keys = &[
        ("client_ca_file", SAME),
        ("cert_file", SAME),
        ("cert_pem", SAME),
        ("key_file", SAME),
        ("key_pem", SAME),
        ("min_version", "same; 1.0 and 1.1 are refused"),
        ("max_version", "same; 1.0 and 1.1 are refused"),
        ("reload_interval", "same; the CA of clients is read again too, without `client_ca_file_reload`"),
    ];
    compare::<ServerTls>("tls of a server", &[], server);
}

/// What every exporter that pushes has.
const PUSH: Keys = &[
    ("tls", SAME),
    ("headers", SAME),
    ("compression", SAME),
    ("timeout", SAME),
    ("sending_queue", SAME),
    ("retry_on_failure", SAME),
    ("auth", "same; the id of a breaker alone is ours"),
    ("breaker", OURS),
    ("on_full", OURS),
];

fn with_push(more: Keys) -> Keys {
    [PUSH, more].concat().leak()
}

#[test]
fn exporters_that_push() {
    let grpc: Keys = &[
        ("endpoint", "same; `http://` is refused where a Collector would use TLS, `unix` always"),
        ("keepalive", SAME),
        ("balancer_name", "same; others than round_robin and pick_first are refused"),
        ("authority", SAME),
    ];
    compare::<otlp_out::Config>("otlp", &[], with_push(grpc));
    let pings: Keys = &[("time", "same, 0 refused"), ("timeout", "same, 0 refused"), ("permit_without_stream", SAME)];
    compare::<Pings>("keepalive", &[], pings);
    let http: Keys = &[
        ("endpoint", "same; one that ends in a signal's path is refused"),
        ("metrics_endpoint", SAME),
        ("traces_endpoint", SAME),
        ("logs_endpoint", SAME),
        ("encoding", SAME),
        ("balancer_name", OURS),
        ("max_idle_conns", SAME),
        ("max_idle_conns_per_host", "same; 100 by default and not 2"),
        ("idle_conn_timeout", SAME),
        ("disable_keep_alives", SAME),
        ("force_attempt_http2", SAME),
    ];
    compare::<otlphttp::Config>("otlphttp", &[], with_push(http));
    let queue: Keys = &[
        ("enabled", SAME),
        ("num_consumers", SAME),
        ("queue_size", SAME),
        ("sizer", SAME),
        ("block_on_overflow", SAME),
        ("wait_for_result", "same; refused behind a plugin that keeps state"),
        ("storage", "same; the extension is `rocksdb` or `file_storage`"),
        ("batch", SAME),
    ];
    compare::<SendingQueue>("sending_queue", &[], queue);
    let batch: Keys = &[
        ("flush_timeout", SAME),
        ("min_size", SAME),
        ("max_size", SAME),
        ("sizer", "same: the queue's, where only that one has one"),
        ("partition", SAME),
    ];
    compare::<SendingQueue>("sending_queue", &["batch"], batch);
    let partition: Keys = &[("metadata_keys", "same; what is never kept of a request is refused")];
    compare::<SendingQueue>("sending_queue", &["batch", "partition"], partition);
    let retry: Keys = &[
        ("enabled", SAME),
        ("initial_interval", "same, 0 refused"),
        ("randomization_factor", SAME),
        ("multiplier", "same, below 1 refused"),
        ("max_interval", "same, 0 refused"),
        ("max_elapsed_time", "same; one below the intervals is let in"),
    ];
    compare::<RetryOnFailure>("retry_on_failure", &[], retry);
    let fallback: Keys = &[
        ("exporters", OURS),
        ("probe_interval", OURS),
        ("sending_queue", SAME),
        ("retry_on_failure", SAME),
        ("breaker", OURS),
        ("on_full", OURS),
    ];
    compare::<fallback::Config>("fallback", &[], fallback);
}

#[test]
fn exporters_that_show() {
    let debug: Keys = &[
        ("verbosity", SAME),
        ("sampling_initial", SAME),
        ("sampling_thereafter", SAME),
        ("use_internal_logger", "`false` is the same; `true`, the default there, is refused"),
    ];
    compare::<debug::Config>("debug", &[], debug);
    let prometheus: Keys = &[
        ("endpoint", "same; it has a default"),
        ("namespace", SAME),
        ("const_labels", SAME),
        ("send_timestamps", SAME),
        ("metric_expiration", "same, 0 refused"),
        ("resource_to_telemetry_conversion", SAME),
        ("enable_open_metrics", "same; on by default"),
        ("add_metric_suffixes", SAME),
        ("series_max", OURS),
        ("non_monotonic_deltas", OURS),
    ];
    compare::<prometheus::Config>("prometheus", &[], prometheus);
    compare::<prometheus::Config>("prometheus", &["resource_to_telemetry_conversion"], &[("enabled", SAME)]);
}

#[test]
fn extensions() {
    compare::<health_check::Config>(
        "health_check",
        &[],
        &[("endpoint", SAME), ("path", SAME), ("response_body", SAME)],
    );
    compare::<health_check::Config>("health_check", &["response_body"], &[("healthy", SAME), ("unhealthy", SAME)]);
    let bearer: Keys = &[
        ("header", SAME),
        ("scheme", SAME),
        ("token", SAME),
        ("tokens", SAME),
        ("filename", "same; beside a token it is refused, there it goes before"),
    ];
    compare::<bearer_token::Config>("bearertokenauth", &[], bearer);
    compare::<basic_auth::Config>("basicauth", &[], &[("client_auth", SAME), ("htpasswd", SAME)]);
    compare::<basic_auth::Config>("basicauth", &["client_auth"], &[("username", SAME), ("password", SAME)]);
    let htpasswd: Keys =
        &[("file", "same; hashed passwords are refused"), ("inline", "same; hashed passwords are refused")];
    compare::<basic_auth::Config>("basicauth", &["htpasswd"], htpasswd);
    compare::<headers_setter::Config>("headers_setter", &[], &[("headers", SAME)]);
    let header: Keys = &[
        ("action", SAME),
        ("key", SAME),
        ("value", SAME),
        ("from_context", "same; what is never kept of a request is refused"),
        ("default_value", SAME),
    ];
    compare::<headers_setter::Config>("headers_setter", &["headers", "[]"], header);
    let limiter: Keys = &[
        ("check_interval", "same; it has a default"),
        ("limit_mib", SAME),
        ("spike_limit_mib", SAME),
        ("limit_percentage", SAME),
        ("spike_limit_percentage", SAME),
        ("min_gc_interval_when_soft_limited", "of Go's garbage collector: there is none"),
        ("min_gc_interval_when_hard_limited", "of Go's garbage collector: there is none"),
    ];
    compare::<memory_limiter::Config>("memory_limiter", &[], limiter);
    compare::<rocksdb::Config>("rocksdb", &[], &[("max_bytes", OURS)]);
    let files: Keys = &[
        ("directory", "not used, with a warning: queues are in the database of the state directory"),
        ("timeout", "not used, as above"),
        ("create_directory", "not used, as above"),
        ("directory_permissions", "not used, as above"),
        ("compaction", "not used: the database compacts by itself"),
        ("fsync", "not used: as `durability` says"),
        ("recreate", "not used: a damaged database is never made anew"),
        ("max_bytes", OURS),
    ];
    compare::<file_storage::Config>("file_storage", &[], files);
}

#[test]
fn the_hosts_own_telemetry() {
    compare::<Telemetry>("telemetry", &[], &[("logs", SAME), ("metrics", SAME)]);
    compare::<Telemetry>("telemetry", &["logs"], &[("level", SAME), ("encoding", SAME)]);
    let metrics: Keys = &[
        ("level", "same; only `none` makes a difference"),
        ("address", "same, as it was"),
        ("readers", "same; one, that pulls"),
    ];
    compare::<Telemetry>("telemetry", &["metrics"], metrics);
    let reader = ["metrics", "readers", "[]", "pull", "exporter", "prometheus"];
    compare::<Telemetry>("telemetry", &reader, &[("host", SAME), ("port", SAME)]);
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
