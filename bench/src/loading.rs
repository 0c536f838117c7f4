//! How long a plugin takes to load: reading its file, hashing it, its machine code, linking. Once compiled each time, once from the
//! cache. The files are in the operating system's memory, as they are at a swap.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use otelier::wasm::{Engine, Origin, PluginFile, ProcessorPlugin};
use serde_json::json;

use crate::report::{figure, median};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Plugins, by name.
    #[arg(long, value_delimiter = ',', default_value = "aggregate,filter,attributes")]
    plugin: Vec<String>,
    /// How often each is loaded.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
}

/// Prints one line of JSON for each plugin: medians in milliseconds.
pub fn run(options: &Options, plugins: &Path) -> Result<()> {
    for name in &options.plugin {
        let file = plugins.join(format!("{name}.wasm"));
        let folder = tempfile::tempdir()?;
        let (compiling, caching) = (Engine::new()?, Engine::with_cache(&folder.path().join("cache"))?);
        ProcessorPlugin::load(&caching, &file)?;
        let (_, origin) = caching.component(&PluginFile::read(&file)?)?;
        ensure!(origin == Origin::Cached, "the cache does not work");
        let (bytes, entry_bytes) = (std::fs::metadata(&file)?.len(), entry_bytes(&folder.path().join("cache"))?);
        let line = json!({
            "bench": "load", "plugin": name, "bytes": bytes, "entry_bytes": entry_bytes, "rounds": options.rounds,
            "compiled_ms": figure(median(take_turns(&compiling, &file, options.rounds)?)),
            "cached_ms": figure(median(take_turns(&caching, &file, options.rounds)?)),
        });
        println!("{line}");
    }
    Ok(())
}

fn take_turns(engine: &Engine, file: &Path, rounds: u32) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let plugin = ProcessorPlugin::load(engine, file)?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
        drop(plugin);
    }
    Ok(took)
}

fn entry_bytes(cache: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(cache)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
