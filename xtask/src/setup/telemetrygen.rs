//! The Collector's own generator of telemetry, built from its Go module: `tests/clients/telemetrygen/go.mod` names the
//! version, `go.sum` what it and all it needs must hash to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

const PACKAGE: &str = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen";

/// The program, where set-up has built it.
pub fn program(workspace: &Workspace) -> Option<PathBuf> {
    let program = target(workspace);
    program.is_file().then_some(program)
}

/// Builds it unless it was built from the present `go.mod`.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    let module = workspace.root().join("tests/clients/telemetrygen");
    let wanted = fs::read(module.join("go.mod")).context("cannot read go.mod")?;
    // Written last: an interrupted build is not taken for a finished one.
    let built = workspace.tools().join("telemetrygen.mod");
    if program(workspace).is_some() && fs::read(&built).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if process::find("go").is_none() {
        apt::install(&["golang-go"], why)?;
    }
    let mut build = Command::new("go");
    build.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(target(workspace)).arg(PACKAGE);
    // Without C the program runs wherever it is copied to, and needs no compiler.
    build.current_dir(&module).env("CGO_ENABLED", "0");
    println!("setup: {why}: {} in {} (a minute or two)", process::line(&build), module.display());
    process::run(&mut build).with_context(|| {
        let present = process::capture(Command::new("go").arg("version"));
        format!("go.mod says which Go this needs; here is {}", present.unwrap_or_else(|_| "none".to_owned()))
    })?;
    fs::write(&built, wanted).with_context(|| format!("cannot write {}", built.display()))
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/telemetrygen")
}
