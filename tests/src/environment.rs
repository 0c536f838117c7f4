//! Where the tests find what they run: `cargo xtask test` says it in variables, and a plain `cargo test` after a build
//! finds it in the repository. What is missing is an error that names the command that gets it: no test passes because
//! its tool was not there.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The top of the repository.
pub fn repository() -> PathBuf {
    // At run time, not compile time: clones at different paths can share one target directory.
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest_dir).join("..")
}

/// The host.
pub fn binary() -> Result<PathBuf> {
    found("OTELIER_BIN", "target/release/otelier", "", "the host", "cargo build --release")
}

/// A plugin of the repository, as a component.
pub fn plugin(name: &str) -> Result<PathBuf> {
    let file = format!("{name}.wasm");
    found("OTELIER_PLUGINS", "target/plugins", &file, &format!("the plugin {name}"), "cargo xtask plugins")
}

/// A guest of the tests, as a component.
pub fn guest(name: &str) -> Result<PathBuf> {
    let file = format!("{name}.wasm");
    found("OTELIER_GUESTS", "target/guests", &file, &format!("the test guest {name}"), "cargo xtask plugins")
}

/// A Python that has the OpenTelemetry SDK.
pub fn python() -> Result<PathBuf> {
    found("OTELIER_PYTHON", "target/python/bin/python", "", "a Python with the OpenTelemetry SDK", "cargo xtask setup")
}

/// A file of the client in Python.
pub fn client(file: &str) -> Result<PathBuf> {
    found("OTELIER_CLIENTS", "configs/clients/python", file, "the client in Python", "git checkout configs/clients")
}

/// A Python that has what the tests' own client needs.
pub fn test_python() -> Result<PathBuf> {
    let what = "a Python with the OpenTelemetry SDK and HTTP/JSON";
    found("OTELIER_TEST_PYTHON", "target/python-tests/bin/python", "", what, "cargo xtask setup")
}

/// A file of the clients that only the tests use.
pub fn test_client(file: &str) -> Result<PathBuf> {
    found("OTELIER_TEST_CLIENTS", "tests/clients", file, "a client of the tests", "git checkout tests/clients")
}

/// Node.js.
pub fn node() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join("node"));
    let Some(node) = candidates.find(|candidate| candidate.is_file()) else {
        bail!("this test needs Node.js, and `node` is not on the PATH; `cargo xtask setup` gets it");
    };
    Ok(node)
}

/// The modules of the client in JavaScript.
pub fn node_modules() -> Result<PathBuf> {
    let usual = "target/javascript/node_modules";
    found("OTELIER_NODE_MODULES", usual, "", "the OpenTelemetry SDK for JavaScript", "cargo xtask setup")
}

/// The Collector's generator of telemetry.
pub fn telemetrygen() -> Result<PathBuf> {
    found("OTELIER_TELEMETRYGEN", "target/tools/bin/telemetrygen", "", "telemetrygen", "cargo xtask setup")
}

/// The OpenTelemetry Collector, with the components of `tests/collector/builder-config.yaml`.
pub fn collector() -> Result<PathBuf> {
    let usual = "target/tools/collector/otelcol-tests";
    found("OTELIER_COLLECTOR", usual, "", "the OpenTelemetry Collector", "cargo xtask setup")
}

/// The Prometheus server.
pub fn prometheus() -> Result<PathBuf> {
    let unpacked = "target/tools/prometheus/usr/bin/prometheus";
    found("OTELIER_PROMETHEUS", unpacked, "", "the Prometheus server", "cargo xtask setup")
}

/// The checker of metrics that comes with the Prometheus server.
pub fn promtool() -> Result<PathBuf> {
    let unpacked = "target/tools/prometheus/usr/bin/promtool";
    found("OTELIER_PROMTOOL", unpacked, "", "promtool", "cargo xtask setup")
}

/// What `cargo xtask dist` has made.
pub fn dist() -> Result<PathBuf> {
    found("OTELIER_DIST", "target/dist", "SHA256SUMS", "a release", "cargo xtask dist")
        .map(|sums| sums.with_file_name(""))
}

/// An archive of the root of a Debian without a compiler.
pub fn debian_root() -> Result<PathBuf> {
    let usual = "target/tools/debian/root.tar";
    found("OTELIER_DEBIAN_ROOT", usual, "", "the root of a Debian", "cargo xtask setup")
}

/// A folder with `usr/bin/systemd-nspawn` and its library.
pub fn container_tools() -> Result<PathBuf> {
    found("OTELIER_CONTAINER_TOOLS", "target/tools/debian/tools", "", "systemd-nspawn", "cargo xtask setup")
}

/// `variable` or else `usual` in the repository, and `file` in it unless that is empty.
fn found(variable: &str, usual: &str, file: &str, what: &str, command: &str) -> Result<PathBuf> {
    let mut path = match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(path) => path.into(),
        None => repository().join(usual),
    };
    if !file.is_empty() {
        path.push(file);
    }
    if !path.exists() {
        bail!("this test needs {what}, and {} ({variable}) is not there; `{command}` gets it", path.display());
    }
    Ok(path)
}
