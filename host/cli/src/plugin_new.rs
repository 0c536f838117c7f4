//! `otelier plugin new`: a folder with a plugin that builds at once, with its test, its cases and its manifest entry.
//!
//! The SDK is on no registry. Its sources and the contract's are part of the program and are written below the plugin, so whoever has the
//! program alone can build. The folder appears whole, or not at all.

mod name;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::output::print_text;
use template::{SDK, Template};

/// Where the sources of the SDK go in a plugin's folder.
const VENDOR: &str = "vendor";
const SDK_NAME: &str = "otelier-sdk";

/// Makes a plugin's folder.
#[derive(Debug, clap::Args)]
pub struct New {
    /// The plugin's name: of its crate, of the folder, and of its type in configurations.
    name: String,
    /// What it is.
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Takes the SDK from this checkout of otelier; without it, its sources are written to `vendor` in the folder.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

/// What a plugin can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Reads, edits, drops and makes telemetry.
    Processor,
    /// Decides when an exporter leaves its destination alone.
    BreakerPolicy,
}

/// Makes it and says how to go on.
pub fn run(new: &New) -> Result<()> {
    name::check(&new.name)?;
    let folder = Path::new(&new.name);
    ensure!(folder.symlink_metadata().is_err(), "{} is there already: choose another name", folder.display());
    let checkout = new.sdk.as_deref().map(sdk_in).transpose()?;
    let template = Template::new(&new.name, new.kind, checkout.as_deref());
    let unfinished = PathBuf::from(format!(".{}.unfinished-{}", new.name, std::process::id()));
    let written = write_all(&unfinished, &template, checkout.is_none())
        .and_then(|()| fs::rename(&unfinished, folder).with_context(|| format!("cannot make {}", folder.display())));
    if written.is_err() {
        // It is ours, and says what was wrong better than what is left of it.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written?;
    print_text(&template.next_steps())
}

/// The SDK of a checkout, or the SDK itself.
fn sdk_in(path: &Path) -> Result<PathBuf> {
    let is_sdk = |folder: &PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line == format!("name = \"{SDK_NAME}\""))
    };
    let found = [path.join("sdk-guest"), path.to_owned()].into_iter().find(is_sdk);
    let Some(found) = found else { bail!("no SDK in {}: name a checkout of otelier", path.display()) };
    Ok(fs::canonicalize(found)?)
}

fn write_all(folder: &Path, template: &Template, is_vendored: bool) -> Result<()> {
    for (path, text) in template.files() {
        write(&folder.join(path), &text)?;
    }
    let vendor = folder.join(VENDOR);
    for (path, text) in SDK.iter().filter(|_| is_vendored) {
        write(&vendor.join(path), text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    fs::write(path, text).with_context(cannot)
}
