//! `cargo xtask ci`: what must pass before a change lands, in steps that are announced and timed.
//!
//! The first failure ends it and names the command that repeats only that step.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::format::{self, FUZZER};
use crate::workspace::Workspace;
use crate::{book, cargo, component, fuzz, plugins, process, setup, test};

/// Long enough for a slow network, short enough where there is none.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(60);

struct Step {
    title: &'static str,
    /// The command that repeats it alone.
    again: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { title: "set-up", again: "cargo xtask setup", run: set_up },
    Step { title: "lock file", again: "cargo fetch --locked", run: lock_file },
    Step { title: "format", again: "cargo xtask fmt --check", run: formatted },
    Step { title: "book", again: "cargo xtask book", run: book::build },
    Step { title: "plugins", again: "cargo xtask plugins", run: plugins::build },
    Step { title: "clippy", again: "cargo clippy --release --workspace --all-targets -- -D warnings", run: clippy },
    Step { title: "dependencies", again: "cargo deny check bans licenses sources", run: dependencies },
    Step { title: "advisories", again: "cargo deny check advisories", run: advisories },
    Step {
        title: "documentation",
        again: "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --workspace --release",
        run: documentation,
    },
    Step {
        title: "cargo component",
        again: "cd plugins/aggregate && cargo component build --release",
        run: cargo_component,
    },
    Step { title: "tests", again: "cargo xtask test", run: tests },
    Step { title: "tiers", again: "cargo xtask test --tier servers memory_stays_within", run: test::run_tiers },
    Step { title: "fuzz", again: "cargo xtask fuzz", run: fuzz::ci },
];

/// Runs each step in turn.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let start = Instant::now();
    for (index, step) in STEPS.iter().enumerate() {
        println!("\n== {}/{} {} ==", index + 1, STEPS.len(), step.title);
        let step_start = Instant::now();
        let seconds = || step_start.elapsed().as_secs_f32();
        (step.run)(workspace).map_err(|error| {
            anyhow!("{} failed after {:.1} s: {error:#}\nrerun it alone: {}", step.title, seconds(), step.again)
        })?;
        println!("== {}: passed in {:.1} s ==", step.title, seconds());
    }
    println!("\nci passed in {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

fn set_up(workspace: &Workspace) -> Result<()> {
    // What is missing has been named; the step that needs it fails, the others say what they can.
    setup::ensure(workspace, setup::ALL);
    Ok(())
}

fn lock_file(workspace: &Workspace) -> Result<()> {
    process::run(cargo::command(workspace, "fetch").arg("--locked"))?;
    process::run(cargo::command(workspace, "fetch").args(["--locked", "--manifest-path", FUZZER]))
}

fn formatted(workspace: &Workspace) -> Result<()> {
    format::command(workspace, &[format::CHECK.to_owned()])
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut clippy = cargo::command(workspace, "clippy");
    process::run(clippy.args(["--release", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn dependencies(workspace: &Workspace) -> Result<()> {
    process::run(deny(workspace)?.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

fn advisories(workspace: &Workspace) -> Result<()> {
    if let Err(error) = process::run_within(deny(workspace)?.args(["fetch", "db"]), ADVISORIES_LIMIT) {
        println!("NOT CHECKED: the database of advisories cannot be reached from here ({error:#})");
        return Ok(());
    }
    process::run(deny(workspace)?.args(["check", "--disable-fetch", "advisories"]))
}

fn deny(workspace: &Workspace) -> Result<Command> {
    let program = setup::cargo_tool(workspace, "cargo-deny").context("no cargo-deny: cargo xtask setup")?;
    let mut command = Command::new(program);
    command.current_dir(workspace.root()).arg("--workspace").env("CARGO", workspace.cargo());
    Ok(command)
}

fn documentation(workspace: &Workspace) -> Result<()> {
    let mut doc = cargo::command(workspace, "doc");
    doc.args(["--no-deps", "--workspace", "--release"]).env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut doc)
}

/// `cargo component build` in a plugin's folder, without a flag of ours, gives a component that the host can run.
fn cargo_component(workspace: &Workspace) -> Result<()> {
    setup::cargo_tool(workspace, "cargo-component").context("no cargo-component: cargo xtask setup")?;
    let toolchain = setup::wasm::installed(workspace)?.context("no compiler for WebAssembly: cargo xtask setup")?;
    let mut build = cargo::command(workspace, "component");
    build.args(["build", "--release"]).current_dir(workspace.root().join("plugins/aggregate"));
    build.env("CARGO_TARGET_DIR", workspace.wasm_target());
    toolchain.apply_with_path(workspace, &mut build, setup::cargo_tools_bin(workspace))?;
    process::run(&mut build)?;
    let built = workspace.wasm_target().join("wasm32-unknown-unknown/release/aggregate.wasm");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let world = component::check_processor(&bytes).with_context(|| built.display().to_string())?;
    println!("imports {}\nexports {}", world.imports.join(", "), world.exports.join(", "));
    Ok(())
}

fn tests(workspace: &Workspace) -> Result<()> {
    test::run(workspace, &[])
}
