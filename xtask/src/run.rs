//! `cargo xtask run`: the host in the foreground with the quick-start configuration.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{cargo, doctor, process, setup};

/// Sets up, builds, and becomes the host.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::BUILD);
    println!("{}", doctor::estimate(workspace));
    cargo::build(workspace)?;
    let mut host = Command::new("target/release/otelier");
    host.current_dir(workspace.root()).arg("run").args(arguments);
    println!("$ {}", process::line(&host));
    // In place of this process, so that signals and the exit code are the host's own.
    Err(host.exec()).context("cannot start target/release/otelier")
}
