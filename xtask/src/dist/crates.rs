//! What is compiled into the binary: the crates that it and the plugins in it depend on, by cargo's own account, and the C and C++ in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{cargo, process};

/// Something with a version and a licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    pub name: String,
    pub version: String,
    /// As an SPDX expression.
    pub licence: String,
    /// Where its sources are here.
    pub folder: PathBuf,
    pub repository: Option<String>,
    /// Whether it is one of this repository.
    pub is_own: bool,
    /// Sources in another language that come with a crate.
    pub is_native: bool,
}

/// Sources in C and C++: the crate that brings them, their name, and their licence. Their version stands in the crate's behind a plus.
const NATIVE: &[(&str, &str, &str, &str)] = &[
    (
        "librocksdb-sys",
        "rocksdb",
        "(Apache-2.0 OR GPL-2.0-only) AND BSD-3-Clause",
        "https://github.com/facebook/rocksdb",
    ),
    ("lz4-sys", "lz4", "BSD-2-Clause", "https://github.com/lz4/lz4"),
    ("zstd-sys", "zstd", "BSD-3-Clause OR GPL-2.0-only", "https://github.com/facebook/zstd"),
    ("bzip2-sys", "bzip2", "bzip2-1.0.6", "https://sourceware.org/bzip2"),
    ("libz-sys", "zlib", "Zlib", "https://github.com/madler/zlib"),
    ("libmimalloc-sys", "mimalloc", "MIT", "https://github.com/microsoft/mimalloc"),
];

/// Every part, by name and version.
pub fn compiled_in(workspace: &Workspace) -> Result<BTreeSet<Part>> {
    let host = parts(workspace, "x86_64-unknown-linux-gnu", |path| path.ends_with("host/cli"))?;
    let plugins = parts(workspace, "wasm32-unknown-unknown", |path| {
        path.parent().is_some_and(|parent| parent == workspace.root().join("plugins"))
    })?;
    let crates: BTreeSet<Part> = host.into_iter().chain(plugins).collect();
    let native: Vec<Part> = crates.iter().filter_map(native).collect();
    Ok(crates.into_iter().chain(native).collect())
}

/// The packages that `is_root` and what they depend on, on that platform, without what only builds or tests them.
fn parts(workspace: &Workspace, platform: &str, is_root: impl Fn(&std::path::Path) -> bool) -> Result<Vec<Part>> {
    let mut metadata = cargo::command(workspace, "metadata");
    metadata.args(["--format-version", "1", "--locked", "--filter-platform", platform]);
    let metadata: Value = serde_json::from_str(&process::capture(&mut metadata)?)?;
    let packages: BTreeMap<&str, &Value> =
        list(&metadata, "/packages").filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata, "/resolve/nodes").filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let folder = |package: &Value| {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        PathBuf::from(manifest).parent().map(PathBuf::from).unwrap_or_default()
    };
    let roots = packages.iter().filter(|(_, package)| is_root(&folder(package)));
    let (mut next, mut seen) = (roots.map(|(id, _)| *id).collect::<Vec<_>>(), BTreeSet::new());
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(nodes.get(id).into_iter().flat_map(|node| dependencies(node)));
        }
    }
    seen.into_iter().filter_map(|id| packages.get(id)).map(|package| part(package, folder(package))).collect()
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn dependencies(node: &Value) -> impl Iterator<Item = &str> {
    let is_compiled_in = |dependency: &&Value| list(dependency, "/dep_kinds").any(|kind| kind["kind"].is_null());
    list(node, "/deps").filter(is_compiled_in).filter_map(|dependency| dependency["pkg"].as_str())
}

fn part(package: &Value, folder: PathBuf) -> Result<Part> {
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    let name = text("name").context("a package without a name")?;
    let licence = text("license").with_context(|| format!("crate {name} names no licence"))?;
    // The older form of an expression; cargo takes both.
    let licence = licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
    let (version, repository) = (text("version").unwrap_or_default(), text("repository"));
    Ok(Part { name, version, licence, folder, repository, is_own: package["source"].is_null(), is_native: false })
}

fn native(krate: &Part) -> Option<Part> {
    let (_, name, licence, home) = NATIVE.iter().find(|(of, ..)| *of == krate.name)?;
    // Where that says nothing, the crate's own tells which sources they are.
    let version = krate.version.split_once('+').map_or(krate.version.as_str(), |(_, version)| version);
    let version = version.trim_start_matches(&format!("{name}.")).trim_start_matches(&format!("{name}-")).to_owned();
    let (name, licence, repository) = ((*name).to_owned(), (*licence).to_owned(), Some((*home).to_owned()));
    Some(Part { name, version, licence, repository, is_native: true, ..krate.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_in_c_have_their_own_name_version_and_licence() {
        let krate = Part {
            name: "librocksdb-sys".to_owned(),
            version: "0.19.0+11.8.1".to_owned(),
            licence: "MIT OR Apache-2.0 OR BSD-3-Clause".to_owned(),
            folder: PathBuf::new(),
            repository: None,
            is_own: false,
            is_native: false,
        };
        let found = native(&krate).map(|part| (part.name, part.version, part.is_native));
        assert_eq!(found, Some(("rocksdb".to_owned(), "11.8.1".to_owned(), true)));
        assert_eq!(native(&Part { name: "serde".to_owned(), ..krate }), None);
    }
}
