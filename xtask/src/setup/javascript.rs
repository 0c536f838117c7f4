//! Node.js and the modules of the tests' client, pinned by its own lock file. They lie in the target directory; the
//! client finds them by `NODE_PATH`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

/// What npm reads: the lock file last, because it says what is installed.
const FILES: [&str; 3] = [".npmrc", "package.json", LOCK];
const LOCK: &str = "package-lock.json";

/// As in package.json.
const NODE_MAJOR_MIN: u32 = 18;

/// The installed modules, where set-up has put them.
pub fn modules(workspace: &Workspace) -> Option<PathBuf> {
    let modules = folder(workspace).join("node_modules");
    modules.is_dir().then_some(modules)
}

/// Installs Node.js unless it is there, and the modules unless they are the lock file's.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    ensure_node(why)?;
    let (source, folder) = (workspace.root().join("tests/clients/javascript"), folder(workspace));
    let wanted = fs::read(source.join(LOCK)).with_context(|| format!("cannot read {LOCK}"))?;
    // Written last: an interrupted installation is not taken for a finished one.
    let installed = folder.join("installed.json");
    if modules(workspace).is_some() && fs::read(&installed).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    for name in FILES {
        fs::copy(source.join(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut install = Command::new("npm");
    // No module needs its scripts.
    install.args(["ci", "--ignore-scripts", "--no-progress"]).current_dir(&folder);
    println!("setup: {why}: {} in {}", process::line(&install), folder.display());
    process::run(&mut install)?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn ensure_node(why: &str) -> Result<()> {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter(|(name, _)| process::find(name).is_none())
        .map(|(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt::install(&missing, why)?;
    }
    let version = process::capture(Command::new("node").arg("--version"))?;
    if major(&version).is_none_or(|major| major < NODE_MAJOR_MIN) {
        bail!("node is {version}, and the SDK needs {NODE_MAJOR_MIN} or later");
    }
    Ok(())
}

/// Of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("javascript")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!([major("v20.20.2"), major("v8.0.0"), major("none")], [Some(20), Some(8), None]);
    }

    /// A lock file that names a registry installs from nowhere else.
    #[test]
    fn the_lock_file_names_no_host_to_install_from() -> Result<()> {
        let lock = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/javascript").join(LOCK);
        assert!(!fs::read_to_string(lock)?.contains("\"resolved\""));
        Ok(())
    }
}
