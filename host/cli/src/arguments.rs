//! Arguments that several commands have.

use std::path::PathBuf;

use anyhow::anyhow;
use otelier::config::Sources;
use otelier::run;

use crate::built_in::BUILT_IN;

/// What a configuration is made of.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The configuration: receivers, processors, exporters, extensions, service. Without it, the quick start's.
    ///
    /// A file, or a URI: `file:`, `env:`, `yaml:`, `http:` or `https:`. Given more than once, later ones are merged over earlier ones: mappings key
    /// by key, lists and everything else as a whole.
    #[arg(long, value_name = "URI")]
    pub config: Vec<String>,
    /// One key of it, such as `exporters.prometheus.endpoint=127.0.0.1:9000`; goes before every `--config`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The manifest: which plugins there are beside those built in, and what each may use.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

impl From<Files> for run::Files {
    fn from(Files { config, set, manifest }: Files) -> run::Files {
        run::Files { sources: Sources { configs: config, sets: set }, manifest, built_in: BUILT_IN }
    }
}

/// Which collector.
#[derive(Debug, clap::Args)]
pub struct Host {
    /// Its state directory.
    #[arg(long, value_name = "DIR", default_value = "./otelier-state")]
    pub state_dir: PathBuf,
}

impl Host {
    /// What to do where no collector answers.
    pub fn not_running(&self) -> anyhow::Error {
        anyhow!(
            "no collector is running on state directory {}: start it, or name another by --state-dir",
            self.state_dir.display()
        )
    }
}
