//! A virtual environment with the OpenTelemetry SDK, pinned by the client's own requirements file.

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

/// The environment's interpreter, where set-up has made one.
pub fn interpreter(workspace: &Workspace) -> Option<PathBuf> {
    let python = environment(workspace).join("bin/python");
    python.is_file().then_some(python)
}

/// Makes the environment anew unless it was made from the present requirements.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    let wanted_path = clients(workspace).join("requirements.txt");
    let wanted = fs::read_to_string(&wanted_path).with_context(|| format!("cannot read {}", wanted_path.display()))?;
    let environment = environment(workspace);
    // Written last: an interrupted installation is not taken for a finished one.
    let installed = environment.join("requirements.txt");
    if interpreter(workspace).is_some() && fs::read_to_string(&installed).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    create(&environment, why)?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted_path);
    println!("setup: {why}: {}", process::line(&pip));
    process::run(&mut pip)?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn environment(workspace: &Workspace) -> PathBuf {
    workspace.target().join("python")
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
