//! Libraries that are preloaded into a host, to change what the system tells it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::environment;

/// Compiles a file of the repository, with the C compiler that the host's own dependencies were built with.
pub fn compile(source: &str, library: &Path) -> Result<()> {
    let source = environment::repository().join(source);
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o"]);
    let output = compiler.arg(library).arg(&source).output();
    let output = output.context("this test needs a C compiler, `cc` or what CC says; `cargo xtask setup` gets it")?;
    ensure!(output.status.success(), "{compiler:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
