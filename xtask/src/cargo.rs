//! The one way in which cargo is called: release profile, features of the whole workspace, one target directory. A build that chose
//! packages would unify features differently and compile RocksDB or wasmtime again; one that chooses programs compiles only what they need.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{plugins, process};

/// Cargo at the top of the repository with the shared target directory.
pub fn command(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = Command::new(workspace.cargo());
    command.current_dir(workspace.root()).env("CARGO_TARGET_DIR", workspace.target()).arg(subcommand);
    // `cargo run` says of which package this program is. Build scripts that look at that (ring's does) would run again, and with them the
    // host, whenever cargo is called with this program and without it in turn.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds the plugins that are built into the host, and the host, and leaves it at `target/release/otelier` of the repository.
pub fn build(workspace: &Workspace) -> Result<()> {
    plugins::build_shipped(workspace)?;
    build_programs(workspace, &["otelier"])?;
    publish(workspace)
}

/// Builds native programs by name.
pub fn build_programs(workspace: &Workspace, names: &[&str]) -> Result<()> {
    let mut build = command(workspace, "build");
    build.args(["--release", "--workspace"]).args(names.iter().flat_map(|name| ["--bin", name]));
    process::run(&mut build)
}

/// A link to the file, not to its folder: cargo without a target directory of its own replaces it by a file.
fn publish(workspace: &Workspace) -> Result<()> {
    let built = workspace.built("otelier");
    let folder = workspace.published().join("release");
    let link = folder.join("otelier");
    if link == built || fs::read_link(&link).is_ok_and(|points_to| points_to == built) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let unfinished = folder.join(format!(".otelier-{}", std::process::id()));
    symlink(&built, &unfinished)
        .and_then(|()| fs::rename(&unfinished, &link))
        .with_context(|| format!("cannot link {} to {}", link.display(), built.display()))
}
