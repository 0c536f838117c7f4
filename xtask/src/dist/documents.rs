//! The tree that every package is made of: where files are on a machine, with `usr` and `etc` as on Debian.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Release;
use super::crates::Part;
use crate::process;

const DOC: &str = "usr/share/doc/otelier";
/// Where each shell looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/otelier"),
    ("zsh", "usr/share/zsh/vendor-completions/_otelier"),
    ("fish", "usr/share/fish/vendor_completions.d/otelier.fish"),
];
/// What a file of a crate begins with that has its licence.
const LICENCE_FILES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// Copies and makes everything; modes are 644 and 755 whatever the umask is.
pub fn lay_out(release: &Release<'_>, parts: &BTreeSet<Part>, tree: &Path) -> Result<()> {
    put(tree, "usr/bin/otelier", &fs::read(&release.binary)?)?;
    for name in ["config.yaml", "plugins.yaml"] {
        put(tree, &format!("etc/otelier/{name}"), &fs::read(release.source(&format!("packaging/{name}")))?)?;
    }
    for (source, name) in [("LICENSE", "LICENSE"), ("CHANGELOG.md", "CHANGELOG.md"), ("README.md", "README.md")] {
        put(tree, &format!("{DOC}/{name}"), &fs::read(release.source(source))?)?;
    }
    put(tree, &format!("{DOC}/otelier.spdx.json"), &fs::read(release.folder.join("otelier.spdx.json"))?)?;
    put(tree, &format!("{DOC}/THIRD-PARTY-LICENCES.txt"), third_parties(parts)?.as_bytes())?;
    put(
        tree,
        "usr/lib/systemd/system/otelier.service",
        &fs::read(release.source("packaging/systemd/otelier.service"))?,
    )?;
    completions(release, tree)?;
    pages(release, tree)?;
    fs::set_permissions(tree.join("usr/bin/otelier"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Writes a file below `tree`, with the folders on the way to it.
pub fn put(tree: &Path, path: &str, content: &[u8]) -> Result<()> {
    let file = tree.join(path);
    let folders: Vec<&Path> = file.ancestors().skip(1).take_while(|folder| folder.starts_with(tree)).collect();
    for folder in folders.into_iter().rev() {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&file, content).with_context(|| file.display().to_string())?;
    Ok(fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?)
}

/// Of every shell, where the binary can print them.
fn completions(release: &Release<'_>, tree: &Path) -> Result<()> {
    if !knows(release, "completions")? {
        return Ok(());
    }
    for (shell, path) in COMPLETIONS {
        let script = process::capture(Command::new(&release.binary).args(["completions", shell]))?;
        put(tree, path, format!("{script}\n").as_bytes())?;
    }
    Ok(())
}

/// The manual, where the binary can write it; compressed, as Debian's policy asks.
fn pages(release: &Release<'_>, tree: &Path) -> Result<()> {
    if !knows(release, "man")? {
        return Ok(());
    }
    let folder = release.folder.join("man");
    process::run(Command::new(&release.binary).arg("man").arg("--dir").arg(&folder))?;
    for entry in fs::read_dir(&folder)? {
        let page = entry?.path();
        process::run(Command::new("gzip").args(["--no-name", "-9"]).arg(&page))?;
        let name = page.file_name().and_then(|name| name.to_str()).context("a page without a name")?;
        put(tree, &format!("usr/share/man/man1/{name}.gz"), &fs::read(page.with_file_name(format!("{name}.gz")))?)?;
    }
    Ok(fs::remove_dir_all(&folder)?)
}

fn knows(release: &Release<'_>, subcommand: &str) -> Result<bool> {
    let help = process::capture(Command::new(&release.binary).arg("--help"))?;
    Ok(help.lines().any(|line| line.split_whitespace().next() == Some(subcommand)))
}

/// The text of every licence once, with the parts that have it.
fn third_parties(parts: &BTreeSet<Part>) -> Result<String> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut list = String::new();
    for part in parts.iter().filter(|part| !part.is_own) {
        let Part { name, version, licence, .. } = part;
        list += &format!("{name} {version}: {licence}\n");
        for text in licence_texts(part)? {
            texts.entry(text).or_default().insert(format!("{name} {version}"));
        }
    }
    let mut document = format!("What is compiled into otelier beside its own sources\n\n{list}");
    for (text, of) in texts {
        let of = of.into_iter().collect::<Vec<_>>().join(", ");
        document += &format!("\n{}\n{of}\n\n{}\n", "-".repeat(78), text.trim_end());
    }
    Ok(document)
}

fn licence_texts(part: &Part) -> Result<Vec<String>> {
    // What is written in C has a folder of its own name in its crate, in one of these places.
    let inside = |below: &str| part.folder.join(below).join(&part.name);
    let folders = if part.is_native {
        vec![inside(""), inside("c_src"), part.folder.join("liblz4")]
    } else {
        vec![part.folder.clone()]
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let is_licence = |path: &&PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        path.is_file() && LICENCE_FILES.iter().any(|begin| name.starts_with(begin))
    };
    files.iter().filter(is_licence).map(|path| Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())).collect()
}
