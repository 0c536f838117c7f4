//! The OpenTelemetry Collector that the tests talk to, made by its own builder: `tests/collector/builder-config.yaml` names its
//! components, `go.mod` beside it the builder, each with its version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder";
/// `output_path` and `name` of the builder's configuration.
const PROGRAM: &str = "collector/otelcol-tests";
/// A component of the tests.
const OWN_FOLDER: &str = "anything";
const OWN: [&str; 2] = ["go.mod", "anything.go"];

/// The program, where set-up has built it.
pub fn program(workspace: &Workspace) -> Option<PathBuf> {
    let program = workspace.tools().join(PROGRAM);
    program.is_file().then_some(program)
}

/// Builds it unless it was built from the present files.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    let folder = workspace.root().join("tests/collector");
    let config = folder.join("builder-config.yaml");
    let read = |file: &PathBuf| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    let mut wanted = [read(&config)?, read(&folder.join("go.mod"))?].concat();
    let mut own = Vec::new();
    for name in OWN {
        let content = read(&folder.join(OWN_FOLDER).join(name))?;
        wanted.extend(&content);
        own.push((name, content));
    }
    // Written last: an interrupted build is not taken for a finished one.
    let built = workspace.tools().join("collector.built");
    if program(workspace).is_some() && fs::read(&built).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if process::find("go").is_none() {
        apt::install(&["golang-go"], why)?;
    }
    // Beside what the builder generates: the path in its configuration begins in the folder that it runs in.
    let copies = workspace.tools().join(OWN_FOLDER);
    fs::create_dir_all(&copies).with_context(|| format!("cannot create {}", copies.display()))?;
    for (name, content) in own {
        let copy = copies.join(name);
        fs::write(&copy, content).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    let builder = workspace.tools().join("bin/ocb");
    let mut build = Command::new("go");
    build.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&builder).arg(BUILDER).current_dir(&folder);
    let mut run = Command::new(&builder);
    // What it generates lies below the folder it runs in.
    run.arg("--config").arg(&config).arg("--ldflags=-s -w").current_dir(workspace.tools());
    println!("setup: {why}: {} in {} (a minute or two)", process::line(&run), workspace.tools().display());
    for command in [&mut build, &mut run] {
        // Without C the program runs wherever it is copied to, and needs no compiler.
        process::run(command.env("CGO_ENABLED", "0")).with_context(|| {
            let present = process::capture(Command::new("go").arg("version"));
            format!("go.mod says which Go this needs; here is {}", present.unwrap_or_else(|_| "none".to_owned()))
        })?;
    }
    fs::write(&built, wanted).with_context(|| format!("cannot write {}", built.display()))
}
