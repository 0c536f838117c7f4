//! What a good configuration becomes, and that the ones we ship are good.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::{KNOWN, MANIFEST, PIPELINE, load_with};
use crate::config::{
    ConfigText, Draft, Environment, Errors, Known, Limits, LogEncoding, LogLevel, LogOutput, LogSettings, MetricLevel,
    MetricSettings, Plan, ResourceSettings, Sources, Telemetry, TraceSettings, Update, World, load, load_str,
};
use crate::contract::{
    AttributeValue, Durability, Instances, Interface, OnTrap, OtlpProtocol, PartitionKey, PartitionLevel, Signal,
    TelemetryDestination,
};

fn good(result: Result<Plan, Errors>) -> Plan {
    result.unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn only_what_is_used_is_in_the_plan_and_the_rest_is_warned_about() {
    let config = "\
receivers: {otlp/b: , otlp: {a: 1}, otlp/unused: }
processors: {aggregate/y: , aggregate/x: {k: v}, aggregate: }
exporters: {debug: , prometheus: }
extensions: {health_check: , health_check/2: }
service:
  extensions: [health_check/2]
  pipelines:
    metrics/a: {receivers: [otlp, otlp/b], processors: [aggregate/x, aggregate/y], exporters: [debug], durability: interval}
    traces: {receivers: [otlp], exporters: [debug]}
";
    let plan = good(load_with(config, MANIFEST));
    let names =
        |components: &[crate::config::Component]| components.iter().map(|c| c.id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&plan.receivers), ["otlp/b", "otlp"]);
    assert_eq!(names(&plan.exporters), ["debug"]);
    assert_eq!(names(&plan.extensions), ["health_check/2"]);
    let processors: Vec<_> =
        plan.processors.iter().map(|p| (p.component.id.to_string(), p.plugin.name.as_str())).collect();
    assert_eq!(processors, [("aggregate/y".to_owned(), "aggregate"), ("aggregate/x".to_owned(), "aggregate")]);
    assert_eq!(
        plan.processors.iter().map(|p| p.component.node.to_json()).collect::<Vec<_>>(),
        [json!(null), json!({"k": "v"})]
    );
    let [metrics, traces] = plan.pipelines.as_slice() else { panic!("{:?}", plan.pipelines) };
    assert_eq!(
        (metrics.id.to_string().as_str(), metrics.signal, metrics.durability),
        ("metrics/a", Signal::Metrics, Some(Durability::Interval))
    );
    assert_eq!(metrics.processors.iter().map(ToString::to_string).collect::<Vec<_>>(), ["aggregate/x", "aggregate/y"]);
    assert_eq!((traces.signal, traces.durability, traces.processors.len()), (Signal::Traces, None, 0));
    assert_eq!(traces.position.to_string(), "c.yaml:9:5");
    assert_eq!(
        plan.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "c.yaml:1:37: receiver `otlp/unused` is defined but stands in no pipeline; it does not run",
            "c.yaml:2:50: processor `aggregate` is defined but stands in no pipeline; it does not run",
            "c.yaml:3:22: exporter `prometheus` is defined but stands in no pipeline; it does not run",
            "c.yaml:4:14: extension `health_check` is defined but not listed under `service.extensions`; it does not run",
        ]
    );
}

/// Keys of the host are in the plan, and not in what a plugin reads: it is configured as if they were not written.
#[test]
fn a_plugin_does_not_see_where_its_state_is_kept() {
    let processors = |body: &str| {
        let config = format!("{PIPELINE}      processors: [aggregate]\nprocessors: {{aggregate: {body}}}\n");
        let processors = good(load_with(&config, MANIFEST)).processors;
        let one = processors.into_iter().next().unwrap_or_else(|| panic!("no processor"));
        (one.component.node.to_json(), one.storage.map(|named| (named.id.to_string(), named.position.to_string())))
    };
    let named = |position: &str| Some(("file_storage/a".to_owned(), position.to_owned()));
    assert_eq!(processors("{storage: file_storage/a}"), (json!(null), named("c.yaml:9:35")));
    assert_eq!(
        processors("{k: {storage: 1, checkpoint_file: 2}, storage: file_storage/a}"),
        (json!({"k": {"storage": 1, "checkpoint_file": 2}}), named("c.yaml:9:72")),
        "below its own keys a plugin calls them as it likes"
    );
    assert_eq!(processors("{k: v}"), (json!({"k": "v"}), None));
    assert_eq!(processors("{}"), (json!({}), None));
}

#[test]
fn a_plugin_has_defaults_and_can_change_them() {
    let config = format!("{PIPELINE}      processors: [aggregate]\nprocessors: {{aggregate: }}\n");
    let plugin = |manifest: &str| good(load_with(&config, manifest)).processors.into_iter().map(|p| p.plugin).next();
    let plain = plugin(MANIFEST).unwrap_or_else(|| panic!("no processor"));
    assert_eq!((plain.name.as_str(), plain.file.as_path()), ("aggregate", Path::new("plugins/aggregate.wasm")));
    assert_eq!((plain.world, plain.sha256, plain.on_trap), (World::Processor, None, OnTrap::Refuse));
    assert_eq!(plain.file_position.to_string(), "plugins/m.yaml:3:11");
    let defaults = Limits {
        memory_mib: 64,
        call_timeout: Duration::from_secs(1),
        emitted_rows: 1_000_000,
        dictionary_entries: 1_000_000,
        storage_mib: 1024,
        log_bytes: 65_536,
        host_calls: 1_000_000,
        plugin_bytes_max: 64 << 20,
    };
    assert_eq!(plain.limits, defaults);
    assert_eq!(plain.instances, Instances::default());
    let divided = "plugins: {aggregate: {file: a.wasm, instances: 4, partition_by: [a, {key: b, level: resource}]}}";
    let divided = plugin(divided).unwrap_or_else(|| panic!("no processor")).instances;
    let keys = [(PartitionLevel::Item, "a"), (PartitionLevel::Resource, "b")];
    let keys = keys.map(|(level, key)| PartitionKey { level, key: key.to_owned() });
    assert_eq!(divided, Instances { count: 4, partition_by: keys.to_vec() });
    let manifest = format!(
        "plugins:\n  aggregate:\n    file: /abs/a.wasm\n    world: processor-plugin@0.1.0\n    sha256: {}\n    on_trap: drop\n    limits: {{memory_mib: 8, call_timeout: 250ms}}\n",
        "0aFF".repeat(16)
    );
    let changed = plugin(&manifest).unwrap_or_else(|| panic!("no processor"));
    assert_eq!((changed.file, changed.on_trap), (PathBuf::from("/abs/a.wasm"), OnTrap::Drop));
    assert_eq!(changed.sha256.map(|hash| (hash[0], hash[31])), Some((0x0a, 0xff)));
    assert_eq!(changed.limits, Limits { memory_mib: 8, call_timeout: Duration::from_millis(250), ..defaults });
}

#[test]
fn a_plugin_is_chosen_in_a_folder_and_watched_unless_it_is_pinned() {
    let config = format!("{PIPELINE}      processors: [aggregate]\nprocessors: {{aggregate: }}\n");
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    for file in ["aggregate-1.2.0.wasm", "aggregate-1.10.0.wasm", "aggregate.wasm"] {
        std::fs::write(folder.path().join(file), "").unwrap_or_else(|error| panic!("{error}"));
    }
    let plugin = |keys: &str| {
        let manifest = format!("plugins:\n  aggregate: {{{keys}}}\n");
        good(load_with(&config, &manifest)).processors.into_iter().map(|p| p.plugin).next()
    };
    let at = folder.path().display();
    let newest = plugin(&format!("folder: '{at}'")).unwrap_or_else(|| panic!("no processor"));
    assert_eq!(newest.file, folder.path().join("aggregate-1.10.0.wasm"));
    assert_eq!(
        (newest.version.map(|version| version.to_string()).as_deref(), newest.update),
        (Some("1.10.0"), Update::Watch)
    );
    assert_eq!(newest.grants.interfaces, [Interface::Log, Interface::Storage, Interface::Wasi]);
    let exact = format!("folder: '{at}', version: 1.2.0, update: pinned, grants: {{interfaces: [log]}}");
    let exact = plugin(&exact).unwrap_or_else(|| panic!("no processor"));
    assert_eq!((exact.file, exact.update), (folder.path().join("aggregate-1.2.0.wasm"), Update::Pinned));
    assert_eq!(exact.grants.interfaces, [Interface::Log]);
    let hashed = plugin(&format!("file: a.wasm, sha256: {}, grants: {{interfaces: []}}", "0a".repeat(32)));
    let hashed = hashed.unwrap_or_else(|| panic!("no processor"));
    assert_eq!((hashed.update, hashed.folder, hashed.grants.interfaces), (Update::Pinned, None, vec![]));
}

#[test]
fn telemetry_has_both_of_the_collectors_forms() {
    let telemetry = |text: &str| good(load_with(&format!("{PIPELINE}  telemetry: {text}\n"), MANIFEST)).telemetry;
    let addresses = |text: &str| telemetry(&format!("{{metrics: {text}}}")).metrics.addresses;
    let quiet = MetricSettings { level: MetricLevel::Normal, addresses: vec![OWN.to_owned()], periodic: Vec::new() };
    let logs = LogSettings { level: LogLevel::Info, outputs: vec![LogOutput::Stderr], ..LogSettings::default() };
    let (traces, resource) = (TraceSettings { ratio: 1.0, processors: Vec::new() }, ResourceSettings::default());
    assert_eq!(telemetry(""), Telemetry { logs, metrics: quiet, traces, resource });
    let logs = telemetry("{logs: {level: debug, encoding: json}, metrics: }").logs;
    assert_eq!((logs.level, logs.encoding), (LogLevel::Debug, LogEncoding::Json));
    assert_eq!(addresses("{address: localhost:1}"), ["localhost:1"]);
    assert_eq!(addresses("{address: ':8888'}"), ["0.0.0.0:8888"]);
    assert_eq!(addresses("{readers: [{pull: {exporter: {prometheus: {host: '::1', port: 9}}}}]}"), ["[::1]:9"]);
    let prometheus = |port: u16| format!("{{pull: {{exporter: {{prometheus: {{port: {port}}}}}}}}}");
    let two = addresses(&format!("{{readers: [{}, {}]}}", prometheus(1), prometheus(2)));
    assert_eq!(two, ["127.0.0.1:1", "127.0.0.1:2"]);
    assert_eq!(addresses("{readers: [{pull: {exporter: {prometheus: }}}]}"), [OWN]);
    assert_eq!(addresses("{readers: []}"), [""; 0]);
    assert_eq!(addresses("{level: none}"), [""; 0]);
    assert_eq!(addresses("{level: detailed}"), [OWN]);
}

const OWN: &str = "127.0.0.1:8888";

#[test]
fn telemetry_is_pushed_where_the_collectors_configuration_says() {
    let telemetry = |text: &str| good(load_with(&format!("{PIPELINE}  telemetry: {text}\n"), MANIFEST)).telemetry;
    let otlp = |more: &str| format!("{{exporter: {{otlp: {{protocol: grpc, endpoint: 'backend:4317'{more}}}}}}}");
    let metrics = telemetry(&format!("{{metrics: {{readers: [{{periodic: {}}}]}}}}", otlp(""))).metrics;
    let [reader] = metrics.periodic.as_slice() else { panic!("{metrics:?}") };
    assert_eq!((reader.interval, reader.timeout), (Duration::from_secs(60), Duration::from_secs(30)));
    let expected = TelemetryDestination {
        protocol: OtlpProtocol::Grpc,
        endpoint: "https://backend:4317".to_owned(),
        certificate: None,
        client_certificate: None,
        client_key: None,
        headers: Vec::new(),
        gzip: false,
        timeout: Duration::from_secs(10),
    };
    assert_eq!(reader.destination, expected);
    assert!(metrics.addresses.is_empty());
    let more = ", insecure: true, compression: gzip, timeout: 7, headers: [{name: k, value: s3cret}]";
    let logs = telemetry(&format!("{{logs: {{processors: [{{batch: {}}}]}}}}", otlp(more))).logs;
    let [processor] = logs.processors.as_slice() else { panic!("{logs:?}") };
    assert_eq!((processor.schedule_delay, processor.queue_max), (Duration::from_secs(1), 2048));
    let destination = &processor.destination;
    assert_eq!((destination.endpoint.as_str(), destination.gzip), ("http://backend:4317", true));
    assert!(!format!("{processor:?}").contains("s3cret"), "{processor:?}");
    let traces = |more: &str| telemetry(&format!("{{traces: {{processors: [{{batch: {}}}]{more}}}}}", otlp(""))).traces;
    assert_eq!((traces("").ratio, traces("").processors.len()), (1.0, 1));
    assert_eq!(traces(", level: none").processors, []);
    for (sampler, ratio) in [
        ("always_on: {}", 1.0),
        ("always_off: ", 0.0),
        ("trace_id_ratio_based: {ratio: 0.25}", 0.25),
        ("parent_based: {root: {trace_id_ratio_based: {ratio: 0.01}}}", 0.01),
        ("parent_based: {}", 1.0),
    ] {
        assert_eq!(traces(&format!(", sampler: {{{sampler}}}")).ratio, ratio, "{sampler}");
    }
}

#[test]
fn the_resource_has_both_of_the_collectors_forms() {
    let changes = |text: &str| {
        let config = format!("{PIPELINE}  telemetry: {{resource: {text}}}\n");
        good(load_with(&config, MANIFEST)).telemetry.resource.changes
    };
    assert_eq!(changes(""), []);
    let named = changes("{service.name: edge, service.version: }");
    assert_eq!(named, [("service.name".to_owned(), Some("edge".into())), ("service.version".to_owned(), None)]);
    let listed = changes("{attributes: [{name: floor, value: 3}, {name: kind, value: oven}]}");
    let floor = ("floor".to_owned(), Some(AttributeValue::Integer(3)));
    assert_eq!(listed, [floor, ("kind".to_owned(), Some("oven".into()))]);
}

#[test]
fn every_shipped_configuration_loads() {
    let folder = shipped();
    let manifest = folder.join("plugins.yaml");
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let known =
        Known { exporters: &["debug", "otlp", "prometheus"], extensions: &["health_check", "rocksdb"], ..KNOWN };
    let mut loaded = 0;
    for file in files.filter_map(Result::ok).map(|entry| entry.path()) {
        if file == manifest || file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let plan = good(from_file(&file, &manifest, &known).finish());
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
        loaded += 1;
    }
    assert!(loaded > 0, "no configuration in {}", folder.display());
}

#[test]
fn the_quickstart_is_what_the_documentation_says() {
    let plan = quickstart(&|_| None);
    let [otlp] = plan.receivers.as_slice() else { panic!("{:?}", plan.receivers) };
    let protocols = json!({ "grpc": {"endpoint": "127.0.0.1:4317"}, "http": {"endpoint": "127.0.0.1:4318"} });
    assert_eq!(otlp.node.to_json(), json!({ "protocols": protocols }));
    let [aggregate] = plan.processors.as_slice() else { panic!("{:?}", plan.processors) };
    let expected = json!({
        "metrics": ["work.done"], "group_by": ["work.type"], "rename": "{name}_batched", "interval": "5s"
    });
    assert_eq!(aggregate.component.node.to_json(), expected);
    assert_eq!(aggregate.plugin.file, shipped().join("../target/plugins/aggregate.wasm"));
    let exporters: Vec<_> = plan.exporters.iter().map(|exporter| exporter.node.to_json()).collect();
    assert_eq!(exporters, [json!({"endpoint": "127.0.0.1:9464"}), json!({"verbosity": "basic"})]);
    let extensions: Vec<_> = plan.extensions.iter().map(|extension| extension.node.to_json()).collect();
    assert_eq!(extensions, [json!({"endpoint": "127.0.0.1:13133"})]);
    assert_eq!(plan.pipelines.iter().map(|p| p.id.to_string()).collect::<Vec<_>>(), ["metrics", "traces", "logs"]);
    assert_eq!(plan.telemetry.metrics.addresses, [OWN]);
}

#[test]
fn every_address_of_the_quickstart_can_be_overridden() {
    let plan = quickstart(&|name| Some(format!("{name}:1").into()));
    let protocols = json!({
        "grpc": {"endpoint": "OTELIER_GRPC_ENDPOINT:1"}, "http": {"endpoint": "OTELIER_HTTP_ENDPOINT:1"}
    });
    let receivers: Vec<_> = plan.receivers.iter().map(|receiver| receiver.node.to_json()).collect();
    assert_eq!(receivers, [json!({ "protocols": protocols })]);
    let endpoints: Vec<_> = plan.exporters.iter().chain(&plan.extensions).map(|c| c.node.to_json()).collect();
    assert_eq!(endpoints.first(), Some(&json!({"endpoint": "OTELIER_PROMETHEUS_ENDPOINT:1"})));
    assert_eq!(endpoints.last(), Some(&json!({"endpoint": "OTELIER_HEALTH_ENDPOINT:1"})));
    assert_eq!(plan.telemetry.metrics.addresses, ["OTELIER_TELEMETRY_ADDRESS:1"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let found = |path: &Path| {
        from_file(path, &shipped().join("plugins.yaml"), &KNOWN).finish().err().map(|errors| errors.to_string())
    };
    let missing = found(Path::new("/nowhere/c.yaml")).unwrap_or_default();
    assert!(missing.starts_with("/nowhere/c.yaml: cannot be read: "), "{missing}");
    // The test's own program is a long file that is no text.
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let too_long = "is longer than 1048576 bytes; a configuration is not, is this the right file?";
    assert_eq!(found(&program), Some(format!("{}: {too_long}", program.display())));
    let latin = std::env::temp_dir().join(format!("otelier-config-{}.yaml", std::process::id()));
    std::fs::write(&latin, b"a: \xe4\n").unwrap_or_else(|error| panic!("{error}"));
    let not_utf8 = found(&latin);
    assert!(std::fs::remove_file(&latin).is_ok());
    assert_eq!(not_utf8, Some(format!("{}: is not UTF-8 at byte 3; save the file as UTF-8", latin.display())));
}

fn from_file(config: &Path, manifest: &Path, known: &Known<'_>) -> Draft {
    let default = ConfigText { path: Path::new("default"), text: "" };
    load(&Sources::file(config), &default, Some(manifest), known, &|_| Err("no network".to_owned()))
}

/// The quickstart with the given variables, whatever the process has.
fn quickstart(environment: &Environment<'_>) -> Plan {
    let [config, manifest] = ["quickstart.yaml", "plugins.yaml"].map(|name| shipped().join(name));
    let [config_text, manifest_text] = [&config, &manifest]
        .map(|path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    let config = ConfigText { path: &config, text: &config_text };
    good(load_str(&config, &ConfigText { path: &manifest, text: &manifest_text }, &KNOWN, environment))
}

/// The folder of the configurations in the repository.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

#[test]
fn a_processor_in_two_pipelines_is_told_apart_by_whether_it_keeps_state() {
    let config = "\
receivers: {otlp: }
processors: {aggregate: , aggregate/b: }
exporters: {debug: }
service:
  pipelines:
    metrics/a: {receivers: [otlp], processors: [aggregate, aggregate/b], exporters: [debug]}
    metrics/b: {receivers: [otlp], processors: [aggregate, aggregate/b], exporters: [debug]}
";
    let plan = good(load_with(config, MANIFEST));
    let errors: Vec<String> = plan.shared.iter().map(|shared| shared.with_state().to_string()).collect();
    assert_eq!(
        errors,
        [
            "c.yaml:7:49: processor `aggregate` keeps state and stands in two pipelines, `metrics/a` and `metrics/b`, which would mix \
             it; give each pipeline its own id such as `aggregate/a`, `aggregate/b`",
            "c.yaml:7:60: processor `aggregate/b` keeps state and stands in two pipelines, `metrics/a` and `metrics/b`, which would mix \
             it; give each pipeline its own id such as `aggregate/b_a`, `aggregate/b_b`",
        ]
    );
}

#[test]
fn secrets_are_known_by_their_keys_and_by_coming_from_the_environment() {
    let config = "\
receivers: {otlp: }
exporters: {debug: }
processors:
  aggregate:
    metrics: [work.done, '${env:WORD}', 'a ${env:PORT} b', '$$5']
    number: ${env:PORT}
    empty: ${env:EMPTY}
    api-key: topsecret
    Api_Token: {nested: [12345678, 4711, true]}
service:
  pipelines:
    metrics: {receivers: [otlp], processors: [aggregate], exporters: [debug]}
";
    let plan = good(load_with(config, MANIFEST));
    let secrets: Vec<serde_json::Value> =
        plan.processors.iter().flat_map(|processor| processor.component.node.secrets()).collect();
    let expected = serde_json::json!(["word", "a 4317 b", "topsecret", 12_345_678]);
    assert_eq!(serde_json::Value::from(secrets), expected);
}

/// What is said of a wrong value often shows it.
#[test]
fn the_value_of_a_key_of_secrets_is_not_shown() {
    #[derive(Debug, serde::Deserialize)]
    struct Keys {
        tokens: Option<Vec<String>>,
        password: Option<Option<u32>>,
    }
    for text in ["tokens: topsecret", "password: topsecret"] {
        let read = text.parse::<super::super::Node>().map(|node| node.parse::<Keys>());
        let Ok(Err(error)) = read else { panic!("{text} reads") };
        let error = error.to_string();
        assert!(error.contains("expected") && !error.contains("topsecret"), "{error}");
    }
    let keys = "tokens: [a]\npassword: 5".parse::<super::super::Node>().map(|node| node.parse::<Keys>());
    let Ok(Ok(Keys { tokens, password })) = keys else { panic!("they do not read") };
    assert_eq!((tokens.map(|tokens| tokens.len()), password.flatten()), (Some(1), Some(5)));
}

#[test]
fn pipelines_are_beside_those_that_share_a_receiver_with_what_is_in_front_of_them() {
    let config = "\
receivers: {otlp/a: , otlp/b: }
processors: {aggregate: }
exporters: {debug/1: , debug/2: , debug/3: , debug/4: , debug/5: }
connectors: {forward: }
service:
  pipelines:
    metrics/1: {receivers: [otlp/a], exporters: [debug/1]}
    metrics/2: {receivers: [otlp/a, otlp/b], exporters: [debug/2]}
    metrics/3: {receivers: [otlp/b], exporters: [forward]}
    metrics/4: {receivers: [forward], processors: [aggregate], exporters: [debug/4]}
    traces: {receivers: [otlp/a], exporters: [debug/5]}
";
    let plan = good(load_with(config, MANIFEST));
    let told = plan.beside().into_iter().map(|(pipeline, beside)| {
        let beside: Vec<String> = beside.into_iter().map(|other| other.id.to_string()).collect();
        format!("{}: {}", pipeline.id, beside.join(" "))
    });
    let expected = [
        "metrics/1: metrics/1 metrics/2",
        "metrics/2: metrics/1 metrics/2 metrics/3 metrics/4",
        "metrics/3: metrics/2 metrics/3 metrics/4",
        "metrics/4: metrics/2 metrics/3 metrics/4",
        "traces: traces",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let stateful = plan.processors.iter().map(|processor| processor.component.id.clone()).collect();
    let waiting = |name: &str| {
        let found = plan.waiting_behind_state(&stateful, |exporter| exporter.name() == Some(name));
        found.into_iter().map(|(pipeline, _)| pipeline.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(waiting("2"), ["metrics/4"], "a receiver feeds both");
    assert_eq!(waiting("1"), [""; 0], "no request reaches both");
}
