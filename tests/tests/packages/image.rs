//! The container image: its digests, its files, who runs it, and that it runs with a root that nobody can write to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::{environment, wait};
use serde_json::Value;
use tempfile::TempDir;

use crate::work::{send, shows};

const USER: &str = "65532";

/// The image, unpacked as an engine does it.
struct Image {
    folder: TempDir,
    config: Value,
}

impl Image {
    fn unpack() -> Result<Image> {
        let folder = tempfile::Builder::new().prefix("otelier-image-").tempdir()?;
        let mut files = fs::read_dir(environment::dist()?)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let layout = files.find(|path| path.to_string_lossy().ends_with("-oci.tar")).context("no image")?;
        extract(&layout, &folder.path().join("layout"))?;
        let index: Value = serde_json::from_slice(&fs::read(folder.path().join("layout/index.json"))?)?;
        let image = Image { folder, config: Value::Null };
        let manifest: Value = serde_json::from_slice(&fs::read(image.blob(&index["manifests"][0])?)?)?;
        let config: Value = serde_json::from_slice(&fs::read(image.blob(&manifest["config"])?)?)?;
        let layers = manifest["layers"].as_array().context("no layers")?;
        ensure!(layers.len() == 1, "{manifest}");
        extract(&image.blob(&layers[0])?, &image.root())?;
        Ok(Image { config: config["config"].clone(), ..image })
    }

    /// The file that a descriptor names, once its size and digest are what that says.
    fn blob(&self, descriptor: &Value) -> Result<PathBuf> {
        let digest =
            descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).context("no digest")?;
        let path = self.folder.path().join("layout/blobs/sha256").join(digest);
        ensure!(descriptor["size"] == fs::metadata(&path)?.len(), "{descriptor}");
        let sum = Command::new("sha256sum").arg(&path).output()?;
        ensure!(String::from_utf8(sum.stdout)?.starts_with(digest), "{descriptor}");
        Ok(path)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn list(&self, key: &str) -> Vec<String> {
        let list = self.config[key].as_array().into_iter().flatten();
        list.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }

    /// Runs what the image says, as its user, in a network of its own, with nothing but a volume that can be written to.
    fn run(&self, volume: &Path) -> Result<Container> {
        let script = format!(
            "set -e\nip link set lo up\ncd {root}\nmkdir -p dev proc\nmount --bind . .\ncd {root}\nmount -o remount,ro,bind .\n\
             mount -t proc proc proc\nmount -t tmpfs dev dev\nfor name in null zero random urandom\n\
             do touch dev/$name; mount --bind /dev/$name dev/$name; done\nmount --bind {volume} var/lib/otelier\nexec \"$@\"",
            root = self.root().display(),
            volume = volume.display(),
        );
        let mut run = Command::new("unshare");
        run.args(["--mount", "--net", "sh", "-c", &script, "sh", "env", "--ignore-environment"]).args(self.list("Env"));
        run.args(["/usr/sbin/chroot", &format!("--userspec={USER}:{USER}"), "."]);
        run.args(self.list("Entrypoint")).args(self.list("Cmd"));
        let log = fs::File::create(self.folder.path().join("log"))?;
        run.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Container { process: run.spawn().context("unshare of util-linux")?, root: self.root() })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The image as it runs.
struct Container {
    process: Child,
    root: PathBuf,
}

impl Container {
    /// A program of this machine, in the network of the container.
    fn beside(&self, program: &str) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.process.id().to_string(), "--net", "--", program]);
        enter
    }

    /// The image's check of itself, as an engine runs it: in the container, as its user.
    fn is_healthy(&self, check: &[String]) -> Result<bool> {
        let mut run = self.beside("/usr/sbin/chroot");
        run.arg(format!("--userspec={USER}:{USER}")).arg(&self.root).args(check);
        Ok(run.output()?.status.success())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn extract(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--numeric-owner", "--same-owner", "--same-permissions", "--file"]).arg(archive);
    ensure!(tar.arg("--directory").arg(folder).status()?.success(), "{} cannot be unpacked", archive.display());
    Ok(())
}

/// Every file below a folder, from there on.
fn files(folder: &Path) -> Result<BTreeSet<String>> {
    let mut find = Command::new("find");
    let output = find.arg(folder).args(["-not", "-type", "d", "-printf", "%P\\n"]).output()?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn it_has_the_binary_what_that_is_linked_to_and_nothing_to_run_beside() -> Result<()> {
    let image = Image::unpack()?;
    let found = files(&image.root())?;
    let named = [
        "usr/bin/otelier",
        "etc/otelier/config.yaml",
        "etc/otelier/plugins.yaml",
        "etc/passwd",
        "etc/group",
        "etc/nsswitch.conf",
        "etc/ssl/certs/ca-certificates.crt",
    ];
    for path in named {
        ensure!(found.contains(path), "no {path} in {found:#?}");
    }
    let is_library = |path: &str| path.contains("/lib") && path.contains(".so") || path.starts_with("lib");
    let unknown: Vec<&String> = found
        .iter()
        .filter(|path| !named.contains(&path.as_str()) && !is_library(path) && !path.starts_with("usr/share/doc/"))
        .collect();
    ensure!(unknown.is_empty(), "nobody knows what these are for: {unknown:?}");
    let libraries = found.iter().filter(|path| is_library(path)).count();
    ensure!((2..=8).contains(&libraries), "{found:#?}");
    ensure!(image.config["User"] == format!("{USER}:{USER}"), "{}", image.config);
    let open = Command::new("find").arg(image.root()).args(["-perm", "/6022", "-not", "-type", "l"]).output()?;
    ensure!(open.stdout.is_empty(), "written by others, or setuid: {}", String::from_utf8_lossy(&open.stdout));
    Ok(())
}

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn it_runs_as_its_user_with_a_root_that_nobody_writes_to_and_keeps_its_state() -> Result<()> {
    let image = Image::unpack()?;
    let dockerfile = fs::read_to_string(environment::repository().join("packaging/container/Dockerfile"))?;
    let check =
        dockerfile.lines().find_map(|line| line.split_once(" CMD [").filter(|_| line.starts_with("HEALTHCHECK")));
    let (_, check) = check.context("the image does not check itself")?;
    let check: Vec<String> = serde_json::from_str(&format!("[{check}"))?;
    fs::copy(environment::repository().join("configs/quickstart.yaml"), image.root().join("etc/otelier/config.yaml"))?;
    // A volume as an engine makes it: the owner and the mode of the folder in the image.
    let volume = image.folder.path().join("volume");
    let copied = Command::new("cp").arg("--archive").arg(image.root().join("var/lib/otelier")).arg(&volume).status()?;
    ensure!(copied.success(), "no volume");
    let mut total = 0;
    for value in [100, 50] {
        let mut container = image.run(&volume)?;
        let healthy = wait::until("it is healthy", || {
            ensure!(container.process.try_wait()?.is_none(), "it has ended:\n{}", image.log());
            Ok(container.is_healthy(&check)?.then_some(()))
        });
        healthy.with_context(|| image.log())?;
        let enter = |program: &str| container.beside(program);
        total += value;
        send(&enter, value)?;
        shows(&enter, total).with_context(|| image.log())?;
        let id = container.process.id();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        ensure!(status.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}")), "{status}");
        let mounts = fs::read_to_string(format!("/proc/{id}/mountinfo"))?;
        ensure!(mounts.lines().any(|line| line.contains(" / ro,")), "its root can be written to:\n{mounts}");
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status()?;
        ensure!(
            told.success() && wait::until("it has ended", || Ok(container.process.try_wait()?))?.success(),
            "{}",
            image.log()
        );
    }
    let binary = image.root().join("usr/bin/otelier");
    let asked = Command::new(binary).args(["health", "--endpoint", "127.0.0.1:9", "--timeout", "1"]).output()?;
    ensure!(asked.status.code() == Some(1), "where nobody answers it is not healthy");
    Ok(())
}
