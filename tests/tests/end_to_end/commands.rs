//! What the command line says without running anything.

use std::process::Command;

use anyhow::{Context, Result};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup, manifest};
use serde_json::json;

#[test]
fn components_lists_every_family() -> Result<()> {
    let output = Command::new(environment::binary()?).arg("components").output()?;
    assert!(output.status.success());
    let expected = "receivers: otlp\n\
                    processors: batch, memory_limiter, aggregate, attributes, filter, resource, and those of the manifest\n\
                    exporters: debug, logging, fallback, file, nop, otlp, otlp_grpc, otlphttp, otlp_http, prometheus\n\
                    extensions: basicauth, bearertokenauth, file_storage, headers_setter, health_check, memory_limiter, \
                    rocksdb, zpages\n\
                    connectors: forward, routing, and plugins for processors that make metrics of spans or log records\n\
                    breakers, under extensions: consecutive-failures, failure-rate, and those of the manifest\n";
    assert_eq!(String::from_utf8(output.stdout)?, expected);
    Ok(())
}

#[test]
fn validate_says_that_a_configuration_is_valid_and_opens_nothing() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    // A validation that opened a port or the state would fail beside this host.
    let _running = setup.start()?;
    let output = setup.validate()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    assert!(text.ends_with("the configuration is valid\n"), "{text}");
    assert!(text.contains("warning: ") && text.contains("exporter `debug`"), "the unused exporter is named: {text}");
    Ok(())
}

#[test]
fn validate_names_file_line_and_nearest_spelling() -> Result<()> {
    let config = Configuration::passthrough().text().replace("\"verbosity\"", "\"verbositi\"");
    let line = 1 + config.lines().position(|line| line.contains("verbositi")).context("the key is on no line")?;
    let config = config.replace("\"prometheus\"\n", "\"promethius\"\n");
    let setup = Setup::new(&config, &manifest(&[]))?;
    let output = setup.validate()?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains("promethius") && errors.contains("`prometheus`"), "{errors}");
    assert!(errors.contains("config.yaml:"), "{errors}");
    let config = Configuration::passthrough()
        .pipeline("metrics", &[], &["prometheus", "debug"])
        .text()
        .replace("\"verbosity\"", "\"verbositi\"");
    let line = 1 + config.lines().position(|line| line.contains("verbositi")).map_or(line, |line| line);
    let output = Setup::new(&config, &manifest(&[]))?.validate()?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains(&format!("config.yaml:{line}")), "line {line}: {errors}");
    assert!(errors.contains("verbositi") && errors.contains("`verbosity`"), "{errors}");
    Ok(())
}

#[test]
fn validate_places_what_a_plugin_says() -> Result<()> {
    let delete = json!({"key": "a", "action": "delete"});
    let cases = [
        (
            "attributes",
            json!({"actions": [delete, {"key": "a", "action": "delet"}]}),
            "\"delet\"",
            "`actions[1].action`: unknown value `delet`; did you mean `delete`?",
        ),
        (
            "attributes",
            json!({"actions": [delete, {"action": "hash", "key": "b", "value": 1}]}),
            "\"b\"",
            "`actions[1]`: hash `b`: it does not use `value`; remove it",
        ),
        (
            "filter",
            json!({"logs": {"exclude": {"severity_number": {"min": "WARN"}}, "include": {"bodies": ["y"]}}}),
            "\"bodies\"",
            "`logs`: `include`: `bodies`: write `match_type: strict` or `match_type: regexp` beside it",
        ),
        (
            "filter",
            json!({"logs": {"log_record": ["body == \"x\""]}}),
            "\"log_record\"",
            "`logs.log_record`: conditions in OTTL are not supported; write",
        ),
    ];
    for (plugin, body, place, said) in cases {
        let config = Configuration::default().processor(plugin, body).pipeline("logs", &[plugin], &["debug"]).text();
        let (line, text) = (1..).zip(config.lines()).find(|(_, text)| text.contains(place)).context("on no line")?;
        let column = 1 + text.find(place).unwrap_or_default();
        let manifest = manifest(&[(plugin, &environment::plugin(plugin)?, json!({}))]);
        let output = Setup::new(&config, &manifest)?.validate()?;
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8(output.stderr)?;
        let expected = format!("config.yaml:{line}:{column}: processor {plugin}: {said}");
        assert!(errors.contains(&expected), "expected {expected}\n{errors}");
    }
    Ok(())
}

#[test]
fn every_configuration_of_the_repository_is_valid() -> Result<()> {
    let configs = environment::repository().join("configs");
    environment::plugin("aggregate")?;
    let mut checked = 0;
    for entry in std::fs::read_dir(&configs)? {
        let path = entry?.path();
        let is_config = path.extension().is_some_and(|ending| ending == "yaml");
        if !is_config || path.file_name().is_some_and(|name| name == "plugins.yaml") {
            continue;
        }
        let mut command = Command::new(environment::binary()?);
        command.arg("validate").arg("--config").arg(&path).arg("--manifest").arg(configs.join("plugins.yaml"));
        let output = command.output()?;
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        checked += 1;
    }
    assert!(checked > 0, "no configuration in {}", configs.display());
    Ok(())
}

fn plugin(arguments: &[&str]) -> Result<(bool, String, String)> {
    let output = Command::new(environment::binary()?).arg("plugin").args(arguments).output()?;
    Ok((output.status.success(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

#[test]
fn a_manifest_is_listed() -> Result<()> {
    let shipped = environment::repository().join("configs/plugins.yaml");
    let shipped = shipped.to_str().context("a path that is no text")?;
    let (listed, text, _) = plugin(&["list", "--manifest", shipped])?;
    assert!(listed && text.lines().count() == 7, "{text}");
    let (listed, lines, _) = plugin(&["list", "--manifest", shipped, "--json"])?;
    assert!(listed);
    let rows: Vec<serde_json::Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let worlds: Vec<_> = rows.iter().filter_map(|row| row["world"].as_str()).collect();
    assert_eq!(worlds.iter().filter(|world| **world == "breaker-policy@0.1.0").count(), 2, "{worlds:?}");
    assert!(rows.iter().all(|row| row["error"].is_null() && row["bytes"].as_u64() > Some(0)), "{lines}");
    Ok(())
}

#[test]
fn an_inspected_plugin_says_what_it_reads() -> Result<()> {
    let file = environment::plugin("aggregate")?;
    let file = file.to_str().context("a path that is no text")?;
    let config = environment::repository().join("configs/quickstart.yaml");
    let config = config.to_str().context("a path that is no text")?;
    let (fits, text, _) = plugin(&["inspect", file, "--config", config, "--component", "aggregate"])?;
    assert!(fits, "{text}");
    for says in [
        "world: processor-plugin@0.1.0",
        "otelier:plugin/storage@0.1.0",
        "otelier:plugin/processor@0.1.0",
        "declares for metrics:",
        "metrics: work.done",
        "keep [attribute work.type], kept with the state",
        "state: format ",
        "flush: every 5000 ms",
    ] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
    let refused = plugin(&["inspect", file, "--config-json", r#"{"metrics": ["a"], "group_bye": []}"#])?;
    assert!(!refused.0 && refused.2.contains("group_bye") && refused.2.contains("group_by"), "{}", refused.2);
    let policy = environment::plugin("failure-rate")?;
    let (fits, text, _) = plugin(&["inspect", policy.to_str().context("a path that is no text")?, "--json"])?;
    let report: serde_json::Value = serde_json::from_str(&text)?;
    assert!(fits && report["world"] == "breaker-policy@0.1.0" && report["fits"] == true, "{text}");
    Ok(())
}
