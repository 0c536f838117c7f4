//! `cargo xtask book`: the book as pages for a browser. That its commands and links are right is the tests' to see (`book`).

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::setup;
use crate::workspace::Workspace;

/// Sets up and builds.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::FOR_BOOK);
    build(workspace)?;
    println!("{}", workspace.published().join("book/index.html").display());
    Ok(())
}

/// Builds it; a warning is an error.
pub fn build(workspace: &Workspace) -> Result<()> {
    let program = setup::cargo_tool(workspace, "mdbook").context("no mdbook: cargo xtask setup")?;
    let mut book = Command::new(program);
    book.arg("build").arg(workspace.root().join("docs")).stdin(Stdio::null());
    let output = book.output().context("cannot start mdbook")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    print!("{said}");
    ensure!(output.status.success(), "mdbook ended with {}", output.status);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    ensure!(complaints.is_empty(), "mdbook complains:\n{}", complaints.join("\n"));
    Ok(())
}
