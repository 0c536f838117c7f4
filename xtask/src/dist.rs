//! `cargo xtask dist`: everything that a release has, in `dist` of the target directory, each file made from the one before it.
//!
//! ```text
//! otelier-VERSION-linux-ARCH.tar.gz     binary, examples of configurations, documents
//! otelier_VERSION_ARCH.deb              the same for Debian, with user, unit and conffiles
//! container/                            a build context: Dockerfile, rootfs/, state/
//! otelier-VERSION-oci.tar               the image that it makes, as an OCI layout
//! otelier.spdx.json                     what is compiled in, as SPDX 2.3
//! SHA256SUMS                            of every file above
//! ```
//!
//! Times, owners and orders come from the commit, so one commit and one binary give the same bytes.

mod archive;
mod crates;
mod debian;
mod documents;
mod image;
mod spdx;
mod sums;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;
use crate::{cargo, plugins, process, setup};

const USAGE: &str = "usage: cargo xtask dist [--binary PATH]; PATH is packed in place of a new build";

/// What all steps share.
pub struct Release<'w> {
    workspace: &'w Workspace,
    /// Where everything goes.
    folder: PathBuf,
    /// The stripped binary.
    binary: PathBuf,
    version: String,
    /// In Debian's words, such as `amd64`.
    architecture: String,
    /// Seconds since 1970, of every file.
    epoch: u64,
}

/// Builds, and packs what was built.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let chosen = match arguments {
        [] => None,
        [flag, path] if flag == "--binary" => Some(PathBuf::from(path)),
        _ => bail!(USAGE),
    };
    let binary = match chosen {
        Some(path) => path.canonicalize().with_context(|| format!("no binary at {}", path.display()))?,
        None => {
            setup::ensure(workspace, setup::BUILD);
            cargo::build(workspace)?;
            workspace.built("otelier")
        }
    };
    pack(workspace, &binary)
}

/// Where a release is.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("dist")
}

/// Packs a binary that is built.
pub fn pack(workspace: &Workspace, binary: &Path) -> Result<()> {
    let release = Release::begin(workspace, binary)?;
    let spdx = release.folder.join("otelier.spdx.json");
    let compiled_in = crates::compiled_in(workspace)?;
    fs::write(&spdx, spdx::document(&release, &compiled_in)?)?;
    let tree = release.folder.join("tree");
    documents::lay_out(&release, &compiled_in, &tree)?;
    archive::command(&release, &tree)?;
    debian::package(&release, &tree)?;
    image::context(&release, &tree)?;
    image::layout(&release)?;
    fs::remove_dir_all(&tree)?;
    sums::write(&release.folder)?;
    println!("dist: {}", release.folder.display());
    process::run(Command::new("ls").args(["-l", "--no-group"]).arg(&release.folder))
}

impl<'w> Release<'w> {
    fn begin(workspace: &'w Workspace, binary: &Path) -> Result<Release<'w>> {
        let folder = folder(workspace);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let stripped = folder.join("otelier");
        process::run(Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(binary))?;
        has_plugins(workspace, &stripped)?;
        let said = process::capture(Command::new(&stripped).arg("--version"))?;
        let version = said.strip_prefix("otelier ").with_context(|| format!("`--version` says {said}"))?.to_owned();
        let architecture = process::capture(Command::new("dpkg").arg("--print-architecture"))?;
        Ok(Release { workspace, folder, binary: stripped, version, architecture, epoch: epoch(workspace)? })
    }

    /// The name of a file or a folder of it.
    fn name(&self) -> String {
        format!("otelier-{}-linux-{}", self.version, self.architecture)
    }

    /// A file of the repository.
    fn source(&self, path: &str) -> PathBuf {
        self.workspace.root().join(path)
    }
}

/// A binary that was built without plugins would start, and refuse every configuration that names one.
fn has_plugins(workspace: &Workspace, binary: &Path) -> Result<()> {
    let components = process::capture(Command::new(binary).arg("components"))?;
    for entry in fs::read_dir(plugins::plugins_dir(workspace))? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let is_there = components.split([',', ':', '\n']).any(|word| word.trim() == name);
        ensure!(is_there, "plugin {name} is not in {}: build it after `cargo xtask plugins`", binary.display());
    }
    Ok(())
}

/// `SOURCE_DATE_EPOCH` as <https://reproducible-builds.org> has it, else the time of the commit.
fn epoch(workspace: &Workspace) -> Result<u64> {
    if let Ok(chosen) = std::env::var("SOURCE_DATE_EPOCH") {
        return chosen.parse().with_context(|| format!("SOURCE_DATE_EPOCH is `{chosen}`, not seconds"));
    }
    let mut log = Command::new("git");
    log.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
    Ok(process::capture(&mut log)?.parse()?)
}
