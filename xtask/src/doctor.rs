//! `cargo xtask doctor`: what this machine lacks, and what a first build takes here. It installs nothing.

use anyhow::Result;

use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// What a first build takes of one core that is not fast, in minutes: half of it is RocksDB's C++.
const RUN_CPU_MINUTES: u64 = 50;

/// What is built, and what that takes.
const GOALS: [(&str, &[Need]); 4] =
    [("run", setup::BUILD), ("demo", setup::DEMO), ("test", setup::TESTS), ("ci", setup::ALL)];

/// Says it for each command.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    for (command, needs) in GOALS {
        let missing = setup::missing(workspace, needs);
        if missing.is_empty() {
            println!("{command:<6} everything is there");
            continue;
        }
        println!("{command:<6} `cargo xtask {command}` gets what is missing, or you do:");
        for (what, by_hand) in missing {
            println!("       {what}: {by_hand}");
        }
    }
    println!("{}", estimate(workspace));
    Ok(())
}

/// What the next build of the host will take.
pub fn estimate(workspace: &Workspace) -> String {
    if workspace.built("otelier").is_file() {
        return format!("build  {} is there: only what has changed is compiled", workspace.built("otelier").display());
    }
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let minutes = RUN_CPU_MINUTES.div_ceil(cores.min(8));
    format!(
        "build  the first one takes about {minutes} minutes on {cores} cores, most of it RocksDB and the compiler of WebAssembly; later ones take seconds"
    )
}
