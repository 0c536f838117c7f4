//! What a configuration with breakers can get wrong, and what is said.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result};
use otelier::config::Sources;
use otelier::contract::{Batch, Client, ComponentId, Outcome};
use otelier::families::{ComponentType, ExporterContext, ExporterEntry, ExporterType, FarEnd, MakeError};
use otelier::run;
use otelier::{plugins, wasm};
use otelier_tests::environment;
use otelier_tests::host::manifest;
use serde_json::json;

struct Nowhere;

impl Client for Nowhere {
    fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(async { Outcome::Delivered })
    }

    fn destination(&self) -> String {
        "nowhere".to_owned()
    }
}

/// An exporter that pushes, and reads nothing but its breaker.
const PUSH: ExporterEntry = ExporterEntry::of::<Push>();

struct Push;

impl ComponentType for Push {
    const NAMES: &'static [&'static str] = &["push"];
    type Config = serde_json::Value;
}

impl ExporterType for Push {
    fn make(_: &ComponentId, _: serde_json::Value, _: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        Ok(FarEnd::Push(Arc::new(Nowhere), Box::default()))
    }
}

/// What a load says of it: warnings, or errors.
fn said(extensions: &str, exporters: &str, listed: &str, processors: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (config, plugins_file) = (folder.path().join("config.yaml"), folder.path().join("plugins.yaml"));
    let world = json!({"world": "breaker-policy@0.1.0"});
    let (gobreaker, filter) = (environment::plugin("consecutive-failures")?, environment::plugin("filter")?);
    let guest = environment::guest("misjudge")?;
    let entries = [
        ("consecutive-failures", gobreaker.as_path(), world.clone()),
        ("misjudge", guest.as_path(), world),
        ("filter", filter.as_path(), json!({})),
    ];
    std::fs::write(&plugins_file, manifest(&entries))?;
    let text = format!(
        "receivers: {{otlp: {{protocols: {{grpc: }}}}}}\nextensions: {extensions}\nexporters: {exporters}\nprocessors: {processors}\n\
         service:\n  extensions: [{listed}]\n  pipelines:\n    logs: {{receivers: [otlp], exporters: [push]}}\n"
    );
    std::fs::write(&config, text)?;
    let files = run::Files { sources: Sources::file(&config), manifest: Some(plugins_file), built_in: &[] };
    let loaded = run::load(&files, plugins::sandboxed(wasm::Engine::new()?).as_ref(), &[PUSH]);
    let said = match loaded {
        Ok(loaded) => loaded.warnings().join("\n"),
        Err(error) => format!("{error:#}"),
    };
    let prefix = folder.path().to_str().context("no UTF-8")?;
    Ok(said.replace(&format!("{prefix}/"), ""))
}

#[test]
fn a_breaker_is_an_extension_that_an_exporter_names() -> Result<()> {
    let (extension, exporter) =
        ("{consecutive-failures/a: {max_requests: 3}}", "{push: {breaker: consecutive-failures/a}}");
    assert_eq!(said(extension, exporter, "", "")?, "", "it need not be listed");
    assert_eq!(said(extension, exporter, "consecutive-failures/a", "")?, "", "it can be listed");
    assert_eq!(said(extension, "{push: {auth: consecutive-failures/a}}", "", "")?, "");
    let authenticated = "{push: {auth: {authenticator: consecutive-failures/a}}}";
    assert_eq!(said(extension, authenticated, "consecutive-failures/a", "")?, "");
    let warning = "config.yaml:2:14: breaker `consecutive-failures/a` is defined but no exporter names it; \
                   write `breaker: consecutive-failures/a` there";
    assert_eq!(said(extension, "{push: }", "consecutive-failures/a", "")?, warning);
    Ok(())
}

#[test]
fn a_breaker_that_there_is_not_is_named_with_the_nearest_one() -> Result<()> {
    let said = said("{consecutive-failures: }", "{push: {breaker: consecutive-failure}}", "", "")?;
    let expected = "config.yaml:3:29: exporter `push` names breaker `consecutive-failure`, which is not defined under \
                    `extensions`; did you mean `consecutive-failures`?";
    assert_eq!(said, expected);
    let said = self::said("{consecutive-failures: }", "{push: {auth: consecutive-failure}}", "", "")?;
    assert!(said.contains("config.yaml:3:26: exporter `push` names breaker `consecutive-failure`"), "{said}");
    Ok(())
}

#[test]
fn an_extension_that_is_no_breaker_is_none() -> Result<()> {
    let said = said("{health_check: }", "{push: {breaker: health_check}}", "health_check", "")?;
    assert!(
        said.contains("config.yaml:3:29: exporter `push` names `health_check` as its breaker, which is no breaker"),
        "{said}"
    );
    assert!(said.contains("a plugin whose world is `breaker-policy@0.1.0`"), "{said}");
    Ok(())
}

#[test]
fn a_plugin_stands_where_its_world_belongs() -> Result<()> {
    let wrong = said("{filter: }", "{push: }", "", "{consecutive-failures: }")?;
    let extension = "config.yaml:2:14: plugin `filter` is a processor; define it under \
                     `processors`";
    let processor = "config.yaml:4:14: plugin `consecutive-failures` is a breaker policy; \
                     define it under `extensions`";
    assert_eq!(wrong, format!("{extension}\n{processor}"));
    let unknown = said("{consecutive-failure: }", "{push: }", "", "")?;
    assert!(
        unknown.contains("unknown extension type `consecutive-failure`; did you mean `consecutive-failures`?"),
        "{unknown}"
    );
    Ok(())
}

#[test]
fn a_breakers_configuration_is_read_where_it_stands() -> Result<()> {
    for (extension, says) in [
        (
            "{consecutive-failures: {max_requests: 1, timeot: 5s}}",
            "config.yaml:2:54: breaker consecutive-failures: unknown key `timeot`",
        ),
        (
            "{consecutive-failures: {timeout: 5}}",
            "config.yaml:2:46: breaker consecutive-failures: `timeout`: `5`: a duration needs a unit",
        ),
        (
            "{consecutive-failures: {max_hold: 0s}}",
            "config.yaml:2:37: breaker consecutive-failures: `max_hold`: must be longer than zero",
        ),
        ("{misjudge: {mode: refuse-configuration}}", "config.yaml:2:25: breaker misjudge: `mode` is not to my liking"),
        ("{misjudge: {mode: trap-in-configure}}", "breaker misjudge: trapped"),
        (
            "{misjudge: {mode: loop-in-configure}}",
            "breaker misjudge: deadline exceeded, which is `call_timeout` of the manifest",
        ),
    ] {
        let exporter = if extension.contains("misjudge") { "misjudge" } else { "consecutive-failures" };
        let said = said(extension, &format!("{{push: {{breaker: {exporter}}}}}"), "", "")?;
        assert!(said.contains(says), "{said}");
    }
    Ok(())
}

/// The file is a component, but not of the world that the manifest names.
#[test]
fn a_component_of_another_world_is_no_policy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, plugins_file) = (folder.path().join("config.yaml"), folder.path().join("plugins.yaml"));
    let filter = environment::plugin("filter")?;
    std::fs::write(&plugins_file, manifest(&[("rate", &filter, json!({"world": "breaker-policy@0.1.0"}))]))?;
    std::fs::write(
        &config,
        "receivers: {otlp: {protocols: {grpc: }}}\nextensions: {rate: }\nexporters: {push: {breaker: rate}}\n\
         service: {pipelines: {logs: {receivers: [otlp], exporters: [push]}}}\n",
    )?;
    let files = run::Files { sources: Sources::file(&config), manifest: Some(plugins_file), built_in: &[] };
    let loaded = run::load(&files, plugins::sandboxed(wasm::Engine::new()?).as_ref(), &[PUSH]);
    let error = loaded.err().context("it is loaded")?.to_string();
    assert!(error.contains("does not fit world otelier:plugin/breaker-policy@0.1.0"), "{error}");
    assert!(error.contains("`world: processor-plugin@0.1.0`"), "{error}");
    Ok(())
}
