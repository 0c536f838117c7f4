//! `otelier plugin build`: a plugin with cargo alone. Cargo compiles a core module, and this makes a component of it and checks that a host
//! would load it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use otelier::inspect;
use otelier_component::{TARGET, encode};
use serde_json::Value;

use crate::output::print_line;

/// What is said to cargo beside the user's own settings: with the standard library's line tables a plugin is fifty times as large.
const FLAGS: &str = r#"target.wasm32-unknown-unknown.rustflags=["-Cstrip=debuginfo", "-Ctarget-feature=+simd128"]"#;

/// Builds a plugin's crate.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// The folder of its Cargo.toml.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the component goes; `target/NAME.wasm` in the folder unless told otherwise.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For cargo, such as `--features x`.
    #[arg(last = true)]
    cargo: Vec<OsString>,
}

impl Build {
    /// Of a folder, without anything else.
    pub fn of(folder: &Path) -> Build {
        Build { folder: folder.to_owned(), out: None, cargo: Vec::new() }
    }
}

/// A component that was built.
pub struct Built {
    /// Where it is.
    pub file: PathBuf,
    kibibytes: usize,
    world: String,
}

/// Builds it and says where it is.
pub fn run(build: &Build) -> Result<()> {
    let Built { file, kibibytes, world } = self::build(build)?;
    print_line(&format!("{} ({kibibytes} KiB, {world})", file.display()))
}

/// Builds it.
pub fn build(build: &Build) -> Result<Built> {
    let folder = build.folder.as_path();
    let manifest = folder.join("Cargo.toml");
    ensure!(manifest.is_file(), "{} is not there: name the folder of a plugin's crate", manifest.display());
    check_target(folder)?;
    let core = compile(build, &manifest)?;
    let module = fs::read(&core).with_context(|| format!("cannot read {}", core.display()))?;
    let component = encode(&module)
        .with_context(|| format!("{} is no plugin: does it call `otelier_sdk::export!`?", core.display()))?;
    let out = match &build.out {
        Some(out) => out.clone(),
        None => folder.join("target").join(core.file_name().context("a module without a name")?),
    };
    write_whole(&out, &component)?;
    let found = inspect::inspect(&out, None)?;
    if let Some(misfit) = found.misfit {
        bail!("{misfit}");
    }
    let world = found.report["world"].as_str().unwrap_or("?").to_owned();
    Ok(Built { file: out, kibibytes: component.len().div_ceil(1024), world })
}

/// Says what is missing before cargo compiles anything.
fn check_target(folder: &Path) -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    // In the folder, whose toolchain file may name another compiler.
    let asked =
        Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder).output();
    let asked = asked.with_context(|| format!("cannot start {}: install Rust, https://rustup.rs", rustc.display()))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    let has_std = fs::read_dir(&libraries).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(has_std, "the compiler has no target {TARGET}: `rustup target add {TARGET}` gets it");
    Ok(())
}

/// The core module that cargo makes of the package.
fn compile(build: &Build, manifest: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--target", TARGET, "--config", FLAGS]);
    cargo.args(["--message-format", "json-render-diagnostics", "--manifest-path"]).arg(manifest).args(&build.cargo);
    let output =
        cargo.stderr(Stdio::inherit()).output().context("cannot start cargo: install Rust, https://rustup.rs")?;
    ensure!(output.status.success(), "cargo could not build it");
    let text = String::from_utf8_lossy(&output.stdout);
    let manifest = fs::canonicalize(manifest)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = messages.filter(|message| {
        message["reason"] == "compiler-artifact"
            && message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
    });
    let files: Vec<PathBuf> = own
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .filter(|file| file.extension().is_some_and(|ending| ending == "wasm"))
        .collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        [] => bail!("{} makes no module: it needs `crate-type = [\"cdylib\"]` under `[lib]`", manifest.display()),
        _ => bail!("{} makes several modules; a plugin is one crate with one `cdylib`", manifest.display()),
    }
}

/// The file appears whole: a host that watches it sees no half of it.
fn write_whole(out: &Path, component: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", out.display());
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    let unfinished = out.with_extension(format!("unfinished-{}", std::process::id()));
    fs::write(&unfinished, component).with_context(cannot)?;
    fs::rename(&unfinished, out).with_context(cannot)
}
