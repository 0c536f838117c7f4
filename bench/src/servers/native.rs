//! The host's library with the plugin linked natively: everything else is the host's own, socket to disk.

use std::path::PathBuf;
use std::sync::Arc;

use aggregate::Aggregate;
use anyhow::Result;
use otelier::config::{PluginPlan, Sources};
use otelier::plugins::{AnyPlugin, LoadedPlugin, PluginError, Version};
use otelier::run::{self, Options};
use otelier::wasm::PluginFile;

use crate::adapter::NativePlugin;

/// The host's own flags.
#[derive(Debug, clap::Args)]
pub struct Files {
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    manifest: PathBuf,
    #[arg(long)]
    state_dir: PathBuf,
}

/// Runs until SIGTERM.
pub fn run(files: Files) -> Result<()> {
    let Files { config, manifest, state_dir } = files;
    let files = run::Files { sources: Sources::file(&config), manifest: Some(manifest), built_in: &[] };
    let options = Options { files, state_dir, log_encoding: None, pressure: None, exporters: Vec::new() };
    run::run(&options, Arc::new(load), |_| {})
}

/// Whatever file the manifest names, it is this plugin.
pub fn load(_: &PluginPlan, file: &PluginFile) -> Result<LoadedPlugin, PluginError> {
    let plugin = AnyPlugin::Processor(Arc::new(NativePlugin::<Aggregate>::new()));
    Ok(LoadedPlugin { plugin, version: Version { sha256: [0; 32], file: file.path().to_owned() } })
}
