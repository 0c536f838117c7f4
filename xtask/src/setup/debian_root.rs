//! A Debian without a compiler, as an archive of its root, and what boots it: tests install packages there. Both tools are unpacked, not
//! installed: installing a container manager would start its services.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt;
use crate::process;
use crate::workspace::Workspace;

/// What the machine boots with, beside the packages that every Debian has.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,libstdc++6";
/// Where Debian's own packages come from, in the newer form and the older one.
const SOURCES: [&str; 2] = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/// The archive, where set-up has made it.
pub fn archive(workspace: &Workspace) -> Option<PathBuf> {
    let path = folder(workspace).join("root.tar");
    path.is_file().then_some(path)
}

/// The folder with `systemd-nspawn`, and the library that it is linked to.
pub fn container_tools(workspace: &Workspace) -> Option<PathBuf> {
    let folder = folder(workspace).join("tools");
    folder.join("usr/bin/systemd-nspawn").is_file().then_some(folder)
}

/// Whether both are there.
pub fn is_there(workspace: &Workspace) -> bool {
    archive(workspace).is_some() && container_tools(workspace).is_some()
}

/// Makes both unless they are there.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    if is_there(workspace) {
        return Ok(());
    }
    let folder = folder(workspace);
    let tools = folder.join("tools");
    fs::create_dir_all(&tools)?;
    for package in ["mmdebstrap", "systemd-container", "libsystemd-shared"] {
        apt::unpack(package, &tools, why)?;
    }
    let sources = SOURCES.iter().find(|path| Path::new(path).is_file());
    let Some(sources) = sources else { bail!("this machine has no sources of Debian's packages") };
    let unfinished = folder.join("unfinished.tar");
    let mut make = apt::as_root("env")?;
    let bin = tools.join("usr/bin");
    make.arg(format!("PATH={}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()));
    make.args(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]).arg(format!("--include={PACKAGES}"));
    make.arg(codename()?).arg(&unfinished).arg(sources);
    println!("setup: {why}: {}", process::line(&make));
    process::run(&mut make)?;
    Ok(fs::rename(unfinished, folder.join("root.tar"))?)
}

/// Of this machine's release, whose packages it can get.
fn codename() -> Result<String> {
    let release = process::capture(Command::new("cat").arg("/etc/os-release"))?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no VERSION_CODENAME")?.to_owned())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("debian")
}
