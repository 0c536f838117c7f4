//! Cases of plugins: what goes in, and what is expected to come out, as files that an author writes (`otelier plugin test`).
//!
//! A case is a folder below `cases/`:
//!
//! ```text
//! case.yaml  expected.json                    a processor's: configuration and steps; what each step gave
//! config.yaml  trace.jsonl  expected.txt      a policy's: what `otelier breaker simulate` says of recorded attempts
//! ```
//!
//! It runs in the sandbox, on the real contract and a store in memory. No clock but the case's own has a part in it. A folder with
//! `input.json` belongs to the SDK's `run_cases` and is left to it.

mod attempts;
mod came;
mod case;
mod difference;
mod error;
mod heard;
mod items;
mod play;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::contract::{ComponentId, Grants};
use crate::wasm::{Engine, PluginFile, PolicyPlugin, ProcessorPlugin};

pub use error::{CaseError, CasesError};
pub use verdict::Verdict;

use verdict::{CASE_FILE, HARNESS_FILE, TRACE_FILE};

/// How the world of policies begins.
const POLICY_WORLD: &str = "breaker-policy";

/// A plugin whose cases are run.
pub struct Subject {
    name: ComponentId,
    plugin: Tested,
}

enum Tested {
    Processor(Arc<ProcessorPlugin>),
    Policy(Arc<PolicyPlugin>),
}

impl Subject {
    /// Reads and compiles a plugin, which may use everything that there is. In what it says it is called by that name.
    pub fn load(file: &Path, name: ComponentId) -> Result<Subject, CasesError> {
        let (engine, file, grants) = (Engine::new()?, PluginFile::read(file)?, Grants::default());
        let world = engine.anatomy(&file)?.world;
        let plugin = match world.is_some_and(|world| world.starts_with(POLICY_WORLD)) {
            true => Tested::Policy(Arc::new(PolicyPlugin::compile(&engine, &file, &grants)?)),
            false => Tested::Processor(Arc::new(ProcessorPlugin::compile(&engine, &file, &grants)?)),
        };
        Ok(Subject { name, plugin })
    }

    /// Runs one case. With `update`, what came out is what is expected from now on.
    pub fn run(&self, folder: &Path, update: bool) -> Verdict {
        let wrong = |kind, hint| CaseError::Kind { path: folder.to_owned(), kind, hint };
        let run = match &self.plugin {
            Tested::Policy(_) if !folder.join(TRACE_FILE).is_file() => {
                Err(wrong("breaker policy", "it has `config.yaml` and `trace.jsonl`"))
            }
            Tested::Processor(_) if !folder.join(CASE_FILE).is_file() => Err(wrong("processor", "it has `case.yaml`")),
            Tested::Policy(policy) => attempts::run(&self.name, policy, folder, update),
            Tested::Processor(plugin) => play::run(&self.name, plugin, folder, update),
        };
        run.unwrap_or_else(Verdict::Broken)
    }
}

/// The cases in a folder by name, without those of the SDK's harness, and how many those are.
pub fn find(folder: &Path) -> Result<(Vec<(String, PathBuf)>, usize), CasesError> {
    let failed = |source| CasesError::Folder { path: folder.to_owned(), source };
    let (mut found, mut of_harness) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().filter(|_| path.is_dir()).map(|name| name.to_string_lossy().into_owned())
        else {
            continue;
        };
        match path.join(HARNESS_FILE).is_file() && !path.join(CASE_FILE).is_file() {
            true => of_harness += 1,
            false => found.push((name, path)),
        }
    }
    found.sort();
    Ok((found, of_harness))
}
