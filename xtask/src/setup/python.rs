//! Virtual environments with the OpenTelemetry SDK, each pinned by its clients' own requirements file: one for the client
//! of `configs`, one for that of the tests, which needs versions of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

/// The folder of the Python client.
pub fn clients(workspace: &Workspace) -> PathBuf {
    workspace.root().join("configs/clients/python")
}

/// The interpreter of that client's environment, where set-up has made one.
pub fn interpreter(workspace: &Workspace) -> Option<PathBuf> {
    interpreter_in(&workspace.target().join("python"))
}

/// The same for the client of the tests.
pub fn test_interpreter(workspace: &Workspace) -> Option<PathBuf> {
    interpreter_in(&test_environment(workspace))
}

/// Makes the environment anew unless it was made from the present requirements.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    ensure_in(&workspace.target().join("python"), &clients(workspace), why)
}

/// The same for the client of the tests.
pub fn ensure_for_tests(workspace: &Workspace, why: &str) -> Result<()> {
    ensure_in(&test_environment(workspace), &workspace.root().join("tests/clients/python"), why)
}

fn test_environment(workspace: &Workspace) -> PathBuf {
    workspace.target().join("python-tests")
}

fn interpreter_in(environment: &Path) -> Option<PathBuf> {
    let python = environment.join("bin/python");
    python.is_file().then_some(python)
}

fn ensure_in(environment: &Path, clients: &Path, why: &str) -> Result<()> {
    let wanted_path = clients.join("requirements.txt");
    let wanted = fs::read_to_string(&wanted_path).with_context(|| format!("cannot read {}", wanted_path.display()))?;
    // Written last: an interrupted installation is not taken for a finished one.
    let installed = environment.join("requirements.txt");
    if interpreter_in(environment).is_some() && fs::read_to_string(&installed).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    create(environment, why)?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted_path);
    println!("setup: {why}: {}", process::line(&pip));
    process::run(&mut pip)?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn create(environment: &Path, why: &str) -> Result<()> {
    if process::find("python3").is_none() {
        apt::install(&["python3", "python3-venv"], why)?;
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(environment);
    println!("setup: {why}: {}", process::line(&create));
    if process::run(&mut create).is_ok() {
        return Ok(());
    }
    // Debian's python3 comes without the module's bundled pip.
    apt::install(&["python3-venv"], why)?;
    process::run(&mut create)
}
