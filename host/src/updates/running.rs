//! A plugin that runs, and what the place of its file has to do with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::choosing::lock;
use super::versions::{Choice, Versions, VersionsError, is_hash};
use super::watch::{Content, Watch};
use crate::config::{FolderError, PluginPlan};
use crate::plugins::{self, AnyPlugin, Version};
use crate::wasm::{Hash, LoadError, PluginFile, hexadecimal};

/// A plugin that runs.
pub(super) struct Running {
    pub plan: PluginPlan,
    pub version: Version,
    pub plugin: AnyPlugin,
    /// Since when, in nanoseconds since the Unix epoch.
    pub since: u64,
    /// What its file was at the last look: it can seem to have changed and have not.
    pub seen: Option<Hash>,
    /// Why it runs, where its file is another version.
    pub chosen: Option<Choice>,
    /// Its file was told to be gone, or no version.
    pub is_troubled: bool,
}

/// What is in the place of a plugin's file.
pub(super) struct Lies {
    pub content: Option<Content>,
    pub path: Result<PathBuf, FolderError>,
    /// Nothing where it cannot be read, or changes at the moment.
    pub read: Option<PluginFile>,
}

impl Lies {
    /// Of what can be read.
    pub fn hash(&self) -> Option<Hash> {
        self.read.as_ref().map(|read| *read.sha256())
    }
}

impl Running {
    /// The one that the manifest names.
    pub fn file(&self) -> Result<PathBuf, FolderError> {
        match &self.plan.folder {
            Some(folder) => Ok(folder.choose()?.file),
            None => Ok(self.plan.file.clone()),
        }
    }

    /// Reads a file that is to take the plugin's place.
    pub fn read(&self, file: &Path) -> Result<PluginFile, LoadError> {
        plugins::read(&self.plan, file)
    }

    /// Whether that content of its file is neither the version that runs nor what was there at the last look.
    pub fn is_new(&mut self, content: Option<Hash>) -> bool {
        let before = std::mem::replace(&mut self.seen, content);
        content.is_none() || (content != Some(self.version.sha256) && content != before)
    }

    /// For `otelier plugin list`.
    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "plugin": self.plan.name,
            "sha256": hexadecimal(&self.version.sha256),
            "file": self.version.file.display().to_string(),
            "since_unix_nano": self.since,
        });
        if let Some(choice) = &self.chosen {
            shown["chosen"] = json!(choice);
        }
        shown
    }

    /// Tells once that its file, which was told to be gone or no version, is right again.
    pub fn tell_if_right_again(&mut self, hash: Option<Hash>) {
        let is_known = |hash: &Hash| {
            *hash == self.version.sha256 || self.chosen.as_ref().is_some_and(|choice| is_hash(&choice.of_file, hash))
        };
        if self.is_troubled && hash.as_ref().is_some_and(is_known) {
            self.is_troubled = false;
            let (plugin, version) = (&self.plan.name, self.version.short());
            tracing::info!(plugin, "the plugin's file is there again as it was before; version {version} runs on");
        }
    }

    /// What is in the place of its file, which is none.
    pub fn instead_of_file(&self) -> String {
        if self.plan.folder.is_some() {
            return self.file().err().map_or_else(String::new, |error| error.to_string());
        }
        let file = self.plan.file.display();
        match std::fs::metadata(&self.plan.file) {
            Ok(found) if found.is_dir() => format!("{file} is a directory"),
            Ok(_) => format!("{file} is no file"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("{file} is gone"),
            Err(error) => format!("{file} cannot be looked at: {error}"),
        }
    }
}

/// At the start: what runs is remembered, with its content, so that a rollback finds it when it is not there any more.
pub(super) fn remember(running: &mut HashMap<String, Running>, versions: &Mutex<Versions>) {
    let mut versions = lock(versions);
    for (name, running) in running {
        let read = running.file().ok().and_then(|file| running.read(&file).ok());
        if running.chosen.is_some() {
            // Its content is kept. The file is known, and no news.
            running.seen = read.map(|read| *read.sha256());
            continue;
        }
        versions.runs(name, &running.version, false, None);
        // One that has changed since it was loaded is told as a change.
        if let Some(content) = read.filter(|read| *read.sha256() == running.version.sha256) {
            tell_not_kept(name, versions.keep(&content));
        }
    }
    tell_not_kept("all", versions.write());
}

fn tell_not_kept(plugin: &str, kept: Result<(), VersionsError>) {
    if let Err(error) = kept {
        tracing::warn!(plugin, "no version is kept for a rollback: {error}");
    }
}

/// What is pinned is looked at as well: its next start may not be what runs.
pub(super) fn watch_file(watch: &mut Watch, plan: &PluginPlan) {
    match plan.folder.clone() {
        Some(folder) => {
            let path = folder.path.clone();
            watch.add(&plan.name, &path, move || Some(folder.choose().ok()?.file));
        }
        None if plan.built_in.is_some() => {}
        None => {
            let file = plan.file.clone();
            watch.add(&plan.name, plan.file.parent().unwrap_or(Path::new("")), move || Some(file.clone()));
        }
    }
}

/// Another version lies in the place of a pinned plugin.
pub(super) fn tell_pinned(running: &Running, file: &Path) {
    let next = match running.plan.sha256 {
        Some(_) => "the next start will refuse it, because `sha256` pins the content",
        None => "the next start will take it, or `otelier plugin swap`",
    };
    let (plugin, version) = (&running.plan.name, running.version.short());
    tracing::warn!(plugin, file = %file.display(), "the file of a plugin that is not watched has changed; version {version} runs on: {next}");
}
