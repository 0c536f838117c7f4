//! Each mistake and the exact line about it.

use super::{MANIFEST, PIPELINE, load_with, problems};

fn check(cases: &[(&str, &str)]) {
    for (config, expected) in cases {
        assert_eq!(problems(config), expected.trim(), "for this configuration:\n{config}");
    }
}

/// Each text stands after the good pipeline, from line 8 on.
fn check_after_pipeline(cases: &[(&str, &str)]) {
    for (more, expected) in cases {
        let config = format!("{PIPELINE}{more}");
        assert_eq!(problems(&config), expected.trim(), "for this configuration:\n{config}");
    }
}

/// Each text is a manifest beside a good configuration.
fn check_manifest(cases: &[(&str, &str)]) {
    for (manifest, expected) in cases {
        let found = load_with(PIPELINE, manifest).map_or_else(|errors| errors.to_string(), |_| "none".to_owned());
        assert_eq!(found, expected.trim(), "for this manifest:\n{manifest}");
    }
}

#[test]
fn yaml_itself() {
    check(&[
        ("", "c.yaml: holds nothing; is this the right file?"),
        ("# only a comment\n", "c.yaml: holds nothing; is this the right file?"),
        ("a: [1, 2\n", "c.yaml:1:4: invalid YAML: unclosed bracket '['"),
        ("a: b: c\n", "c.yaml:1:5: invalid YAML: mapping values are not allowed in this context"),
        ("[otlp]\n", "c.yaml:1:1: expected a mapping, found a list"),
    ]);
    check_after_pipeline(&[
        ("---\nmore: 1\n", "c.yaml:9:1: a second YAML document starts here; keep one document per file"),
        ("receivers: {}\n", "c.yaml:8:1: key `receivers` was already given on line 1; remove one of the two"),
        ("extensions: {[a]: b}\n", "c.yaml:8:14: a key must be plain text"),
        ("extensions: {<<: 5}\n", "c.yaml:8:18: `<<` merges a mapping or a list of mappings; write `<<: *anchor`"),
        ("extensions: *nowhere\n", "c.yaml:8:13: no anchor `&nowhere` stands before this alias"),
        (
            "extensions: &a {health_check: *a}\n",
            "c.yaml:8:31: this alias stands inside its own anchor; a value cannot hold itself",
        ),
        (
            "extensions: !secret x\n",
            "c.yaml:8:21: tag `!secret` is not supported; remove it, and quote the value if it is text",
        ),
    ]);
}

#[test]
fn unknown_and_missing_keys() {
    check(&[
        ("exporters: {debug: }\n", "c.yaml:1:1: missing key `service`"),
        ("service: {}\n", "c.yaml:1:10: missing key `pipelines`"),
        ("service:\n  extensions: []\n", "c.yaml:1:1: missing key `pipelines`"),
    ]);
    check_after_pipeline(&[
        ("reciever: {}\n", "c.yaml:8:1: unknown key `reciever`; did you mean `receivers`?"),
        (
            "    traces: {receivers: [otlp], exporters: [debug], procesors: []}\n",
            "c.yaml:8:53: unknown key `procesors`; did you mean `processors`?",
        ),
        (
            "  telemtry: {}\n  zzz: {}\n",
            "c.yaml:8:3: unknown key `telemtry`; did you mean `telemetry`?\n\
             c.yaml:9:3: unknown key `zzz`; known here: `delivery`, `extensions`, `pipelines`, `receivers`, `telemetry`",
        ),
    ]);
}

#[test]
fn wrong_types() {
    check_after_pipeline(&[
        ("extensions: [health_check]\n", "c.yaml:8:13: expected a mapping, found a list"),
        ("extensions:\n- health_check\n", "c.yaml:8:1: expected a mapping, found a list"),
        ("extensions:\n  health_check: 5\n", "c.yaml:9:17: expected a mapping, found `5`"),
        (
            "  extensions: health_check\n",
            "c.yaml:8:15: expected a list such as `[otlp]`, found the text `health_check`",
        ),
        ("  extensions: [[]]\n", "c.yaml:8:16: expected a component id, found a list"),
        ("    traces: 1\n", "c.yaml:8:13: expected a mapping, found `1`"),
        ("      durability: synced\n", "c.yaml:8:19: unknown value `synced`; did you mean `sync`?"),
        ("      durability: 5\n", "c.yaml:8:19: expected one of a fixed set of words, found `5`"),
    ]);
}

#[test]
fn ids() {
    check_after_pipeline(&[
        (
            "extensions: {health_check/: }\n",
            "c.yaml:8:14: `health_check/`: nothing after the slash: write `type` or `type/name`",
        ),
        ("extensions: {/a: }\n", "c.yaml:8:14: `/a`: a component id starts with its type: write `type` or `type/name`"),
        ("    metrics/: {}\n", "c.yaml:8:5: `metrics/`: nothing after the slash: write `type` or `type/name`"),
        (
            "extensions: {\"a b\": }\n",
            "c.yaml:8:14: `a b`: a component id is at most 255 bytes without white space or control characters",
        ),
    ]);
}

#[test]
fn types() {
    let config = "\
receivers: {otpl: , otlp: }
processors: {agregate: , filter/x: }
exporters: {debug: , kafka: }
extensions: {healthcheck: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
";
    check(&[(
        config,
        "c.yaml:1:13: unknown receiver type `otpl`; did you mean `otlp`?\n\
         c.yaml:2:14: no plugin `agregate` in the manifest plugins/m.yaml; did you mean `aggregate`?\n\
         c.yaml:2:26: no plugin `filter` in the manifest plugins/m.yaml; known here: `aggregate`\n\
         c.yaml:3:22: unknown exporter type `kafka`; not available yet; send OTLP by `otlp` to a Collector that has it\n\
         c.yaml:4:14: unknown extension type `healthcheck`; did you mean `health_check`?",
    )]);
    check_after_pipeline(&[
        ("connectors: {}\n", "none"),
        (
            "connectors: {count: }\n",
            "c.yaml:8:14: unknown connector type `count`; not available yet; run it in a Collector in front that sends OTLP here",
        ),
    ]);
}

/// A plugin among the connectors.
#[test]
fn connectors_that_are_plugins() {
    let wrong = "c.yaml:3:14: connector `aggregate` is a plugin, which makes metrics of spans or log records: list it among the exporters of traces or logs pipelines and among the receivers of metrics pipelines, and nowhere else";
    for (pipelines, expected) in [
        (
            "    traces: {receivers: [otlp], exporters: [aggregate]}\n    metrics: {receivers: [aggregate], exporters: [debug]}\n",
            "none",
        ),
        (
            "    logs: {receivers: [otlp], exporters: [aggregate, debug]}\n    metrics: {receivers: [aggregate, otlp], exporters: [debug]}\n",
            "none",
        ),
        ("    traces: {receivers: [otlp], exporters: [aggregate]}\n", wrong),
        ("    metrics: {receivers: [aggregate], exporters: [debug]}\n", wrong),
        (
            "    metrics/a: {receivers: [otlp], exporters: [aggregate]}\n    metrics/b: {receivers: [aggregate], exporters: [debug]}\n",
            wrong,
        ),
        (
            "    traces/a: {receivers: [otlp], exporters: [aggregate]}\n    traces/b: {receivers: [aggregate], exporters: [debug]}\n",
            wrong,
        ),
        (
            "    traces: {receivers: [otlp], exporters: [aggregate]}\n    metrics: {receivers: [aggregate], exporters: [debug]}\n    traces/connector:aggregate: {receivers: [otlp], exporters: [debug]}\n",
            "c.yaml:3:14: pipeline `traces/connector:aggregate` has the name that the connector `aggregate` has for itself: give it another one",
        ),
    ] {
        let config = connected(pipelines).replace("{forward: , forward/2: }", "{aggregate: }");
        assert_eq!(problems(&config), expected, "{pipelines}");
    }
    let config = connected("    traces: {receivers: [otlp], processors: [aggregate], exporters: [debug, aggregate]}\n    metrics: {receivers: [aggregate], exporters: [debug]}\n")
        .replace("{forward: , forward/2: }\n", "{aggregate: }\nprocessors: {aggregate: }\n");
    let expected = "c.yaml:3:14: `aggregate` is a connector and a processor too: give one of them another name, such as `aggregate/2`";
    assert_eq!(problems(&config), expected);
}

/// Around pipelines that are connected.
fn connected(pipelines: &str) -> String {
    format!(
        "receivers: {{otlp: }}\nexporters: {{debug: }}\nconnectors: {{forward: , forward/2: }}\nservice:\n  pipelines:\n{pipelines}"
    )
}

#[test]
fn connectors() {
    for (pipelines, expected) in [
        (
            "    logs/a: {receivers: [otlp], exporters: [forward]}\n    logs/b: {receivers: [forward], exporters: [debug]}\n",
            "none",
        ),
        (
            "    logs/a: {receivers: [otlp], exporters: [forward, debug]}\n",
            "c.yaml:3:14: connector `forward` stands among the exporters of logs pipelines, and among the receivers of none: list it there too, or remove it here",
        ),
        (
            "    logs/a: {receivers: [otlp, forward], exporters: [debug]}\n",
            "c.yaml:3:14: connector `forward` stands among the receivers of logs pipelines, and among the exporters of none: list it there too, or remove it here",
        ),
        (
            "    logs/a: {receivers: [otlp], exporters: [forward]}\n    traces/b: {receivers: [forward], exporters: [debug]}\n",
            "c.yaml:3:14: connector `forward` stands among the receivers of traces pipelines, and among the exporters of none: list it there too, or remove it here\n\
             c.yaml:3:14: connector `forward` stands among the exporters of logs pipelines, and among the receivers of none: list it there too, or remove it here",
        ),
        (
            "    logs/a: {receivers: [otlp, forward/2], exporters: [forward]}\n    logs/b: {receivers: [forward], exporters: [debug, forward/2]}\n",
            "c.yaml:6:5: pipelines are connected in a circle: logs/a → `forward` → logs/b → `forward/2` → logs/a; take one of these connectors out",
        ),
        (
            "    logs/a: {receivers: [otlp, forward], exporters: [forward, debug]}\n",
            "c.yaml:6:5: pipelines are connected in a circle: logs/a → `forward` → logs/a; take one of these connectors out",
        ),
        (
            "    logs/a: {receivers: [otlp], exporters: [foward]}\n",
            "c.yaml:6:45: pipeline `logs/a` names exporter `foward`, which is not defined under `exporters`; known here: `debug`",
        ),
    ] {
        let config = connected(pipelines);
        let found = problems(&config);
        assert_eq!(found, expected, "{pipelines}");
    }
    let twice = connected("    logs: {receivers: [otlp], exporters: [debug]}\n")
        .replace("{forward: , ", "{debug: , forward: , ");
    let found = problems(&twice);
    assert!(
        found.contains("`debug` is a connector and an exporter too: give one of them another name, such as `debug/2`"),
        "{found}"
    );
}

/// Each pair doubles the ways: ten of them are more than a request can go.
#[test]
fn connections_that_multiply_have_a_bound() {
    let mut connectors = String::new();
    let mut pipelines = "    logs/0: {receivers: [otlp], exporters: [forward/a0, forward/b0]}\n".to_owned();
    for level in 0..10 {
        let next = level + 1;
        connectors += &format!("forward/a{level}: , forward/b{level}: , ");
        let exporters = if next == 10 { "debug".to_owned() } else { format!("forward/a{next}, forward/b{next}") };
        pipelines += &format!(
            "    logs/{next}: {{receivers: [forward/a{level}, forward/b{level}], exporters: [{exporters}]}}\n"
        );
    }
    let config = connected(&pipelines).replace("{forward: , forward/2: }", &format!("{{{connectors}}}"));
    let found = problems(&config);
    let words =
        "c.yaml:6:5: a request would go through more than 1000 pipelines by this one's connectors: connect fewer";
    assert!(found.starts_with(words), "{found}");
}

#[test]
fn pipelines() {
    check(&[
        (
            "service: {pipelines: {}}\n",
            "c.yaml:1:22: no pipelines; define at least one, such as `metrics: {receivers: [..], exporters: [..]}`",
        ),
        (
            "service:\n  pipelines:\n",
            "c.yaml:2:3: no pipelines; define at least one, such as `metrics: {receivers: [..], exporters: [..]}`",
        ),
    ]);
    check_after_pipeline(&[
        (
            "    metric: {receivers: [otlp], exporters: [debug]}\n",
            "c.yaml:8:5: unknown signal `metric` in pipeline id `metric`; did you mean `metrics`?",
        ),
        (
            "    profiles/a: {receivers: [otlp], exporters: [debug]}\n",
            "c.yaml:8:5: unknown signal `profiles` in pipeline id `profiles/a`; known here: `metrics`, `traces`, `logs`",
        ),
        ("    logs: {exporters: [debug]}\n", "c.yaml:8:5: pipeline `logs` has no receivers; name at least one"),
        (
            "    logs: {receivers: [otlp], exporters: }\n",
            "c.yaml:8:5: pipeline `logs` has no exporters; name at least one",
        ),
        ("    logs: {receivers: [otlp], exporters: [1]}\n", "c.yaml:8:43: expected a component id, found `1`"),
        (
            "    logs: {receivers: [otlp], exporters: [debug, debug]}\n",
            "c.yaml:8:50: pipeline `logs` lists exporter `debug` twice; remove one of the two",
        ),
        (
            "    metrics: {receivers: [otlp], exporters: [debug]}\n",
            "c.yaml:8:5: key `metrics` was already given on line 5; remove one of the two",
        ),
    ]);
}

#[test]
fn references() {
    check_after_pipeline(&[
        (
            "    logs: {receivers: [otpl], processors: [aggregate], exporters: [debug/b]}\n",
            "c.yaml:8:24: pipeline `logs` names receiver `otpl`, which is not defined under `receivers`; did you mean `otlp`?\n\
             c.yaml:8:44: pipeline `logs` names processor `aggregate`, which is not defined under `processors`\n\
             c.yaml:8:68: pipeline `logs` names exporter `debug/b`, which is not defined under `exporters`; did you mean `debug`?",
        ),
        (
            "  extensions:\n    - health_check\n",
            "c.yaml:9:7: `service` names extension `health_check`, which is not defined under `extensions`",
        ),
        (
            "  extensions: [health_check, health_check]\nextensions:\n  health_check:\n",
            "c.yaml:8:30: `service` lists extension `health_check` twice; remove one of the two",
        ),
    ]);
}

#[test]
fn references_in_values() {
    check_after_pipeline(&[
        (
            "extensions: ${env:A B}\n",
            "c.yaml:8:13: `A B` is no name of an environment variable; write `${env:NAME}` with letters, digits and `_`, or `$$` for a dollar sign",
        ),
        ("extensions: ${env:BYTES}\n", "c.yaml:8:13: environment variable `BYTES` is not UTF-8; set it to UTF-8 text"),
        ("extensions: ${env:A\n", "c.yaml:8:13: expected a mapping, found the text `${env:A`"),
        (
            "extensions: ${vault:x}\n",
            "c.yaml:8:13: `vault:` is read by nobody here: there are `env`, `file`, `yaml`, `http` and `https`",
        ),
    ]);
}

/// What only follows from it is not told.
#[test]
fn a_bad_reference_is_reported_once() {
    check_after_pipeline(&[(
        "  telemetry: {logs: {level: \"${env:A B}\"}}\n",
        "c.yaml:8:29: `A B` is no name of an environment variable; write `${env:NAME}` with letters, digits and `_`, or `$$` for a dollar sign",
    )]);
}

#[test]
fn telemetry() {
    check_after_pipeline(&[
        ("  telemetry: {logs: {level: warning}}\n", "c.yaml:8:29: unknown value `warning`; did you mean `warn`?"),
        ("  telemetry: {logs: {levle: warn}}\n", "c.yaml:8:22: unknown key `levle`; did you mean `level`?"),
        (
            "  telemetry:\n    metrics:\n      address: localhost\n",
            "c.yaml:10:16: `localhost` is no address; write `host:port` such as `127.0.0.1:8888`",
        ),
        ("  telemetry:\n    metrics:\n      readers: [periodic: {}]\n", "c.yaml:10:27: missing key `exporter`"),
        (
            "  telemetry:\n    metrics:\n      readers: [{}]\n",
            "c.yaml:10:16: a reader is either `pull` or `periodic`: write one of them",
        ),
        (
            "  telemetry:\n    metrics:\n      readers: [periodic: {interval: 0, exporter: {otlp: {protocol: grpc, endpoint: a}}}]\n",
            "c.yaml:10:38: expected a whole number, 1 or more, found `0`",
        ),
        (
            "  telemetry:\n    logs:\n      processors: [simple: {}]\n",
            "c.yaml:10:20: unknown key `simple`; known here: `batch`",
        ),
        (
            "  telemetry:\n    traces:\n      sampler: {always_on: {}, always_off: {}}\n",
            "c.yaml:9:5: a sampler is one of `always_on`, `always_off`, `trace_id_ratio_based` and `parent_based`: write one of them",
        ),
        (
            "  telemetry:\n    traces:\n      sampler: {trace_id_ratio_based: {ratio: 2}}\n",
            "c.yaml:9:5: `ratio` is from 0 to 1",
        ),
        ("  telemetry:\n    resource: {a: 5}\n", "c.yaml:9:19: expected text or nothing, found `5`"),
        (
            "  telemetry:\n    resource: {a: b, attributes: [{name: c, value: d}]}\n",
            "c.yaml:9:15: `attributes` and attributes by name cannot stand together; list all of them",
        ),
        (
            "  telemetry:\n    metrics:\n      readers:\n        - pull: {exporter: {prometheus: {port: 70000}}}\n",
            "c.yaml:11:48: expected a whole number from 0 to 65535, found `70000`",
        ),
        (
            "  telemetry:\n    metrics:\n      readers: []\n      address: :8888\n",
            "c.yaml:9:5: `address` and `readers` both say where metrics go; keep one of them",
        ),
    ]);
}

#[test]
fn manifests() {
    let with = |more: &str| format!("plugins:\n  a:\n    file: a.wasm\n{more}");
    check_manifest(&[
        ("", "plugins/m.yaml: holds nothing; is this the right file?"),
        ("plugin: {}\n", "plugins/m.yaml:1:1: unknown key `plugin`; did you mean `plugins`?"),
        ("plugins: []\n", "plugins/m.yaml:1:10: expected a mapping, found a list"),
        (
            "plugins:\n  a:\n  b: {file: ''}\n",
            "plugins/m.yaml:2:3: missing key `file` or `folder`\nplugins/m.yaml:3:13: an empty path; name the plugin's `.wasm` file, relative to the manifest's folder",
        ),
        (
            "plugins:\n  a/b: {file: x}\n",
            "plugins/m.yaml:2:3: plugin name `a/b` has a slash; name it `a_b` and use the slash in processor ids",
        ),
        (
            "plugins:\n  a b: {file: x}\n",
            "plugins/m.yaml:2:3: `a b`: a component id is at most 255 bytes without white space or control characters",
        ),
        (&with("    worlds: x\n"), "plugins/m.yaml:4:5: unknown key `worlds`; did you mean `world`?"),
        (
            &with("    world: processor-plugin@0.1\n"),
            "plugins/m.yaml:4:12: unknown value `processor-plugin@0.1`; did you mean `processor-plugin@0.1.0`?",
        ),
        (
            &with("    on_trap: ignore\n"),
            "plugins/m.yaml:4:14: unknown value `ignore`; known here: `pass`, `drop`, `refuse`",
        ),
        (
            &with("    sha256: abc\n"),
            "plugins/m.yaml:4:13: expected 64 hexadecimal digits, as `sha256sum` prints them (quoted, if all are decimal), found the text `abc`",
        ),
    ]);
}

#[test]
fn folders_versions_updates_and_grants() {
    let with = |more: &str| format!("plugins:\n  a:\n    file: a.wasm\n    {more}\n");
    let of = |keys: &str| format!("plugins:\n  a: {{{keys}}}\n");
    check_manifest(&[
        (
            &with("folder: b"),
            "plugins/m.yaml:4:13: `file` and `folder` both say where the plugin lies; keep one of them",
        ),
        (
            &with("version: 1.0.0"),
            "plugins/m.yaml:4:14: `version` chooses in a `folder`, and there is none; name one instead of `file`, or remove `version`",
        ),
        (
            &of("folder: /nonexistent"),
            "plugins/m.yaml:2:15: folder /nonexistent: No such file or directory (os error 2); correct `folder`, which is relative to the manifest's",
        ),
        (
            &of("folder: ''"),
            "plugins/m.yaml:2:15: an empty path; name the folder of the plugin's versions, relative to the manifest's folder",
        ),
        (
            &of("folder: x, version: '1.2'"),
            "plugins/m.yaml:2:27: `1.2` is no version (unexpected end of input while parsing minor version number); write all three numbers, such as `1.2.0`",
        ),
        (&with("update: wach"), "plugins/m.yaml:4:13: unknown value `wach`; did you mean `watch`?"),
        (
            &with(&format!("update: watch\n    sha256: {}", "0a".repeat(32))),
            "plugins/m.yaml:4:13: `update: watch` takes what the file changes to, and `sha256` allows one content only; remove one of the two",
        ),
        (&with("instances: 0"), "plugins/m.yaml:4:16: `0` instances; there can be 1 to 64"),
        (&with("instances: 65"), "plugins/m.yaml:4:16: `65` instances; there can be 1 to 64"),
        (&with("instances: -1"), "plugins/m.yaml:4:16: expected a whole number, 0 or more, found `-1`"),
        (
            &with("partition_by: [a]"),
            "plugins/m.yaml:4:19: `partition_by` divides items among `instances`, and there is one; say how many, or remove it",
        ),
        (
            &with("instances: 2\n    partition_by: [a, {key: a, level: resource}, a]"),
            "plugins/m.yaml:5:19: `a` stands there twice; remove one",
        ),
        (
            &with("instances: 2\n    partition_by: [{key: a, level: resorce}]"),
            "plugins/m.yaml:5:36: unknown value `resorce`; did you mean `resource`?",
        ),
        (
            &with("instances: 2\n    partition_by: ['']"),
            "plugins/m.yaml:5:20: an empty attribute key; name the attribute that items are divided by",
        ),
        (
            &with("world: breaker-policy@0.1.0\n    instances: 2"),
            "plugins/m.yaml:5:16: a breaker policy has one instance wherever it stands; remove `instances`",
        ),
        (&with("grants: {interface: []}"), "plugins/m.yaml:4:14: unknown key `interface`; did you mean `interfaces`?"),
        (
            &with("grants: {interfaces: [log, stroage]}"),
            "plugins/m.yaml:4:32: unknown value `stroage`; did you mean `storage`?",
        ),
        (
            &with("limits: {storage_mb: 1}"),
            "plugins/m.yaml:4:14: unknown key `storage_mb`; did you mean `storage_mib`?",
        ),
        (&with("limits: {host_calls: 0}"), "plugins/m.yaml:4:26: must be at least 1"),
    ]);
}

#[test]
fn limits() {
    let with = |limits: &str| format!("plugins:\n  a:\n    file: a.wasm\n    limits: {limits}\n");
    check_manifest(&[
        (&with("{memory_mb: 1}"), "plugins/m.yaml:4:14: unknown key `memory_mb`; did you mean `memory_mib`?"),
        (&with("{memory_mib: 5000}"), "plugins/m.yaml:4:26: a plugin can address at most 4096 MiB, `5000` is more"),
        (&with("{memory_mib: 0}"), "plugins/m.yaml:4:26: must be at least 1"),
        (&with("{emitted_rows: 0}"), "plugins/m.yaml:4:28: must be at least 1"),
        (&with("{emitted_rows: -1}"), "plugins/m.yaml:4:28: expected a whole number, 0 or more, found `-1`"),
        (
            &with("{call_timeout: 5}"),
            "plugins/m.yaml:4:28: `5`: a duration needs a unit: write `5s`, `200ms` or `1m30s`",
        ),
        (&with("{call_timeout: 0s}"), "plugins/m.yaml:4:28: must be longer than zero, such as `1s`"),
        (
            &with("{call_timeout: -5s}"),
            "plugins/m.yaml:4:28: `-5s`: a duration cannot be negative; write `5s`, `200ms` or `1m30s`",
        ),
    ]);
}

#[test]
fn both_files_are_reported_and_an_unreadable_manifest_blames_no_processor() {
    let config = format!("{PIPELINE}processors: {{aggregate: }}\nx: 1\n");
    let found = load_with(&config, "plugins: [\n").map_or_else(|errors| errors.to_string(), |_| "none".to_owned());
    let expected = "c.yaml:9:1: unknown key `x`; known here: `receivers`, `processors`, `exporters`, `extensions`, `connectors`, `service`\n\
                    plugins/m.yaml:1:10: invalid YAML: unclosed bracket '['";
    assert_eq!(found, expected);
    assert!(load_with(PIPELINE, MANIFEST).is_ok());
}
