//! Builds each plugin and each test guest to a component: `target/plugins/NAME.wasm`, `target/guests/NAME.wasm`.
//!
//! A file appears whole or not at all, and is written only when its content changed: a host that watches the folder
//! sees neither half a plugin nor a new version that is none.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use otelier_component::{TARGET, encode};

use crate::setup::{self, wasm::Toolchain, wasm::WASI_TARGET};
use crate::workspace::Workspace;
use crate::{cargo, process};

const ON_WASI: &str = "tests/guests-on-wasi";

/// `cargo xtask plugins`.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::GUESTS);
    build(workspace)
}

/// Builds what lies in `plugins/`.
pub fn build_shipped(workspace: &Workspace) -> Result<()> {
    build_family(workspace, toolchain(workspace)?, TARGET, "plugins", &plugins_dir(workspace))
}

fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    setup::wasm::installed(workspace)?.context("no compiler for WebAssembly: cargo xtask setup")
}

/// Builds what lies in `plugins/` and `tests/guests/`; a folder that is not there has nothing to build.
pub fn build(workspace: &Workspace) -> Result<()> {
    build_shipped(workspace)?;
    let toolchain = toolchain(workspace)?;
    build_family(workspace, toolchain, TARGET, "tests/guests", &guests_dir(workspace))?;
    if toolchain.has_wasi() {
        build_family(workspace, toolchain, WASI_TARGET, ON_WASI, &guests_dir(workspace))?;
    } else {
        // Those that were built before are of another time.
        for package in packages(&workspace.root().join(ON_WASI))? {
            let _ = fs::remove_file(guests_dir(workspace).join(format!("{package}.wasm")));
        }
    }
    VARIANTS.iter().try_for_each(|variant| build_variant(workspace, toolchain, variant))
}

/// A package built with a feature, as a guest of the tests.
struct Variant {
    name: &'static str,
    package: &'static str,
    feature: &'static str,
}

/// `aggregate` with other formats of its state.
const VARIANTS: [Variant; 2] = [
    Variant { name: "aggregate-2", package: "aggregate", feature: "other-formats" },
    Variant { name: "aggregate-3", package: "aggregate", feature: "format-3" },
];

/// In a target directory of its own: another feature would build the package itself anew each time.
fn build_variant(workspace: &Workspace, toolchain: Toolchain, variant: &Variant) -> Result<()> {
    let Variant { name, package, feature } = variant;
    let target = workspace.wasm_target().join(name);
    let mut build = cargo::command(workspace, "build");
    build.args(["--profile", PROFILE, "--target", TARGET, "--package", package, "--features", feature]);
    build.arg("--target-dir").arg(&target);
    toolchain.apply(&mut build);
    process::run(&mut build)?;
    let core = target.join(TARGET).join(PROFILE).join(file_name(package));
    finish(&core, &guests_dir(workspace).join(format!("{name}.wasm"))).with_context(|| (*name).to_owned())
}

/// Where finished plugins are.
pub fn plugins_dir(workspace: &Workspace) -> PathBuf {
    workspace.published().join("plugins")
}

/// Where the finished guests of the tests are.
pub fn guests_dir(workspace: &Workspace) -> PathBuf {
    workspace.published().join("guests")
}

/// Of the workspace's manifest.
const PROFILE: &str = "plugin";

fn build_family(
    workspace: &Workspace,
    toolchain: Toolchain,
    target: &str,
    family: &str,
    finished: &Path,
) -> Result<()> {
    let packages = packages(&workspace.root().join(family))?;
    if packages.is_empty() {
        return Ok(());
    }
    println!("building {family}: {}", packages.join(", "));
    let mut build = cargo::command(workspace, "build");
    build.args(["--profile", PROFILE, "--target", target]).arg("--target-dir").arg(workspace.wasm_target());
    for package in &packages {
        build.args(["--package", package]);
    }
    toolchain.apply(&mut build);
    process::run(&mut build)?;
    fs::create_dir_all(finished)?;
    for package in &packages {
        let core = workspace.wasm_target().join(target).join(PROFILE).join(file_name(package));
        finish(&core, &finished.join(format!("{package}.wasm"))).with_context(|| format!("{family}: {package}"))?;
    }
    Ok(())
}

fn finish(core: &Path, finished: &Path) -> Result<()> {
    let module = fs::read(core).with_context(|| format!("cannot read {} (crate-type cdylib?)", core.display()))?;
    let component = encode(&module)?;
    if fs::read(finished).is_ok_and(|present| present == component) {
        return Ok(());
    }
    let unfinished = finished.with_extension(format!("unfinished-{}", std::process::id()));
    fs::write(&unfinished, &component).with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, finished).with_context(|| format!("cannot write {}", finished.display()))?;
    println!("{} ({} KiB)", finished.display(), component.len().div_ceil(1024));
    Ok(())
}

/// The package of each folder that has a manifest and becomes a module, in the order of their names. What several of them share is a
/// library beside them.
fn packages(family: &Path) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(family) else {
        return Ok(Vec::new());
    };
    let mut packages = Vec::new();
    for entry in entries {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.is_file() {
            let text = fs::read_to_string(&manifest)?;
            if !text.contains("cdylib") {
                continue;
            }
            packages.push(package_name(&text).with_context(|| format!("no package name in {}", manifest.display()))?);
        }
    }
    packages.sort();
    Ok(packages)
}

fn package_name(manifest: &str) -> Option<String> {
    let mut package = manifest.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let value = package.find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// The core module's file: rustc has no dashes in crate names.
pub fn file_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_name_is_read_from_its_own_table() {
        let manifest =
            "# comment\n[features]\nname = \"wrong\"\n[package]\nname = \"guest-loop\"\nversion = \"1.0.0\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("guest-loop"));
        assert_eq!(file_name("guest-loop"), "guest_loop.wasm");
        assert_eq!(package_name("[workspace]\n"), None);
    }

    #[test]
    fn a_family_that_is_not_there_has_no_packages() -> Result<()> {
        assert!(packages(Path::new("/nonexistent/guests"))?.is_empty());
        Ok(())
    }
}
