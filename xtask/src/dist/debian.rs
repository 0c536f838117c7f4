//! The Debian package, by `dpkg-deb` from a laid out tree: its scripts are the few lines in `packaging/debian`, so no helper stands between
//! them and what is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Release;
use super::documents::put;
use crate::process;

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// `otelier_VERSION_ARCH.deb`.
pub fn package(release: &Release<'_>, tree: &Path) -> Result<()> {
    let root = release.folder.join("debian");
    process::run(Command::new("cp").args(["--recursive", "--preserve=mode"]).arg(tree).arg(&root))?;
    // Debian has it in common-licenses, and the changelog under its own name.
    fs::remove_file(root.join("usr/share/doc/otelier/LICENSE"))?;
    let source = |name: &str| fs::read(release.source(&format!("packaging/debian/{name}")));
    put(&root, "etc/default/otelier", &source("default")?)?;
    put(&root, "usr/share/doc/otelier/copyright", &source("copyright")?)?;
    let size = size_kib(&root)?;
    put(&root, "DEBIAN/control", control(release, &root, size)?.as_bytes())?;
    put(&root, "DEBIAN/conffiles", &source("conffiles")?)?;
    put(&root, "DEBIAN/md5sums", md5sums(&root)?.as_bytes())?;
    for name in SCRIPTS {
        put(&root, &format!("DEBIAN/{name}"), &source(name)?)?;
        fs::set_permissions(root.join("DEBIAN").join(name), fs::Permissions::from_mode(0o755))?;
    }
    let file = release.folder.join(format!("otelier_{}_{}.deb", release.version, release.architecture));
    let mut build = Command::new("dpkg-deb");
    build.args(["--build", "--root-owner-group", "-Zxz", "-z3"]).arg(&root).arg(file);
    build.env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    process::run(&mut build)?;
    Ok(fs::remove_dir_all(&root)?)
}

fn control(release: &Release<'_>, root: &Path, size: u64) -> Result<String> {
    let libraries = libraries(root)?;
    Ok(format!(
        "Package: otelier\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: otelier maintainers <maintainers@users.noreply.otelier.example>\n\
         Installed-Size: {size}\n\
         Pre-Depends: init-system-helpers (>= 1.54~)\n\
         Depends: {libraries}, passwd\n\
         Recommends: ca-certificates\n\
         Section: net\n\
         Priority: optional\n\
         Homepage: {}\n\
         Description: OpenTelemetry collector whose processors are sandboxed plugins\n \
         It receives OTLP, runs processors and circuit-breaker policies as WebAssembly\n \
         components, keeps their state on disk, and passes telemetry on over OTLP or\n \
         shows it to Prometheus.\n",
        release.version,
        release.architecture,
        env!("CARGO_PKG_REPOSITORY"),
    ))
}

/// The packages of the libraries that the binary is linked to, with the versions that have the symbols it uses.
fn libraries(root: &Path) -> Result<String> {
    // It reads the source package's control file, which says nothing that it needs.
    let sources = root.with_file_name("debian-sources");
    put(&sources, "debian/control", b"Source: otelier\n\nPackage: otelier\nArchitecture: any\n")?;
    let mut find = Command::new("dpkg-shlibdeps");
    find.current_dir(&sources).args(["-O", "-e"]).arg(root.join("usr/bin/otelier"));
    let found = process::capture(&mut find).context("dpkg-shlibdeps, of the package dpkg-dev")?;
    fs::remove_dir_all(&sources)?;
    let found = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(found.context("the binary is linked to no library")?.to_owned())
}

/// As dpkg counts it: whole kibibytes of each file.
fn size_kib(root: &Path) -> Result<u64> {
    let sizes = process::capture(Command::new("find").arg(root).args(["-type", "f", "-printf", "%s\\n"]))?;
    sizes.lines().map(|line| Ok(line.parse::<u64>()?.div_ceil(1024))).sum()
}

/// Of every file but conffiles, which change.
fn md5sums(root: &Path) -> Result<String> {
    let find = "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
    Ok(process::capture(Command::new("sh").current_dir(root).args(["-c", find]))? + "\n")
}
