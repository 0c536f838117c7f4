//! What keeps a host from starting is told by `validate` too, at the same place of the same file: everything that needs neither a port nor the
//! store.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier_tests::certificates::Certificates;
use otelier_tests::host::{Configuration, Setup, manifest};
use serde_json::{Value, json};

/// Both say the same, and where.
fn both_tell(name: &str, config: &Configuration, words: &[&str]) -> Result<()> {
    let setup = Setup::without_plugins(config)?;
    let started = setup.fails_to_start().with_context(|| name.to_owned())?;
    let validated = setup.validate()?;
    let validated_text = String::from_utf8_lossy(&validated.stderr).into_owned();
    ensure!(validated.status.code() == Some(1), "{name}: validate ended with {}", validated.status);
    for (who, text) in [("run", &started), ("validate", &validated_text)] {
        ensure!(text.contains("config.yaml:"), "{name}: {who} names no place: {text}");
        words.iter().try_for_each(|words| {
            ensure!(text.contains(words), "{name}: {who} does not say `{words}`: {text}");
            Ok(())
        })?;
    }
    // The place is that of the key or value itself.
    let line = validated_text.split("config.yaml:").nth(1).and_then(|rest| rest.split(':').next());
    let line: usize = line.and_then(|line| line.parse().ok()).with_context(|| validated_text.clone())?;
    let text = config.text();
    let placed = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    ensure!(placed.contains(words[0]), "{name}: line {line} is `{placed}`, without `{}`: {validated_text}", words[0]);
    ensure!(!setup.state().exists(), "{name}: the state directory was touched");
    Ok(())
}

fn exporter(kind: &str, body: Value) -> Configuration {
    Configuration::default().set(&format!("exporters/{kind}"), body).pipeline("logs", &[], &[kind])
}

fn receiver(protocol: &str, key: &str, value: Value) -> Configuration {
    Configuration::passthrough().set(&format!("receivers/otlp/protocols/{protocol}/{key}"), value)
}

fn extension(id: &str, body: Value) -> Configuration {
    Configuration::passthrough()
        .set(&format!("extensions/{id}"), body)
        .set("service/extensions", json!(["health_check", id]))
}

fn written(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    Ok(path.display().to_string())
}

#[test]
fn files_of_tls_that_are_missing_or_do_not_fit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let authorities = [Certificates::of(&[])?, Certificates::of(&[])?];
    let [one, other] = authorities.each_ref().map(|authority| authority.tls().server().unwrap_or_default());
    let ca = json!({"ca_file": "/no/such/ca.pem"});
    let empty = written(folder.path(), "empty.pem", "")?;
    both_tell(
        "missing CA, gRPC",
        &exporter("otlp", json!({"endpoint": "localhost:1", "tls": ca})),
        &["ca_file", "/no/such/ca.pem"],
    )?;
    both_tell(
        "missing CA, HTTP",
        &exporter("otlphttp", json!({"endpoint": "https://localhost:1", "tls": ca})),
        &["ca_file", "/no/such/ca.pem"],
    )?;
    let insecure = json!({"insecure": true, "ca_file": empty});
    both_tell(
        "an empty CA",
        &exporter("otlp", json!({"endpoint": "localhost:1", "tls": insecure})),
        &["ca_file", "no certificate in PEM"],
    )?;
    let identity = json!({"cert_file": one["cert_file"], "key_file": other["key_file"]});
    let client = exporter("otlp", json!({"endpoint": "localhost:1", "tls": identity}));
    both_tell("a client's key of another certificate", &client, &["cert_file", "key_file"])?;
    both_tell("a server's key of another certificate", &receiver("grpc", "tls", identity), &["cert_file", "key_file"])?;
    let missing = json!({"cert_file": one["cert_file"], "key_file": "/no/such/key.pem"});
    both_tell("a server's missing key", &receiver("http", "tls", missing), &["key_file", "/no/such/key.pem"])?;
    let mut clients = one.clone();
    clients["client_ca_file"] = json!("/no/such/ca.pem");
    both_tell(
        "a server's missing CA of clients",
        &receiver("http", "tls", clients),
        &["client_ca_file", "/no/such/ca.pem"],
    )
}

#[test]
fn endpoints_where_nobody_can_listen() -> Result<()> {
    let prometheus =
        |endpoint: &str| Configuration::passthrough().set("exporters/prometheus/endpoint", json!(endpoint));
    both_tell("a variable without braces", &prometheus("$PROM_ADDR"), &["$PROM_ADDR", "${env:PROM_ADDR}"])?;
    both_tell("no port", &prometheus("localhost"), &["localhost", "write `host:port`"])?;
    both_tell("a port of letters", &prometheus("localhost:http"), &["localhost:http", "write `host:port`"])?;
    let health = Configuration::passthrough().set("extensions/health_check/endpoint", json!("no-such-host.invalid:1"));
    both_tell("a name without an address", &health, &["no-such-host.invalid", "cannot listen"])?;
    let receiver = receiver("grpc", "endpoint", json!("192.0.2.1:4317"));
    both_tell("an address of another machine", &receiver, &["192.0.2.1", "name an address of this machine"])?;
    let telemetry = Configuration::passthrough().set("service/telemetry/metrics/address", json!("192.0.2.1:8888"));
    both_tell("the same of the host's own metrics", &telemetry, &["192.0.2.1", "name an address of this machine"])?;
    let twice = prometheus("${env:OTELIER_HTTP_ENDPOINT}");
    both_tell("two that listen in one place", &twice, &["endpoint", "listens there too"])
}

#[test]
fn files_of_secrets_and_extensions_of_the_wrong_side() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let missing = extension("bearertokenauth", json!({"filename": "/no/such/token"}));
    both_tell("a missing file of tokens", &missing, &["/no/such/token", "cannot read"])?;
    let hashed = written(folder.path(), "htpasswd", "alice:{SSHA}deadbeef\n")?;
    let users = extension("basicauth", json!({"htpasswd": {"file": hashed}}));
    both_tell("hashed passwords", &users, &["htpasswd", "salted SHA-1"])?;
    let server = extension("basicauth", json!({"htpasswd": {"inline": "alice:secret"}}));
    let body = json!({"endpoint": "localhost:1", "auth": {"authenticator": "basicauth"}});
    let config = server.set("exporters/otlp", body).pipeline("logs", &[], &["otlp"]);
    both_tell("an exporter that names a receiver's", &config, &["auth", "names basicauth", "`client_auth`"])
}

#[test]
fn a_pipeline_with_state_whose_senders_wait_for_a_destination() -> Result<()> {
    let exporter = json!({"endpoint": "localhost:1", "sending_queue": {"wait_for_result": true}});
    let config = Configuration::default()
        .processor("aggregate", otelier_tests::host::aggregate())
        .set("exporters/otlp", exporter)
        .pipeline("metrics", &["aggregate"], &["otlp"]);
    let setup = Setup::with_aggregate(&config)?;
    let output = setup.validate()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let is_told = text.contains("config.yaml:") && text.contains("would count twice");
    ensure!(output.status.code() == Some(1) && is_told, "{text}");
    ensure!(setup.fails_to_start()?.contains("would count twice"));
    Ok(())
}

#[test]
fn what_is_probably_not_meant_is_a_warning_with_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plugin = otelier_tests::environment::plugin("aggregate")?;
    fs::copy(&plugin, folder.path().join("aggregate-1.0.0.wasm"))?;
    fs::copy(&plugin, folder.path().join("aggregate-v2.wasm"))?;
    let config = Configuration::aggregate()
        .set(
            "exporters/otlphttp",
            json!({"endpoint": "http://localhost:1", "headers": {"x-tenant": "$SUFFIX"}, "sending_queue": {"queue_size": 100, "batch": {}}}),
        )
        .pipeline("logs", &[], &["otlphttp"]);
    let mut entries: Value = serde_json::from_str(&manifest(&[("aggregate", &plugin, json!({}))]))?;
    entries["plugins"]["aggregate"] = json!({"folder": folder.path()});
    let setup = Setup::new(&config.text(), &format!("{entries:#}"))?;
    let output = setup.validate()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    for (file, words) in [
        ("config.yaml:", "`$` and a name stay as they are, as in a Collector: write `${env:NAME}`"),
        ("config.yaml:", "100 requests make a batch of 8192 items only where they have 82 items each or more"),
        ("plugins.yaml:", "aggregate-v2.wasm is not taken for a version of plugin `aggregate`"),
    ] {
        let is_told = |line: &str| line.starts_with("warning: ") && line.contains(file) && line.contains(words);
        ensure!(text.lines().any(is_told), "no warning `{words}` at {file}: {text}");
    }
    setup.start()?;
    ensure!(setup.log().contains("`$` and a name stay as they are"), "{}", setup.log());
    Ok(())
}

/// The limit is to be raised, so its place is told, and whose it is.
/// A Collector has them, so they are read; nobody is to believe that they do something.
#[test]
fn keys_without_an_effect_are_warned_of() -> Result<()> {
    let route = json!({"condition": "attributes[\"a\"] == 1", "pipelines": ["logs/out"]});
    let config = Configuration::default()
        .set("exporters/nop", json!({}))
        .set(
            "extensions/file_storage",
            json!({"directory": "/var/lib/otelcol", "compaction": {"on_start": true}, "fsync": true}),
        )
        .set("extensions/memory_limiter", json!({"limit_mib": 4000, "min_gc_interval_when_hard_limited": "1s"}))
        .set("service/extensions", json!(["health_check", "file_storage", "memory_limiter"]))
        .connector("routing", json!({"error_mode": "silent", "table": [route]}))
        .pipeline("logs", &[], &["routing"])
        .behind("routing", "logs/out", &[], &["nop"]);
    let setup = Setup::without_plugins(&config)?;
    let validated = setup.validate()?;
    let text = String::from_utf8_lossy(&validated.stdout).into_owned();
    ensure!(validated.status.success(), "{text} {}", String::from_utf8_lossy(&validated.stderr));
    for words in [
        "extension file_storage: `directory` has no effect here: queues are kept in the database",
        "extension file_storage: `compaction` has no effect here: ",
        "extension file_storage: `fsync` has no effect here: ",
        "extension memory_limiter: `min_gc_interval_when_hard_limited` has no effect here: ",
        "connector routing: `error_mode` has no effect here: ",
    ] {
        let told = text.lines().filter(|line| line.starts_with("warning: ") && line.contains(words)).count();
        ensure!(told == 1, "{told} warnings `{words}`: {text}");
    }
    ensure!(text.matches("has no effect here").count() == 5, "{text}");
    Ok(())
}

#[test]
fn too_little_memory_is_told_at_the_limit() -> Result<()> {
    let plugin = otelier_tests::environment::plugin("aggregate")?;
    let entry = json!({"limits": {"memory_mib": 1}});
    let setup = Setup::new(&Configuration::aggregate().text(), &manifest(&[("aggregate", &plugin, entry)]))?;
    let output = setup.validate()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let is_told =
        text.contains("plugins.yaml:") && text.contains("processor aggregate") && text.contains("`memory_mib`");
    ensure!(output.status.code() == Some(1) && is_told, "{text}");
    Ok(())
}
