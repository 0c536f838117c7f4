//! What the thread of updates does: it looks at files when they may have changed, carries out commands one after the other, and tells what
//! came of each version in log, metrics and history.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{FolderError, PluginPlan, Update};
use crate::plugins::{AnyPlugin, LoadedPlugin, Loader, PluginError, Version};
use crate::telemetry::Registry;
use crate::wasm::{Hash, LoadError, PluginFile, hexadecimal};

use super::history::History;
use super::swapping::{SwapError, Swapping};
use super::watch::{AGAIN_IN, Change, Content, Watch};
use super::{Materials, Message, Told, Tried, UpdateError};

/// How often files are looked at, in case nobody tells when they change.
const POLL: Duration = Duration::from_secs(2);

/// By the name of a plugin and the beginning of its hash.
const RUNNING: &str = "otelier_plugin_running";

/// What the thread knows.
pub(super) struct Updater {
    /// By name.
    running: HashMap<String, Running>,
    told: Told,
    /// Whether a look is on its way.
    looks: Arc<AtomicBool>,
    swapping: Swapping,
    loader: Arc<Loader>,
    watch: Watch,
    history: History,
    clock: Clock,
    registry: Registry,
}

/// A plugin that runs.
struct Running {
    plan: PluginPlan,
    version: Version,
    plugin: AnyPlugin,
    /// Since when, in nanoseconds since the Unix epoch.
    since: u64,
    /// What ran before it.
    previous: Option<(Version, AnyPlugin)>,
    /// What its file was at the last look: it can seem to have changed and have not.
    seen: Option<Hash>,
}

/// Why a version is tried.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// Its file came into place.
    File,
    /// `otelier plugin swap`.
    Command,
    /// `otelier plugin rollback`.
    Rollback,
}

/// A version that was read and compiled, or came from the cache.
struct Loaded {
    version: Version,
    plugin: AnyPlugin,
    took: Duration,
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Cause::File => "file",
            Cause::Command => "command",
            Cause::Rollback => "rollback",
        }
    }
}

impl Running {
    /// The one that the manifest names.
    fn file(&self) -> Result<PathBuf, FolderError> {
        match &self.plan.folder {
            Some(folder) => Ok(folder.choose()?.file),
            None => Ok(self.plan.file.clone()),
        }
    }

    /// Whether that content of its file is neither the version that runs nor what was there at the last look.
    fn is_new(&mut self, content: Option<Hash>) -> bool {
        let before = std::mem::replace(&mut self.seen, content);
        content.is_none() || (content != Some(self.version.sha256) && content != before)
    }

    fn shown(&self) -> Value {
        json!({
            "plugin": self.plan.name,
            "sha256": hexadecimal(&self.version.sha256),
            "file": self.version.file.display().to_string(),
            "since_unix_nano": self.since,
        })
    }
}

impl Updater {
    /// Watches the file of every plugin, and shows what runs.
    pub fn new(materials: Materials, told: Told, news: Sender<Message>) -> Updater {
        let Materials { places, gates, plugins, loader, state_dir, clock, registry } = materials;
        let looks = Arc::<AtomicBool>::default();
        let waits = Arc::clone(&looks);
        let mut watch = Watch::new(move || {
            // One look sees all that has changed. An error means that the thread has ended.
            if !waits.swap(true, Ordering::AcqRel) {
                drop(news.send(Message::Look));
            }
        });
        let mut running = HashMap::new();
        for (plan, version, plugin) in plugins {
            // A plugin of several processors.
            if running.contains_key(&plan.name) {
                continue;
            }
            watch_file(&mut watch, &plan);
            let name = plan.name.clone();
            running.insert(name, Running { plan, version, plugin, since: clock.now(), previous: None, seen: None });
        }
        let can_follow = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let updater = Updater {
            running,
            told,
            looks,
            swapping: Swapping { places, gates, clock: clock.clone(), can_follow },
            loader,
            watch,
            history: History::open(&state_dir),
            clock,
            registry,
        };
        updater.running.values().for_each(|running| updater.show(running));
        updater
    }

    /// Until it is stopped.
    pub fn run(&mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv_timeout(self.watch.until_look().unwrap_or(POLL)) {
                Ok(Message::Look) => {
                    self.looks.store(false, Ordering::Release);
                    self.look();
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(Message::Command(command, answer)) => {
                    let done = self.perform(command);
                    if let Err(error) = &done {
                        tracing::warn!("nothing is changed by a command: {error}");
                    }
                    // Whoever asked may have gone.
                    let _ = answer.send(done);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        for Change { plugin, file } in self.watch.changed() {
            let Some(running) = self.running.get_mut(&plugin) else { continue };
            let Some(file) = file else {
                let (file, version) = (running.version.file.display(), running.version.short());
                tracing::warn!(plugin, %file, "the plugin's file is gone, or is no file; version {version} runs on, and the next start will miss it");
                continue;
            };
            let read = PluginFile::read(&file);
            if !self.watch.confirm(&plugin) {
                // It changed while it was read, and what was read may be half of each: what it becomes is told again.
                continue;
            }
            if !running.is_new(read.as_ref().ok().map(|read| *read.sha256())) {
                continue;
            }
            match running.plan.update {
                Update::Pinned if read.is_ok() => tell_pinned(running, &file),
                Update::Pinned => {}
                Update::Watch => self.take(&plugin, &file, read),
            }
        }
    }

    /// A watched file has another content.
    fn take(&mut self, plugin: &str, file: &Path, read: Result<PluginFile, LoadError>) {
        match self.try_file(plugin, file, read, Cause::File) {
            Ok(_) | Err(UpdateError::Same { .. } | UpdateError::GoingDown) => {}
            Err(error) if error.passes() => {
                if let Some(running) = self.running.get_mut(plugin) {
                    running.seen = None;
                }
                self.watch.again(plugin);
                tracing::warn!(plugin, "changed plugin file, tried again in {AGAIN_IN:?}: {error}");
            }
            Err(error) => tracing::error!(plugin, "changed plugin file: {error}"),
        }
    }

    /// Loads what was read of a file and puts it into place.
    fn try_file(
        &mut self,
        plugin: &str,
        path: &Path,
        read: Result<PluginFile, LoadError>,
        cause: Cause,
    ) -> Result<Value, UpdateError> {
        match self.load(plugin, read) {
            Ok(loaded) => self.replace(plugin, loaded, cause),
            Err(error) => {
                self.not_loaded(plugin, Some(path), &error, cause);
                Err(error)
            }
        }
    }

    fn perform(&mut self, tried: Tried) -> Result<Value, UpdateError> {
        match tried {
            Tried::Swap { plugin, file } => {
                let lies = self.lies(&plugin);
                let path = match (file, self.running(&plugin)?.file()) {
                    (Some(path), _) | (None, Ok(path)) => path,
                    (None, Err(error)) => {
                        let error = UpdateError::Folder(error);
                        self.not_loaded(&plugin, None, &error, Cause::Command);
                        return Err(error);
                    }
                };
                let swapped = self.try_file(&plugin, &path, PluginFile::read(&path), Cause::Command)?;
                self.commanded(&plugin, lies);
                Ok(swapped)
            }
            Tried::Rollback { plugin } => {
                let none = || UpdateError::NoneBefore { plugin: plugin.clone() };
                let (version, before) = self.running(&plugin)?.previous.clone().ok_or_else(none)?;
                let (lies, loaded) = (self.lies(&plugin), Loaded { version, plugin: before, took: Duration::ZERO });
                let replaced = self.replace(&plugin, loaded, Cause::Rollback)?;
                self.commanded(&plugin, lies);
                Ok(replaced)
            }
        }
    }

    /// What is in the place of a plugin's file now, without a hash while it changes.
    fn lies(&mut self, plugin: &str) -> (Option<Content>, Option<Hash>) {
        let content = self.watch.content(plugin);
        let file = self.running.get(plugin).and_then(|running| running.file().ok());
        let read = file.and_then(|file| PluginFile::read(&file).ok());
        let is_whole = self.watch.content(plugin) == content;
        (content, read.filter(|_| is_whole).map(|read| *read.sha256()))
    }

    /// What a command put into place stays until the file has another content than it had before that.
    fn commanded(&mut self, plugin: &str, (content, hash): (Option<Content>, Option<Hash>)) {
        self.watch.settle(plugin, content);
        if let Some(running) = self.running.get_mut(plugin) {
            running.seen = hash;
        }
    }

    /// A file that came into place, or was named, and is no version.
    fn not_loaded(&mut self, plugin: &str, path: Option<&Path>, error: &UpdateError, cause: Cause) {
        let Some(running) = self.running.get(plugin) else { return };
        let path = path.unwrap_or(&running.plan.file).display().to_string();
        let from = running.version.short();
        self.history.add(json!({
            "time_unix_nano": self.clock.now(),
            "plugin": plugin,
            "from": from,
            "to": "the file",
            "file": path,
            "cause": cause.name(),
            "outcome": "refused",
            "reason": error.to_string(),
        }));
        self.count(plugin, "refused");
    }

    fn count(&self, plugin: &str, outcome: &str) {
        let labels = [("plugin", plugin), ("outcome", outcome)];
        self.registry
            .counter("otelier_plugin_swaps", "New versions of plugins that were tried, by outcome.", &labels)
            .add(1);
    }

    fn count_pause(&self, plugin: &str, pause_us: u64) {
        let help = "How long batches waited for new versions of a plugin, in microseconds, in the pipelines where they waited longest.";
        self.registry.counter("otelier_plugin_swap_pause_microseconds", help, &[("plugin", plugin)]).add(pause_us);
    }

    fn running(&self, plugin: &str) -> Result<&Running, UpdateError> {
        self.running.get(plugin).ok_or_else(|| {
            let mut known: Vec<&str> = self.running.keys().map(String::as_str).collect();
            known.sort_unstable();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            UpdateError::Unknown { plugin: plugin.to_owned(), known }
        })
    }

    fn load(&self, plugin: &str, read: Result<PluginFile, LoadError>) -> Result<Loaded, UpdateError> {
        let (started, running) = (Instant::now(), self.running(plugin)?);
        let LoadedPlugin { plugin, version } = (self.loader)(&running.plan, &read.map_err(UpdateError::File)?)
            .map_err(|error| match error {
                // The manifest is not to blame for what a file has become.
                PluginError::Load { source, .. } => UpdateError::File(source),
                error => UpdateError::Load(error),
            })?;
        Ok(Loaded { version, plugin, took: started.elapsed() })
    }

    /// Puts a version into every place of its plugin, or into none.
    fn replace(&mut self, plugin: &str, loaded: Loaded, cause: Cause) -> Result<Value, UpdateError> {
        let Loaded { version, plugin: loaded, took } = loaded;
        let running = self.running(plugin)?;
        let before = running.version.clone();
        if before.sha256 == version.sha256 {
            return Err(UpdateError::Same { plugin: plugin.to_owned(), version: version.short() });
        }
        let started = Instant::now();
        let swapped = self.swapping.replace(plugin, &running.plugin, &loaded);
        let (load_ms, took_ms) = (milliseconds(took), milliseconds(started.elapsed()));
        let mut line = json!({
            "time_unix_nano": self.clock.now(),
            "plugin": plugin,
            "from": before.short(),
            "to": version.short(),
            "file": version.file.display().to_string(),
            "cause": cause.name(),
            "load_ms": load_ms,
            "took_ms": took_ms,
        });
        let outcome = match swapped {
            Ok(pause) => {
                line["outcome"] = json!("swapped");
                line["pause_ms"] = json!(milliseconds(pause));
                let pause_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
                self.count_pause(plugin, pause_us);
                tracing::info!(plugin, from = before.short(), to = version.short(), file = %version.file.display(), cause = cause.name(), load_ms, took_ms, pause_us, "plugin swapped");
                self.installed(plugin, version, loaded);
                Ok(line.clone())
            }
            Err(SwapError::GoingDown) => return Err(UpdateError::GoingDown),
            Err(error) => {
                line["outcome"] = json!("refused");
                line["reason"] = json!(error.to_string());
                let (version, running) = (version.short(), before.short());
                Err(UpdateError::Refused { plugin: plugin.to_owned(), version, running, source: Box::new(error) })
            }
        };
        let name = line["outcome"].as_str().unwrap_or_default().to_owned();
        self.history.add(line);
        self.count(plugin, &name);
        outcome
    }

    fn installed(&mut self, plugin: &str, version: Version, loaded: AnyPlugin) {
        let Some(running) = self.running.get_mut(plugin) else { return };
        let version_before = std::mem::replace(&mut running.version, version.clone());
        let before = std::mem::replace(&mut running.plugin, loaded);
        running.since = self.clock.now();
        running.previous = Some((version_before.clone(), before));
        let Some(running) = self.running.get(plugin) else { return };
        self.registry.forget(RUNNING, &[("plugin", plugin), ("sha256", &version_before.short())]);
        self.show(running);
    }

    /// Tells which version runs.
    fn show(&self, running: &Running) {
        let (plugin, version) = (running.plan.name.as_str(), running.version.short());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin.to_owned(), running.shown());
        let labels = [("plugin", plugin), ("sha256", version.as_str())];
        self.registry.gauge(RUNNING, "The version of a plugin that runs.", &labels).set(1);
    }
}

/// What is pinned is looked at as well: its next start may not be what runs.
fn watch_file(watch: &mut Watch, plan: &PluginPlan) {
    match plan.folder.clone() {
        Some(folder) => {
            let path = folder.path.clone();
            watch.add(&plan.name, &path, move || Some(folder.choose().ok()?.file));
        }
        None => {
            let file = plan.file.clone();
            watch.add(&plan.name, plan.file.parent().unwrap_or(Path::new("")), move || Some(file.clone()));
        }
    }
}

/// Another version lies in the place of a pinned plugin.
fn tell_pinned(running: &Running, file: &Path) {
    let next = match running.plan.sha256 {
        Some(_) => "the next start will refuse it, because `sha256` pins the content",
        None => "the next start will take it, or `otelier plugin swap`",
    };
    let (plugin, version) = (&running.plan.name, running.version.short());
    tracing::warn!(plugin, file = %file.display(), "the file of a plugin that is not watched has changed; version {version} runs on: {next}");
}
