//! The SDK's sources and the contract's, for plugins of users who have no checkout: `otelier plugin new` writes them beside a plugin.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the SDK's sources name the contract, seen from them: the two keep their places to each other.
const FOLDERS: [(&str, &str); 2] = [("sdk-guest/src", "otelier-sdk/src"), ("wit/0.1", "wit/0.1")];

/// Writes the table of them: path and content.
pub fn write_table(repository: &Path, out: &Path) -> io::Result<()> {
    let mut table = String::new();
    for (from, to) in FOLDERS {
        let folder = repository.join(from).canonicalize()?;
        println!("cargo::rerun-if-changed={}", folder.display());
        for file in files(&folder)? {
            let below = file.strip_prefix(&folder).map_err(io::Error::other)?;
            add(&mut table, &Path::new(to).join(below), &file);
        }
    }
    let manifest = out.join("sdk-Cargo.toml");
    fs::write(&manifest, standalone(repository)?)?;
    add(&mut table, Path::new("otelier-sdk/Cargo.toml"), &manifest);
    add(&mut table, Path::new("otelier-sdk/LICENSE"), &repository.join("LICENSE").canonicalize()?);
    fs::write(out.join("sdk.rs"), format!("&[\n{table}]\n"))
}

fn add(table: &mut String, path: &Path, file: &Path) {
    // Writing to a String cannot fail.
    let _ = writeln!(table, "    ({:?}, include_str!({:?})),", path.display().to_string(), file.display().to_string());
}

/// Every file below a folder, in the order of their names.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        match entry.is_dir() {
            true => found.extend(files(&entry)?),
            false => found.push(entry.canonicalize()?),
        }
    }
    Ok(found)
}

/// The SDK's Cargo.toml, with what it has of the workspace written out.
fn standalone(repository: &Path) -> io::Result<String> {
    let read = |file: &str| {
        let path = repository.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read_to_string(path)
    };
    let (workspace, own) = (read("Cargo.toml")?, read("sdk-guest/Cargo.toml")?);
    let mut text = format!("# The SDK of otelier {}, as `otelier plugin new` writes it.\n", version()?);
    for line in own.lines() {
        let written_out = match line.strip_suffix(".workspace = true") {
            None => Some(line),
            Some(key) => {
                workspace.lines().find(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" =")))
            }
        };
        let missing = || io::Error::other(format!("the workspace has no line for `{line}` of sdk-guest/Cargo.toml"));
        text.push_str(written_out.ok_or_else(missing)?);
        text.push('\n');
    }
    Ok(text)
}

fn version() -> io::Result<String> {
    env::var("CARGO_PKG_VERSION").map_err(io::Error::other)
}
