//! Files that are no plugin: the start says which, where the manifest names it, and what is wrong with it.

use std::path::Path;

use anyhow::Result;
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup, manifest};
use serde_json::{Value, json};

/// How every component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// How every core module begins.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A component that wants one function of an instance of this name, and exports nothing.
fn importing(instance: &str) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    // Section 7: one type, an instance with one type of its own, a function without parameters and results, exported as `now`.
    let instance_type = b"\x01\x42\x02\x01\x40\x00\x01\x00\x04\x00\x03now\x01\x00";
    // Section 10: one import, of an instance of type 0.
    let import = [&[1, 0, length(instance.as_bytes())], instance.as_bytes(), &[5, 0]].concat();
    let section = |id: u8, content: &[u8]| [&[id, length(content)], content].concat();
    [COMPONENT, &section(7, instance_type), &section(10, &import)].concat()
}

fn setup(file: &Path, entry: Value) -> Result<Setup> {
    Setup::new(&Configuration::aggregate().text(), &manifest(&[("aggregate", file, entry)]))
}

/// What the start says of a plugin file with these contents. `validate` says the same.
fn said_of(contents: &[u8], entry: Value) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, contents)?;
    let setup = setup(&file, entry)?;
    let text = setup.fails_to_start()?;
    // The log's own lines stand before it.
    let from = text.find("otelier: ").unwrap_or_default();
    let error = text.get(from..).unwrap_or_default().to_owned();
    assert!(!setup.state().exists(), "the state was touched");
    assert!(error.contains("plugins.yaml:") && error.contains(&file.display().to_string()), "{error}");
    let validated = setup.validate()?;
    assert_eq!((validated.status.code(), String::from_utf8(validated.stderr)?), (Some(1), error.clone()));
    Ok(error)
}

#[test]
fn a_file_that_is_no_component_says_so() -> Result<()> {
    for (contents, says) in [
        (&b"#!/bin/sh\necho I am a plugin\n"[..], "is no WebAssembly component"),
        (b"", "is no WebAssembly component"),
        (CORE_MODULE, "it is a core module"),
        // Cut in the middle.
        (&importing("wasi:clocks/wall-clock@0.2.0")[..20], "is no WebAssembly component"),
    ] {
        let error = said_of(contents, json!({}))?;
        assert!(error.contains(says) && error.contains("otelier plugin build"), "{error}");
    }
    Ok(())
}

#[test]
fn a_component_of_another_world_says_what_it_lacks() -> Result<()> {
    let error = said_of(COMPONENT, json!({}))?;
    assert!(error.contains("does not fit world otelier:plugin/processor-plugin@0.1.0"), "{error}");
    assert!(error.contains("otelier:plugin/processor@0.1.0"), "the missing export is named: {error}");
    Ok(())
}

#[test]
fn an_import_that_is_not_granted_is_named() -> Result<()> {
    for import in ["otelier:plugin/teleport@0.1.0", "other:clocks/wall-clock@0.2.0"] {
        let error = said_of(&importing(import), json!({}))?;
        assert!(error.contains("does not fit world") && error.contains(import), "{error}");
    }
    Ok(())
}

#[test]
fn content_that_is_not_what_the_manifest_pins_is_refused() -> Result<()> {
    let genuine = std::fs::read(environment::plugin("aggregate")?)?;
    let error = said_of(&genuine, json!({"sha256": "0".repeat(64)}))?;
    assert!(error.contains("sha256") && error.contains("the manifest pins another"), "{error}");
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named() -> Result<()> {
    let error = setup(Path::new("/nonexistent/plugin.wasm"), json!({}))?.fails_to_start()?;
    assert!(error.contains("/nonexistent/plugin.wasm") && error.contains("No such file"), "{error}");
    assert!(error.contains("correct `file`"), "{error}");
    Ok(())
}

#[test]
fn a_processor_without_a_plugin_is_named_with_the_nearest_name() -> Result<()> {
    let config =
        Configuration::default().processor("agregate", json!({})).pipeline("metrics", &["agregate"], &["prometheus"]);
    let plugin = environment::plugin("aggregate")?;
    let setup = Setup::new(&config.text(), &manifest(&[("aggregate", &plugin, json!({}))]))?;
    let error = setup.fails_to_start()?;
    assert!(error.contains("config.yaml:") && error.contains("agregate") && error.contains("`aggregate`"), "{error}");
    Ok(())
}
