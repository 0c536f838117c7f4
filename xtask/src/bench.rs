//! `cargo xtask bench`: the benchmarks, one JSON line each.

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo, plugins, process, setup, test};

/// Sets up, builds, and measures; arguments go to `otelier-bench`.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::BUILD);
    cargo::build(workspace)?;
    cargo::build_programs(workspace, &["otelier-bench"])?;
    plugins::build(workspace)?;
    let mut bench = Command::new(workspace.built("otelier-bench"));
    bench.current_dir(workspace.root()).args(arguments);
    test::add_environment(workspace, &mut bench);
    process::run(&mut bench)
}
