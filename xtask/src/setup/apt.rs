//! Debian's packages: installed with root's rights, or only unpacked, which needs none.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Installs packages, and says so first.
pub fn install(packages: &[&str], why: &str) -> Result<()> {
    let mut install = as_root("apt-get")?;
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    println!("setup: {why}: {}", process::line(&install));
    if process::run(&mut install).is_ok() {
        return Ok(());
    }
    update()?;
    process::run(&mut install)
}

/// Unpacks a package into `folder` without installing it: no service starts, nothing outside `folder` changes.
pub fn unpack(package: &str, folder: &Path, why: &str) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("this machine has no apt-get");
    }
    let parent = folder.parent().context("nowhere to unpack to")?;
    let downloads = parent.join(format!("download-{package}"));
    fs::create_dir_all(&downloads)?;
    let mut download = Command::new("apt-get");
    // apt's own user may not write into a home directory; without this root is warned of it.
    download.args(["-o", "APT::Sandbox::User=root", "download", package]).current_dir(&downloads);
    println!("setup: {why}: {}, unpacked into {}", process::line(&download), folder.display());
    if process::run(&mut download).is_err() {
        update()?;
        process::run(&mut download)?;
    }
    for archive in fs::read_dir(&downloads)? {
        process::run(Command::new("dpkg-deb").arg("--extract").arg(archive?.path()).arg(folder))?;
    }
    fs::remove_dir_all(&downloads)?;
    Ok(())
}

/// A command with root's rights: as it is for root, else through a sudo that asks for no password.
pub fn as_root(program: &str) -> Result<Command> {
    if process::find(program).is_none() {
        bail!("this machine has no {program}");
    }
    if process::capture(Command::new("id").arg("-u"))? == "0" {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return Ok(command);
    }
    if process::capture(Command::new("sudo").args(["-n", "true"])).is_err() {
        bail!("{program} needs root, or a sudo that asks for no password");
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
    Ok(command)
}

fn update() -> Result<()> {
    let mut update = as_root("apt-get")?;
    update.arg("update");
    println!("setup: that failed; the package lists may be missing or old: {}", process::line(&update));
    process::run(&mut update)
}
