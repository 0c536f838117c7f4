//! `cargo xtask fmt`: formats every source, or says with `--check` which are not.
//!
//! `cargo fmt` finds files by their `mod` lines. The tables of component families declare their modules by a macro, so those files are named to it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{cargo, process};

/// Folders whose modules are lines of a table.
const FAMILIES: &[&str] = &["host/src/receivers", "host/src/exporters", "host/src/extensions"];

/// Says what is wrong and changes nothing.
pub const CHECK: &str = "--check";

/// The manifest of the fuzzer, which is a workspace of its own.
pub const FUZZER: &str = "tests/fuzz/Cargo.toml";

/// Formats, or checks.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    ensure!(arguments.iter().all(|argument| argument == CHECK), "fmt takes nothing but {CHECK}");
    let check: &[&str] = if arguments.is_empty() { &[] } else { &[CHECK] };
    let mut format = cargo::command(workspace, "fmt");
    format.args(["--all", "--"]).args(check).args(declared(workspace)?);
    process::run(&mut format)?;
    let mut fuzzer = cargo::command(workspace, "fmt");
    fuzzer.args(["--manifest-path", FUZZER, "--"]).args(check);
    process::run(&mut fuzzer)
}

/// The files in which modules of the tables begin.
fn declared(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in FAMILIES {
        let folder = workspace.root().join(folder);
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let inside = path.join("mod.rs");
            if inside.is_file() {
                files.push(inside);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
