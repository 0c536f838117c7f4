//! Cargo's own tools that only ci uses, of fixed versions, in the target directory and nowhere else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::wasm;
use crate::process;
use crate::workspace::Workspace;

/// A tool: its package, version, and what is left out of it.
struct Tool {
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", features: &[] };
const COMPONENT: Tool = Tool { name: "cargo-component", version: "0.21.1", features: &[] };
/// It only has to build: no server, no search.
const BOOK: Tool = Tool { name: "mdbook", version: "0.5.4", features: &["--no-default-features"] };

/// Where the tools are; in front of `PATH` they become cargo's subcommands.
pub fn bin(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin")
}

/// The path of an installed tool.
pub fn tool(workspace: &Workspace, name: &str) -> Option<PathBuf> {
    let path = bin(workspace).join(name);
    path.is_file().then_some(path)
}

/// Installs cargo-deny.
pub fn ensure_deny(workspace: &Workspace, why: &str) -> Result<()> {
    ensure(workspace, DENY, why)
}

/// Installs cargo-component, and what it looks for before it does anything.
pub fn ensure_component(workspace: &Workspace, why: &str) -> Result<()> {
    ensure(workspace, COMPONENT, why)?;
    wasm::ensure_wasi(workspace, why)
}

/// Installs mdBook.
pub fn ensure_book(workspace: &Workspace, why: &str) -> Result<()> {
    ensure(workspace, BOOK, why)
}

fn ensure(workspace: &Workspace, Tool { name, version, features }: Tool, why: &str) -> Result<()> {
    if tool(workspace, name).is_some() {
        return Ok(());
    }
    let build = workspace.tools().join("build");
    let mut install = Command::new(workspace.cargo());
    install.args(["install", "--locked", &format!("{name}@{version}"), "--root"]).arg(workspace.tools()).args(features);
    install.env("CARGO_TARGET_DIR", &build);
    // These run for seconds: what counts is how soon they are compiled.
    let quick = [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")];
    install.envs(quick.map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)));
    println!("setup: {why}: {} (several minutes)", process::line(&install));
    process::run(&mut install)?;
    fs::remove_dir_all(&build)?;
    Ok(())
}
