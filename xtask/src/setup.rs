//! What the commands need beyond cargo, and how a machine gets it.
//!
//! A need that is met costs a look at the disk. One that is not says what is missing and why before anything is
//! installed; one that cannot be met is named with the command that would do it, and the rest goes on.

mod apt;
mod cargo_tools;
pub mod collector;
pub mod debian_root;
mod go;
pub mod javascript;
mod native;
pub mod prometheus;
pub mod python;
pub mod telemetrygen;
pub mod wasm;

use anyhow::{Result, bail};

pub use cargo_tools::{bin as cargo_tools_bin, tool as cargo_tool};

use crate::workspace::Workspace;

/// One thing that a machine may lack.
pub struct Need {
    what: &'static str,
    why: &'static str,
    /// The command that gets it by hand.
    by_hand: &'static str,
    ensure: fn(&Workspace, why: &str) -> Result<()>,
    is_met: fn(&Workspace) -> bool,
}

const COMPILER: Need = Need {
    what: "a C++ compiler",
    why: "RocksDB and libFuzzer are C++",
    by_hand: "apt-get install g++",
    ensure: native::ensure_compiler,
    is_met: |_| native::has_compiler(),
};
const LIBCLANG: Need = Need {
    what: "libclang",
    why: "RocksDB's Rust bindings are generated with it",
    by_hand: "apt-get install libclang-dev",
    ensure: native::ensure_libclang,
    is_met: |_| native::finds_libclang(),
};
const WASM: Need = Need {
    what: "the target wasm32-unknown-unknown",
    why: "plugins are WebAssembly",
    by_hand: "rustup target add wasm32-unknown-unknown",
    ensure: wasm::ensure,
    is_met: wasm::is_installed,
};
const PYTHON: Need = Need {
    what: "the OpenTelemetry SDK for Python",
    why: "tests and demo send with a real client",
    by_hand: "pip install -r configs/clients/python/requirements.txt",
    ensure: python::ensure,
    is_met: |workspace| python::interpreter(workspace).is_some(),
};
const TEST_PYTHON: Need = Need {
    what: "the OpenTelemetry SDK for Python with HTTP/JSON",
    why: "tests send every signal with a real client",
    by_hand: "apt-get install python3-venv && cargo xtask setup",
    ensure: python::ensure_for_tests,
    is_met: |workspace| python::test_interpreter(workspace).is_some(),
};
const WASI: Need = Need {
    what: "the Rust target wasm32-wasip1",
    why: "a test has a guest of the kind that cargo-component builds by default",
    by_hand: "rustup target add wasm32-wasip1",
    ensure: wasm::ensure_wasi,
    is_met: wasm::has_wasi,
};
const JAVASCRIPT: Need = Need {
    what: "the OpenTelemetry SDK for JavaScript",
    why: "tests send with a real client",
    by_hand: "apt-get install nodejs npm && cargo xtask setup",
    ensure: javascript::ensure,
    is_met: |workspace| javascript::modules(workspace).is_some(),
};
const TELEMETRYGEN: Need = Need {
    what: "telemetrygen",
    why: "tests send with the Collector's own generator",
    by_hand: "cargo xtask setup, with the Go that tests/clients/telemetrygen/go.mod names in the PATH",
    ensure: telemetrygen::ensure,
    is_met: |workspace| telemetrygen::program(workspace).is_some(),
};
const COLLECTOR: Need = Need {
    what: "the OpenTelemetry Collector",
    why: "tests send to a real Collector and receive from it",
    by_hand: "cargo xtask setup, with the Go that tests/collector/go.mod names in the PATH",
    ensure: collector::ensure,
    is_met: |workspace| collector::program(workspace).is_some(),
};
const PROMETHEUS: Need = Need {
    what: "prometheus and promtool",
    why: "tests scrape with a real server",
    by_hand: "apt-get install prometheus",
    ensure: prometheus::ensure,
    is_met: |workspace| prometheus::program(workspace, "promtool").is_some(),
};
const PROMETHEUS_READER: Need = Need {
    what: "Prometheus' readers of expositions",
    why: "tests read every scrape with them",
    by_hand: "cargo xtask setup, with the Go that tests/prometheus/go.mod names in the PATH",
    ensure: prometheus::ensure_reader,
    is_met: |workspace| prometheus::reader(workspace).is_some(),
};
const DEBIAN_ROOT: Need = Need {
    what: "a Debian without Rust, and systemd-nspawn",
    why: "tests install the package on a machine that boots",
    by_hand: "apt-get install mmdebstrap systemd-container && cargo xtask setup",
    ensure: debian_root::ensure,
    is_met: debian_root::is_there,
};
const CARGO_DENY: Need = Need {
    what: "cargo-deny",
    why: "ci checks licences, sources and advisories of the dependencies",
    by_hand: "cargo install --locked cargo-deny",
    ensure: cargo_tools::ensure_deny,
    is_met: |workspace| cargo_tool(workspace, "cargo-deny").is_some(),
};
const CARGO_COMPONENT: Need = Need {
    what: "cargo-component",
    why: "ci checks that a plugin builds with it as it stands",
    by_hand: "cargo install --locked cargo-component@0.21.1 && rustup target add wasm32-wasip1",
    ensure: cargo_tools::ensure_component,
    is_met: |workspace| cargo_tool(workspace, "cargo-component").is_some(),
};

const BOOK: Need = Need {
    what: "mdbook",
    why: "the book is built with it",
    by_hand: "cargo install --locked mdbook",
    ensure: cargo_tools::ensure_book,
    is_met: |workspace| cargo_tool(workspace, "mdbook").is_some(),
};

/// To build the book.
pub const FOR_BOOK: &[Need] = &[BOOK];
/// To build plugins.
pub const GUESTS: &[Need] = &[WASM, WASI];
/// To build the fuzzer.
pub const FUZZ: &[Need] = &[COMPILER];
/// To build all.
pub const BUILD: &[Need] = &[COMPILER, LIBCLANG, WASM];
/// To play the demo.
pub const DEMO: &[Need] = &[COMPILER, LIBCLANG, WASM, PYTHON];
/// To run the tests.
pub const TESTS: &[Need] = &[
    COMPILER,
    LIBCLANG,
    WASM,
    WASI,
    PYTHON,
    TEST_PYTHON,
    JAVASCRIPT,
    TELEMETRYGEN,
    COLLECTOR,
    PROMETHEUS,
    PROMETHEUS_READER,
];
/// To test packages, beside what the tests need.
pub const PACKAGES: &[Need] = &[DEBIAN_ROOT];
/// Everything.
pub const ALL: &[Need] = &[
    COMPILER,
    LIBCLANG,
    WASM,
    WASI,
    PYTHON,
    TEST_PYTHON,
    JAVASCRIPT,
    TELEMETRYGEN,
    COLLECTOR,
    PROMETHEUS,
    PROMETHEUS_READER,
    DEBIAN_ROOT,
    CARGO_DENY,
    CARGO_COMPONENT,
    BOOK,
];

/// `cargo xtask setup`: everything, and a failure when something could not be had.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let missing = ensure(workspace, ALL);
    if missing > 0 {
        bail!("{missing} thing(s) could not be had, see above");
    }
    println!("setup: nothing is missing");
    Ok(())
}

/// Those of `needs` that this machine lacks, with what would get each.
pub fn missing(workspace: &Workspace, needs: &[Need]) -> Vec<(&'static str, &'static str)> {
    let lacking = needs.iter().filter(|need| !(need.is_met)(workspace));
    lacking.map(|need| (need.what, need.by_hand)).collect()
}

/// Meets each need where that is possible; returns how many were not met.
pub fn ensure(workspace: &Workspace, needs: &[Need]) -> usize {
    let mut missing = 0;
    for need in needs {
        if let Err(error) = (need.ensure)(workspace, need.why) {
            missing += 1;
            eprintln!("setup: cannot get {} ({}): {error:#}", need.what, need.why);
            eprintln!("setup: this command would get it: {}", need.by_hand);
        }
    }
    missing
}
