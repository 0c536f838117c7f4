//! The Prometheus server and promtool. Debian's package is unpacked, not installed: installing starts a service. Beside them the readers
//! that a newer server has for expositions, as a program of the tests' own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use super::go::Program;
use crate::process;
use crate::workspace::Workspace;

const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

const READER: Program =
    Program { name: "prometheus-reader", module: "tests/prometheus", package: ".", sources: &["go.mod", "main.go"] };

/// The program with Prometheus' readers, where set-up has built it.
pub fn reader(workspace: &Workspace) -> Option<PathBuf> {
    READER.built(workspace)
}

/// Builds it unless it was built from the present sources.
pub fn ensure_reader(workspace: &Workspace, why: &str) -> Result<()> {
    READER.ensure(workspace, why)
}

/// Where `prometheus` or `promtool` is: the machine's own, or the unpacked one.
pub fn program(workspace: &Workspace, name: &str) -> Option<PathBuf> {
    let unpacked = folder(workspace).join("usr/bin").join(name);
    process::find(name).or_else(|| unpacked.is_file().then_some(unpacked))
}

/// Unpacks both unless they are there.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    if PROGRAMS.iter().all(|name| program(workspace, name).is_some()) {
        return Ok(());
    }
    apt::unpack("prometheus", &folder(workspace), why)?;
    for name in PROGRAMS {
        let path = program(workspace, name).with_context(|| format!("the package has no {name}"))?;
        if let Err(error) = process::capture(Command::new(path).arg("--version")) {
            fs::remove_dir_all(folder(workspace))?;
            return Err(error.context("unpacked, but it does not run here"));
        }
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("prometheus")
}
