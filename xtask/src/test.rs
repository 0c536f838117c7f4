//! `cargo xtask test`: every test of the workspace, with what they run against.

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo, plugins, process, setup};

/// Sets up, builds host and guests, and tests; arguments go to `cargo test`.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::TESTS);
    run(workspace, arguments)
}

/// The same without set-up.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    cargo::build(workspace)?;
    plugins::build(workspace)?;
    let mut test = cargo::command(workspace, "test");
    test.args(["--release", "--workspace"]).args(arguments);
    add_environment(workspace, &mut test);
    process::run(&mut test)
}

/// Tells a test or a benchmark where the built things are. What set-up could not get has no variable.
pub fn add_environment(workspace: &Workspace, command: &mut Command) {
    command.env("OTELIER_BIN", workspace.built("otelier"));
    command.env("OTELIER_PLUGINS", plugins::plugins_dir(workspace));
    command.env("OTELIER_GUESTS", plugins::guests_dir(workspace));
    command.env("OTELIER_CLIENTS", setup::python::clients(workspace));
    command.env("OTELIER_TEST_CLIENTS", workspace.root().join("tests/clients"));
    let optional = [
        ("OTELIER_PYTHON", setup::python::interpreter(workspace)),
        ("OTELIER_TEST_PYTHON", setup::python::test_interpreter(workspace)),
        ("OTELIER_NODE_MODULES", setup::javascript::modules(workspace)),
        ("OTELIER_TELEMETRYGEN", setup::telemetrygen::program(workspace)),
        ("OTELIER_COLLECTOR", setup::collector::program(workspace)),
        ("OTELIER_PROMETHEUS", setup::prometheus::program(workspace, "prometheus")),
        ("OTELIER_PROMTOOL", setup::prometheus::program(workspace, "promtool")),
        ("OTELIER_PROMETHEUS_READER", setup::prometheus::reader(workspace)),
    ];
    for (name, path) in optional {
        if let Some(path) = path {
            command.env(name, path);
        }
    }
}
