//! The host with one exporter type more, `capture`: same composition, sockets, pipelines and command line.

use std::path::PathBuf;

use anyhow::{Result, bail};
use otelier::run::{self, Files, Options};
use otelier::{plugins, wasm};
use otelier_tests::capture;

fn main() -> Result<()> {
    let mut options = Options {
        files: Files::default(),
        state_dir: PathBuf::new(),
        log_encoding: None,
        pressure: None,
        exporters: vec![capture::TYPE],
    };
    let mut words = std::env::args_os().skip_while(|word| word != "run").skip(1);
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        match flag.to_str() {
            Some("--config") => options.files.sources.configs.push(value.to_string_lossy().into_owned()),
            Some("--manifest") => options.files.manifest = Some(value.into()),
            Some("--state-dir") => options.state_dir = value.into(),
            _ => bail!("run --config FILE --manifest FILE --state-dir DIR, not {}", flag.display()),
        }
    }
    run::run(&options, plugins::sandboxed(wasm::Engine::new()?), |_| {})
}
