//! Programs that are built from a Go module of this repository: its `go.mod` names the version of all it needs, `go.sum` what that must
//! hash to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

/// One of them.
pub struct Program {
    pub name: &'static str,
    /// The module, from the top of the repository.
    pub module: &'static str,
    /// What is built in it.
    pub package: &'static str,
    /// Its files in which a change makes another program.
    pub sources: &'static [&'static str],
}

impl Program {
    /// The program, where set-up has built it.
    pub fn built(&self, workspace: &Workspace) -> Option<PathBuf> {
        let program = self.target(workspace);
        program.is_file().then_some(program)
    }

    /// Builds it unless it was built from the present sources.
    pub fn ensure(&self, workspace: &Workspace, why: &str) -> Result<()> {
        let module = workspace.root().join(self.module);
        let read = |file: &&str| fs::read(module.join(file)).with_context(|| format!("cannot read {file}"));
        let wanted = self.sources.iter().map(read).collect::<Result<Vec<_>>>()?.concat();
        // Written last: an interrupted build is not taken for a finished one.
        let built = workspace.tools().join(format!("{}.mod", self.name));
        if self.built(workspace).is_some() && fs::read(&built).is_ok_and(|present| present == wanted) {
            return Ok(());
        }
        if process::find("go").is_none() {
            apt::install(&["golang-go"], why)?;
        }
        let mut build = Command::new("go");
        build.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(self.target(workspace)).arg(self.package);
        // Without C the program runs wherever it is copied to, and needs no compiler.
        build.current_dir(&module).env("CGO_ENABLED", "0");
        println!("setup: {why}: {} in {} (a minute or two)", process::line(&build), module.display());
        process::run(&mut build).with_context(|| {
            let present = process::capture(Command::new("go").arg("version"));
            format!("go.mod says which Go this needs; here is {}", present.unwrap_or_else(|_| "none".to_owned()))
        })?;
        fs::write(&built, wanted).with_context(|| format!("cannot write {}", built.display()))
    }

    fn target(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools().join("bin").join(self.name)
    }
}
