//! The fallback where rustup can download nothing: Debian's `rustc-web` with a standard library built from its source.
//!
//! The library is compiled once and put into that compiler's sysroot, which makes the target an ordinary one from then
//! on. The linker is the one of rustup's toolchain. Tried on Debian 12.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{TARGET, WASI_TARGET, has_std, sysroot_of, target_dir};
use crate::process;
use crate::setup::apt;
use crate::workspace::Workspace;

/// Debian's compiler.
pub const RUSTC: &str = "/usr/bin/rustc";

/// Where Debian's package puts it.
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// A crate without dependencies: building it builds the library.
const MANIFEST: &str = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";

/// Does the whole recipe.
pub fn install(workspace: &Workspace, why: &str) -> Result<()> {
    let source = Path::new("lib/rustlib/src/rust/library/std");
    if !sysroot_of(RUSTC).is_ok_and(|sysroot| sysroot.join(source).is_dir()) {
        apt::install(&["rustc-web", "rust-web-src"], why)?;
    }
    let sysroot = sysroot_of(RUSTC)?;
    link_linker(&sysroot)?;
    add_target(workspace, &sysroot, TARGET, &[])
}

/// The same for the target with WASI, whose C library is a package of Debian's.
pub fn install_wasi(workspace: &Workspace, why: &str) -> Result<()> {
    if !Path::new(WASI_LIBC).join("libc.a").is_file() {
        apt::install(&["wasi-libc"], why)?;
    }
    let objects = ["crt1-command.o", "crt1-reactor.o", "libc.a"].map(|name| Path::new(WASI_LIBC).join(name));
    add_target(workspace, &sysroot_of(RUSTC)?, WASI_TARGET, &objects)
}

/// `objects` are what a linker needs beside the library.
fn add_target(workspace: &Workspace, sysroot: &Path, target: &str, objects: &[PathBuf]) -> Result<()> {
    let project = workspace.tools().join("wasm-std");
    let built = build_std(workspace, &project, target)?;
    copy_library(&built, objects, &target_dir(sysroot, target))?;
    fs::remove_dir_all(&project)?;
    Ok(())
}

/// A folder that holds Debian's compiler and nothing else, to stand in front of `PATH`.
pub fn rustc_dir(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.tools().join("debian-rustc");
    if !folder.join("rustc").exists() {
        fs::create_dir_all(&folder)?;
        symlink(RUSTC, folder.join("rustc"))?;
    }
    Ok(folder)
}

fn build_std(workspace: &Workspace, project: &Path, target: &str) -> Result<PathBuf> {
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("Cargo.toml"), MANIFEST)?;
    fs::write(project.join("src/lib.rs"), "")?;
    let output = project.join("target");
    let mut build = Command::new(workspace.cargo());
    build.args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", target]);
    build.current_dir(project).env("CARGO_TARGET_DIR", &output);
    build.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    println!("setup: the standard library for {target}: RUSTC={RUSTC} RUSTC_BOOTSTRAP=1 {}", process::line(&build));
    process::run(&mut build)?;
    Ok(output.join(target).join("release/deps"))
}

/// Copies beside the place first: an interrupted copy is not taken for a finished one.
fn copy_library(built: &Path, objects: &[PathBuf], target: &Path) -> Result<()> {
    let unfinished = target.join("lib.unfinished");
    let finished = target.join("lib");
    println!("setup: copying it to {}", finished.display());
    process::run(apt::as_root("mkdir")?.arg("-p").arg(&unfinished))?;
    let mut copy = apt::as_root("cp")?;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        let is_library = path.extension().is_some_and(|extension| extension == "rlib");
        if is_library && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libempty-")) {
            copy.arg(path);
        }
    }
    process::run(copy.arg(&unfinished))?;
    if !objects.is_empty() {
        let contained = unfinished.join("self-contained");
        process::run(apt::as_root("mkdir")?.arg("-p").arg(&contained))?;
        process::run(apt::as_root("cp")?.args(objects).arg(&contained))?;
    }
    process::run(apt::as_root("rm")?.arg("-rf").arg(&finished))?;
    process::run(apt::as_root("mv")?.arg(&unfinished).arg(&finished))?;
    if !has_std(&finished) {
        bail!("the build left no standard library in {}", built.display());
    }
    Ok(())
}

fn link_linker(sysroot: &Path) -> Result<()> {
    let version = process::capture(Command::new(RUSTC).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let folder = Path::new("lib/rustlib").join(host).join("bin");
    let wanted = sysroot.join(&folder).join("rust-lld");
    if wanted.exists() {
        return Ok(());
    }
    let present = sysroot_of("rustc")?.join(&folder).join("rust-lld");
    if !present.exists() {
        bail!("there is no linker for WebAssembly at {}", present.display());
    }
    println!("setup: the linker of rustup's toolchain for Debian's compiler: {}", wanted.display());
    process::run(apt::as_root("mkdir")?.arg("-p").arg(sysroot.join(&folder)))?;
    process::run(apt::as_root("ln")?.arg("-sf").arg(&present).arg(&wanted))
}
