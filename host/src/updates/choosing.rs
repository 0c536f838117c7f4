//! What a command chose, at the next start: the version that it put into place runs again as long as the plugin's file is what it was then.
//! The log says so each time, since the file would let one expect another version.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::versions::{Choice, Versions, VersionsError, is_hash};
use crate::clock;
use crate::config::PluginPlan;
use crate::files::state_dir;
use crate::plugins::{LoadedPlugin, Loader, PluginError};
use crate::wasm::{PluginFile, short};

/// The versions that a state directory knows; none, with an error in the log, where they cannot be read.
pub fn open_versions(state_dir: &Path) -> Arc<Mutex<Versions>> {
    let versions = Versions::open(state_dir).unwrap_or_else(|error| {
        tracing::error!(
            "what commands chose among the versions of plugins is not known: {error}; the files' versions run"
        );
        Versions::none(state_dir)
    });
    Arc::new(Mutex::new(versions))
}

pub(super) fn lock(versions: &Mutex<Versions>) -> MutexGuard<'_, Versions> {
    versions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loader for a start.
pub fn choosing(versions: Arc<Mutex<Versions>>, loader: Arc<Loader>) -> Box<Loader> {
    Box::new(move |plan: &PluginPlan, file: &PluginFile| -> Result<LoadedPlugin, PluginError> {
        let chosen = choose(&mut lock(&versions), plan, file);
        loader(plan, chosen.as_ref().unwrap_or(file))
    })
}

/// The content that a command chose in place of the file's.
fn choose(versions: &mut Versions, plan: &PluginPlan, file: &PluginFile) -> Option<PluginFile> {
    let plugin = plan.name.as_str();
    let Choice { by, time_unix_nano, of_file } = versions.choice(plugin)?.clone();
    let (since, of_the_file) = (clock::date(time_unix_nano), short(file.sha256()));
    let is_as_it_was = is_hash(&of_file, file.sha256());
    let file = file.path().display();
    if !is_as_it_was {
        versions.end_choice(plugin);
        tracing::warn!(plugin, %file, "the file has changed since `otelier plugin {by}` chose another version at {since}: the file's version {of_the_file} runs");
        return None;
    }
    let chosen = match versions.chosen(plugin)? {
        Ok(chosen) if plan.sha256.is_none_or(|pin| pin == *chosen.sha256()) => chosen,
        Ok(_) => {
            versions.end_choice(plugin);
            tracing::warn!(
                plugin,
                "the manifest pins another version than `otelier plugin {by}` chose at {since}: the pinned one runs"
            );
            return None;
        }
        Err(error) => {
            versions.end_choice(plugin);
            tracing::error!(plugin, %file, "the version that `otelier plugin {by}` chose at {since} is not there any more, the file's version {of_the_file} runs: {error}");
            return None;
        }
    };
    let version = short(chosen.sha256());
    tracing::warn!(plugin, version, %file, "version {version} runs, which `otelier plugin {by}` chose at {since}, and not the file's, {of_the_file}; that lasts until the file changes, or until `otelier plugin swap {plugin}`");
    Some(chosen)
}

/// The choices of a state directory whose collector does not run, for `otelier plugin list`.
pub fn choices(state_dir: &Path) -> Result<Vec<Value>, VersionsError> {
    let versions = Versions::open(state_dir)?;
    let shown = |(plugin, choice, sha256): (&str, &Choice, &str)| json!({ "plugin": plugin, "sha256": sha256, "chosen": choice });
    Ok(versions.choices().map(shown).collect())
}

/// Takes back what a command chose, where no collector runs. True where there was a choice.
pub fn forget_choice(state_dir: &Path, plugin: &str) -> Result<bool, VersionsError> {
    state_dir::check(state_dir)?;
    let mut versions = Versions::open(state_dir)?;
    let was_chosen = versions.end_choice(plugin);
    if was_chosen {
        versions.write()?;
    }
    Ok(was_chosen)
}
