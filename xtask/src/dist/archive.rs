//! Archives whose bytes follow from their content: GNU tar in one order, with one owner and one time.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Release;
use crate::process;

/// Packs a laid out tree as it is unpacked by hand: in a folder of the release's name.
pub fn command(release: &Release<'_>, tree: &Path) -> Result<()> {
    let plain = release.folder.join(format!("{}.tar", release.name()));
    let mut pack = tar(release, &plain, tree);
    pack.arg(format!("--transform=s,^\\.,{},", release.name())).arg(".");
    process::run(&mut pack)?;
    gzip(&plain)
}

/// `tar --create` of what the caller names below `folder`.
pub fn tar(release: &Release<'_>, file: &Path, folder: &Path) -> Command {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", release.epoch)).arg("--file").arg(file).arg("--directory").arg(folder);
    tar
}

/// Replaces a file by `FILE.gz`, without its name and time in it.
pub fn gzip(file: &Path) -> Result<()> {
    process::run(Command::new("gzip").args(["--no-name", "--force", "-6"]).arg(file))
}
