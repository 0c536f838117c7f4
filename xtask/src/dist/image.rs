//! The container: a root of the binary and of what it is linked to, the context in which the Dockerfile makes an image of it, and that very
//! image as an OCI layout, which takes no container engine to make.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::documents::put;
use super::{Release, archive, sums};
use crate::process;

/// Who runs in it, by number, as whoever checks `runAsNonRoot` needs it.
const USER: &str = "65532";
const STATE: &str = "var/lib/otelier";
/// The certificates that a destination's is checked against, where the machine that builds has them.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// `container/`: Dockerfile, `rootfs/` and an empty `state/`.
pub fn context(release: &Release<'_>, tree: &Path) -> Result<()> {
    let folder = release.folder.join("container");
    let root = folder.join("rootfs");
    for path in ["usr/bin/otelier", "etc/otelier/config.yaml", "etc/otelier/plugins.yaml"] {
        put(&root, path, &fs::read(tree.join(path))?)?;
    }
    for name in ["LICENSE", "THIRD-PARTY-LICENCES.txt", "otelier.spdx.json"] {
        let path = format!("usr/share/doc/otelier/{name}");
        put(&root, &path, &fs::read(tree.join(&path))?)?;
    }
    fs::set_permissions(root.join("usr/bin/otelier"), fs::Permissions::from_mode(0o755))?;
    libraries(release, &root)?;
    put(&root, "etc/passwd", format!("otelier:x:{USER}:{USER}::/{STATE}:/sbin/nologin\n").as_bytes())?;
    put(&root, "etc/group", format!("otelier:x:{USER}:\n").as_bytes())?;
    put(&root, "etc/nsswitch.conf", b"hosts: files dns\n")?;
    match fs::read(Path::new("/").join(CERTIFICATES)) {
        Ok(certificates) => put(&root, CERTIFICATES, &certificates)?,
        Err(_) => println!("dist: this machine has no /{CERTIFICATES}, so the image trusts no certificate"),
    }
    fs::create_dir_all(folder.join("state"))?;
    fs::set_permissions(folder.join("state"), fs::Permissions::from_mode(0o700))?;
    put(&folder, "Dockerfile", &fs::read(release.source("packaging/container/Dockerfile"))?)
}

/// The libraries that the loader finds, where the binary looks for them, and the terms that they come under.
fn libraries(release: &Release<'_>, root: &Path) -> Result<()> {
    let found = process::capture(Command::new("ldd").arg(&release.binary))?;
    let paths: Vec<&str> =
        found.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).collect();
    ensure!(paths.len() > 1, "ldd names no library: {found}");
    for path in paths {
        let file = fs::canonicalize(path)?;
        put(root, path.trim_start_matches('/'), &fs::read(&file)?)?;
        fs::set_permissions(root.join(path.trim_start_matches('/')), fs::Permissions::from_mode(0o755))?;
        let copyright = copyright(&file)?;
        put(root, copyright.to_string_lossy().trim_start_matches('/'), &fs::read(&copyright)?)?;
    }
    Ok(())
}

/// Of the package that has the file.
fn copyright(file: &Path) -> Result<PathBuf> {
    // A package may name the file by the place that `/lib` led to before it became a link.
    let old = file.strip_prefix("/usr").map(|rest| Path::new("/").join(rest));
    let owners = [Some(file.to_owned()), old.ok()].into_iter().flatten();
    let owner =
        owners.map(|path| process::capture(Command::new("dpkg").arg("--search").arg(path))).find_map(Result::ok);
    let owner = owner.with_context(|| format!("no package has {}", file.display()))?;
    let name = owner.split(':').next().unwrap_or_default();
    Ok(Path::new("/usr/share/doc").join(name).join("copyright"))
}

/// `otelier-VERSION-oci.tar`, as the OCI image specification 1.0 lays it out.
pub fn layout(release: &Release<'_>) -> Result<()> {
    let folder = release.folder.join("oci");
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let (layer, uncompressed) = layer(release, &blobs)?;
    let config = blob(&blobs, &config(release, &uncompressed)?)?;
    let described = |(digest, size): &(String, u64), kind: &str| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{digest}"), "size": size});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described(&config, "config.v1+json"),
        "layers": [described(&layer, "layer.v1.tar+gzip")],
    });
    let mut manifest = described(&blob(&blobs, &manifest)?, "manifest.v1+json");
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": release.version});
    put(&folder, "index.json", json!({"schemaVersion": 2, "manifests": [manifest]}).to_string().as_bytes())?;
    put(&folder, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let file = release.folder.join(format!("otelier-{}-oci.tar", release.version));
    process::run(archive::tar(release, &file, &folder).arg("."))?;
    Ok(fs::remove_dir_all(&folder)?)
}

/// The one layer: what the Dockerfile copies. Returns digest and size, and the digest of what is compressed.
fn layer(release: &Release<'_>, blobs: &Path) -> Result<((String, u64), String)> {
    let context = release.folder.join("container");
    let plain = blobs.join("layer");
    process::run(archive::tar(release, &plain, &context.join("rootfs")).arg("."))?;
    // Appended with its owner, which is nobody's here.
    let mut append = Command::new("tar");
    append.args(["--append", "--format=gnu", "--numeric-owner", "--mode=0700"]);
    append.arg(format!("--owner={USER}")).arg(format!("--group={USER}")).arg(format!("--mtime=@{}", release.epoch));
    append
        .arg("--file")
        .arg(&plain)
        .arg("--directory")
        .arg(&context)
        .arg(format!("--transform=s,^state,./{STATE},"))
        .arg("state");
    process::run(&mut append)?;
    let uncompressed = sums::of(&plain)?;
    archive::gzip(&plain)?;
    Ok((named(blobs, &blobs.join("layer.gz"))?, uncompressed))
}

fn blob(blobs: &Path, content: &Value) -> Result<(String, u64)> {
    let file = blobs.join("new");
    fs::write(&file, content.to_string())?;
    named(blobs, &file)
}

/// Gives a blob the name that it is found by.
fn named(blobs: &Path, file: &Path) -> Result<(String, u64)> {
    let (digest, size) = (sums::of(file)?, fs::metadata(file)?.len());
    fs::rename(file, blobs.join(&digest))?;
    Ok((digest, size))
}

/// What the Dockerfile says of the image, taken from it.
fn config(release: &Release<'_>, layer: &str) -> Result<Value> {
    let dockerfile = fs::read_to_string(release.source("packaging/container/Dockerfile"))?;
    let said = |word: &str| instruction(&dockerfile, word).with_context(|| format!("the Dockerfile has no {word}"));
    let list = |word: &str| Ok::<Value, anyhow::Error>(serde_json::from_str(&said(word)?)?);
    let exposed = said("EXPOSE")?
        .split_whitespace()
        .map(|port| (format!("{port}/tcp"), json!({})))
        .collect::<serde_json::Map<_, _>>();
    Ok(json!({
        "architecture": release.architecture,
        "os": "linux",
        "config": {
            "User": said("USER")?,
            "Env": said("ENV")?.split_whitespace().collect::<Vec<_>>(),
            "ExposedPorts": exposed,
            "Volumes": {said("VOLUME")?: {}},
            "WorkingDir": said("WORKDIR")?,
            "StopSignal": said("STOPSIGNAL")?,
            "Entrypoint": list("ENTRYPOINT")?,
            "Cmd": list("CMD")?,
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
    }))
}

/// What stands behind an instruction, on one line.
fn instruction(dockerfile: &str, word: &str) -> Option<String> {
    let joined = dockerfile.replace("\\\n", " ");
    let rest = joined.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))?;
    Some(rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_may_go_on_over_lines() {
        let dockerfile = "FROM scratch\nENV A=1 \\\n    B=2\nUSER 1:1\n";
        let words = instruction(dockerfile, "ENV").map(|text| text.split_whitespace().map(str::to_owned).collect());
        assert_eq!(words, Some(vec!["A=1".to_owned(), "B=2".to_owned()]));
        assert_eq!(instruction(dockerfile, "USER").as_deref(), Some("1:1"));
        assert_eq!(instruction(dockerfile, "CMD"), None);
    }
}
