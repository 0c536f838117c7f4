//! `cargo xtask test`: every test of the workspace, with what they run against; or a tier of them, which has the machine for itself.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{cargo, dist, plugins, process, setup};

/// Suites that run one test at a time, longer than beside others, and look at how long things take.
struct Tier {
    name: &'static str,
    suites: &'static [&'static str],
    /// What of it `ci` runs, in ten minutes at most; all of it where nothing is named.
    in_ci: &'static [&'static str],
    /// What it needs beside a build.
    prepare: fn(&Workspace) -> Result<()>,
}

/// Attacks on a host, and what runs against servers that take long to start; a release, installed on a machine of its own.
const TIERS: &[Tier] = &[
    Tier { name: "servers", suites: &["hostile"], in_ci: &["memory_stays_within"], prepare: |_| Ok(()) },
    Tier { name: "packages", suites: &["packages"], in_ci: &[], prepare: pack },
];

/// Sets up, builds host and guests, and tests; arguments go to `cargo test`. Those behind `--tier NAME` choose among its tests.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::TESTS);
    match arguments {
        [flag, rest @ ..] if flag == "--tier" => {
            let names = || TIERS.iter().map(|tier| tier.name).collect::<Vec<_>>().join(", ");
            let (name, filters) = rest.split_first().with_context(|| format!("--tier NAME: {}", names()))?;
            let Some(tier) = TIERS.iter().find(|tier| tier.name == name) else {
                bail!("no tier `{name}`; there is {}", names())
            };
            build(workspace)?;
            run_tier(workspace, tier, filters)
        }
        _ => run(workspace, arguments),
    }
}

/// The same without set-up.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build(workspace)?;
    let mut test = cargo::command(workspace, "test");
    test.args(["--release", "--workspace"]).args(arguments);
    add_environment(workspace, &mut test);
    process::run(&mut test)
}

/// What `ci` runs of the tiers.
pub fn run_tiers(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    TIERS.iter().try_for_each(|tier| run_tier(workspace, tier, tier.in_ci))
}

fn pack(workspace: &Workspace) -> Result<()> {
    setup::ensure(workspace, setup::PACKAGES);
    dist::pack(workspace, &workspace.built("otelier"))
}

fn build(workspace: &Workspace) -> Result<()> {
    cargo::build(workspace)?;
    plugins::build(workspace)
}

fn run_tier<F: AsRef<OsStr>>(workspace: &Workspace, tier: &Tier, filters: &[F]) -> Result<()> {
    (tier.prepare)(workspace)?;
    let mut test = cargo::command(workspace, "test");
    test.args(["--release", "--workspace"]);
    test.args(tier.suites.iter().flat_map(|suite| ["--test", suite]));
    test.args(["--", "--include-ignored", "--test-threads=1", "--nocapture"]).args(filters);
    test.env("OTELIER_TEST_TIER", tier.name);
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
    command.env("OTELIER_DIST", dist::folder(workspace));
    let optional = [
        ("OTELIER_PYTHON", setup::python::interpreter(workspace)),
        ("OTELIER_TEST_PYTHON", setup::python::test_interpreter(workspace)),
        ("OTELIER_NODE_MODULES", setup::javascript::modules(workspace)),
        ("OTELIER_TELEMETRYGEN", setup::telemetrygen::program(workspace)),
        ("OTELIER_COLLECTOR", setup::collector::program(workspace)),
        ("OTELIER_PROMETHEUS", setup::prometheus::program(workspace, "prometheus")),
        ("OTELIER_PROMTOOL", setup::prometheus::program(workspace, "promtool")),
        ("OTELIER_PROMETHEUS_READER", setup::prometheus::reader(workspace)),
        ("OTELIER_DEBIAN_ROOT", setup::debian_root::archive(workspace)),
        ("OTELIER_CONTAINER_TOOLS", setup::debian_root::container_tools(workspace)),
    ];
    for (name, path) in optional {
        if let Some(path) = path {
            command.env(name, path);
        }
    }
}
