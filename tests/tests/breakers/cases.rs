//! The cases of the policies that ship: what `otelier breaker simulate` prints of a configuration and a trace.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::manifest;
use serde_json::json;

const POLICIES: &[&str] = &["consecutive-failures", "failure-rate"];

fn world() -> serde_json::Value {
    json!({"world": "breaker-policy@0.1.0"})
}

fn simulate(manifest: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(environment::binary()?);
    command.args(["breaker", "simulate", "--manifest"]).arg(manifest).args(arguments);
    command.output().context("cannot start the host")
}

fn cases(policy: &str) -> Result<Vec<PathBuf>> {
    let folder = environment::repository().join("plugins").join(policy).join("cases");
    let entries: std::io::Result<Vec<PathBuf>> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect();
    let mut entries = entries?;
    entries.sort();
    Ok(entries)
}

#[test]
fn the_cases_of_the_policies_that_ship() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for policy in POLICIES {
        let path = folder.path().join("plugins.yaml");
        std::fs::write(&path, manifest(&[(policy, &environment::plugin(policy)?, world())]))?;
        let cases = cases(policy)?;
        ensure!(!cases.is_empty(), "{policy} has no cases");
        for case in cases {
            let file = |name: &str| case.join(name).display().to_string();
            let (config, trace) = (file("config.yaml"), file("trace.jsonl"));
            let output = simulate(&path, &["--policy", policy, "--config", &config, "--trace", &trace])?;
            let case = case.display();
            ensure!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
            let expected = std::fs::read_to_string(file("expected.txt"))?;
            assert_eq!(String::from_utf8(output.stdout)?, expected, "{case}");
        }
    }
    Ok(())
}

#[test]
fn single_keys_go_before_the_file_and_a_whole_configuration_will_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let plugin = environment::plugin("consecutive-failures")?;
    std::fs::write(path("plugins.yaml"), manifest(&[("careful", &plugin, world())]))?;
    std::fs::write(path("config.yaml"), "extensions:\n  careful/x: {timeout: 5s, consecutive_failures: 0}\n")?;
    std::fs::write(
        path("trace"),
        "{\"time_ms\": 0, \"class\": \"timeout\"}\n{\"time_ms\": 7000, \"class\": \"ok\"}\n",
    )?;
    let (config, trace) = (path("config.yaml").display().to_string(), path("trace").display().to_string());
    let run = |more: &[&str]| -> Result<String> {
        let arguments = ["--policy", "careful/x", "--config", &config, "--trace", &trace];
        let output = simulate(&path("plugins.yaml"), &[&arguments, more].concat())?;
        Ok(String::from_utf8(if output.status.success() { output.stdout } else { output.stderr })?)
    };
    let said = run(&[])?;
    assert!(said.contains("no attempt for 5s") && said.contains("half_open -> closed"), "{said}");
    let said = run(&["--set", "timeout=1m"])?;
    assert!(said.contains("no attempt for 60s") && said.contains("the gate is open at the end"), "{said}");
    let said = run(&["--set", "timeot=1m"])?;
    assert!(said.contains("breaker careful/x: unknown key `timeot`"), "{said}");
    Ok(())
}

#[test]
fn what_cannot_be_replayed_says_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let (policy, processor) = (environment::plugin("failure-rate")?, environment::plugin("filter")?);
    let plugins = [("rate", policy.as_path(), world()), ("filter", processor.as_path(), json!({}))];
    std::fs::write(path("plugins.yaml"), manifest(&plugins))?;
    std::fs::write(path("trace"), "{\"time_ms\": 0, \"class\": \"fine\"}\n")?;
    let trace = path("trace").display().to_string();
    for (policy, trace, says) in [
        ("filter", trace.as_str(), "plugin `filter` of"),
        ("rat", &trace, "there are `consecutive-failures`, `failure-rate`, `rate`, `built-in`"),
        ("rate", &trace, "line 1: unknown `class` `fine`"),
        ("built-in", "/nonexistent", "cannot read /nonexistent"),
    ] {
        let output = simulate(&path("plugins.yaml"), &["--policy", policy, "--trace", trace])?;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr)?;
        assert!(said.contains(says), "{said}");
    }
    Ok(())
}
