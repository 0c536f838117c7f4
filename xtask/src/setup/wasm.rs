//! A compiler for WebAssembly: rustup's own where it can download the target, else Debian's (`debian_std`).
//!
//! `OTELIER_WASM_TOOLCHAIN` (`rustup` or `debian`) forces one; else whichever has the target is used, rustup's first.

mod debian_std;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";
/// cargo-component's own default, with a standard library that asks WASI for everything.
pub const WASI_TARGET: &str = "wasm32-wasip1";
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// The compiler that builds guests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that runs cargo.
    Rustup,
    /// Debian's `rustc-web`, beside it.
    Debian,
}

impl Toolchain {
    /// Makes a cargo command compile with this toolchain.
    pub fn apply(self, command: &mut Command) {
        if self == Self::Debian {
            command.env("RUSTC", debian_std::RUSTC);
        }
    }

    /// As `apply`, for a program that calls the `rustc` of its `PATH` whatever `RUSTC` says. `before` goes in front.
    pub fn apply_with_path(self, workspace: &Workspace, command: &mut Command, before: PathBuf) -> Result<()> {
        self.apply(command);
        let mut folders = vec![before];
        if self == Self::Debian {
            folders.push(debian_std::rustc_dir(workspace)?);
        }
        let present = env::var_os("PATH").unwrap_or_default();
        folders.extend(env::split_paths(&present));
        command.env("PATH", env::join_paths(folders)?);
        Ok(())
    }

    fn sysroot(self) -> Result<PathBuf> {
        match self {
            Self::Rustup => sysroot_of("rustc"),
            Self::Debian => sysroot_of(debian_std::RUSTC),
        }
    }

    fn has_target(self) -> bool {
        self.has(TARGET)
    }

    /// Whether a guest on WASI can be built.
    pub fn has_wasi(self) -> bool {
        self.has(WASI_TARGET)
    }

    fn has(self, target: &str) -> bool {
        self.sysroot().is_ok_and(|sysroot| has_std(&target_dir(&sysroot, target).join("lib")))
    }
}

/// The toolchain to use, if one has the target.
pub fn installed(_workspace: &Workspace) -> Result<Option<Toolchain>> {
    Ok(candidates()?.iter().copied().find(|toolchain| toolchain.has_target()))
}

/// Whether plugins can be built.
pub fn is_installed(workspace: &Workspace) -> bool {
    installed(workspace).is_ok_and(|toolchain| toolchain.is_some())
}

/// Whether guests on WASI can be built.
pub fn has_wasi(workspace: &Workspace) -> bool {
    installed(workspace).is_ok_and(|toolchain| toolchain.is_some_and(Toolchain::has_wasi))
}

/// Gets the target: by rustup, else by the Debian recipe.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    if installed(workspace)?.is_some() {
        return Ok(());
    }
    let candidates = candidates()?;
    if candidates.contains(&Toolchain::Rustup) {
        match add_by_rustup(TARGET, why) {
            Ok(()) => return Ok(()),
            Err(error) if candidates == [Toolchain::Rustup] => return Err(error),
            Err(error) => println!("setup: {error:#}; Debian's compiler can do it as well"),
        }
    }
    debian_std::install(workspace, why)
}

/// Gets the target with WASI for the toolchain that has the other one.
pub fn ensure_wasi(workspace: &Workspace, why: &str) -> Result<()> {
    let toolchain = installed(workspace)?.context("no compiler for WebAssembly")?;
    match toolchain {
        _ if toolchain.has_wasi() => Ok(()),
        Toolchain::Rustup => add_by_rustup(WASI_TARGET, why),
        Toolchain::Debian => debian_std::install_wasi(workspace, why),
    }
}

fn candidates() -> Result<&'static [Toolchain]> {
    match env::var("OTELIER_WASM_TOOLCHAIN").as_deref() {
        Ok("rustup") => Ok(&[Toolchain::Rustup]),
        Ok("debian") => Ok(&[Toolchain::Debian]),
        Ok("") | Err(_) => Ok(&[Toolchain::Rustup, Toolchain::Debian]),
        Ok(other) => bail!("OTELIER_WASM_TOOLCHAIN is `{other}`; it can be `rustup` or `debian`"),
    }
}

fn add_by_rustup(target: &str, why: &str) -> Result<()> {
    let mut add = Command::new("rustup");
    add.args(["target", "add", target]);
    println!("setup: {why}: {}", process::line(&add));
    process::run_within(&mut add, DOWNLOAD_LIMIT)
}

fn sysroot_of(rustc: &str) -> Result<PathBuf> {
    Ok(process::capture(Command::new(rustc).args(["--print", "sysroot"]))?.into())
}

fn target_dir(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target)
}

fn has_std(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    ["libcore-", "libstd-"].iter().all(|prefix| names.iter().any(|name| name.starts_with(prefix)))
}
