//! Where things are: the repository, the target directory, and what xtask puts into each.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The paths that all commands share; every one of them is absolute.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// Finds the repository and the target directory of `command`.
    pub fn locate(command: &str) -> Result<Self> {
        // At run time, not compile time: clones at different paths can share one target directory.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest_dir).parent().context("xtask has no parent folder")?.canonicalize()?;
        let target = target_dir(&root, command)?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self { root, target, cargo })
    }

    /// The top of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory for native code.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The cargo that runs this program.
    pub fn cargo(&self) -> &OsString {
        &self.cargo
    }

    /// A program that cargo has built.
    pub fn built(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// Cargo's target directory for guests: of its own, so that neither native nor guest builds disturb the other.
    pub fn wasm_target(&self) -> PathBuf {
        self.target.join("wasm")
    }

    /// Programs that set-up has installed, for this project only.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// What the README promises to be here, whatever the target directory is: binary, plugins, guests.
    pub fn published(&self) -> PathBuf {
        self.root.join("target")
    }
}

fn target_dir(root: &Path, command: &str) -> Result<PathBuf> {
    if let Some(chosen) = env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        return Ok(std::path::absolute(chosen)?);
    }
    match env::var_os("HOME") {
        // Outside the clone, so that the next clone's run is incremental.
        Some(home) if command == "ci" => Ok(Path::new(&home).join(".cache/otelier/target")),
        _ => Ok(root.join("target")),
    }
}
