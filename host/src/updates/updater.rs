//! What the thread of updates does: it looks at files when they may have changed, carries out commands one after the other, and tells what
//! came of each version in log, metrics and history.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::Update;
use crate::plugins::{AnyPlugin, LoadedPlugin, Loader, PluginError, Version};
use crate::telemetry::Registry;
use crate::wasm::{Hash, LoadError, PluginFile, hexadecimal};

use super::choosing::lock;
use super::history::History;
use super::running::{Lies, Running, remember, tell_pinned, watch_file};
use super::swapping::{SwapError, Swapping};
use super::versions::{Choice, Versions};
use super::watch::{AGAIN_IN, Change, Watch};
use super::{Message, Told, Tried, UpdateContext, UpdateError};

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
    versions: Arc<Mutex<Versions>>,
    clock: Clock,
    registry: Registry,
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

/// What a version comes for.
#[derive(Clone, Copy)]
struct Why {
    cause: Cause,
    /// What the plugin's own file was when a command asked for another version, where it could be read.
    of_file: Option<Hash>,
}

/// A version that was read and compiled, or came from the cache.
struct Loaded {
    version: Version,
    plugin: AnyPlugin,
    content: PluginFile,
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

impl Updater {
    /// Watches the file of every plugin, and shows what runs.
    pub fn new(context: UpdateContext, told: Told, news: Sender<Message>) -> Updater {
        let UpdateContext { places, gates, plugins, loader, state_dir, versions, clock, registry } = context;
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
            let (since, chosen) = (clock.now(), lock(&versions).choice(&name).cloned());
            let is_troubled = false;
            running.insert(name, Running { plan, version, plugin, since, seen: None, chosen, is_troubled });
        }
        remember(&mut running, &versions);
        let can_follow = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let updater = Updater {
            running,
            told,
            looks,
            swapping: Swapping { places, gates, clock: clock.clone(), can_follow },
            loader,
            watch,
            history: History::open(&state_dir),
            versions,
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
                running.is_troubled = true;
                let (instead, version) = (running.instead_of_file(), running.version.short());
                tracing::warn!(
                    plugin,
                    "the plugin's file: {instead}; version {version} runs on, and the next start will miss it"
                );
                continue;
            };
            let read = running.read(&file);
            if !self.watch.confirm(&plugin) {
                // It changed while it was read, and what was read may be half of each: what it becomes is told again.
                continue;
            }
            let hash = read.as_ref().ok().map(|read| *read.sha256());
            running.tell_if_right_again(hash);
            if !running.is_new(hash) {
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
        tracing::info!(plugin, file = %file.display(), "the plugin's file has changed; the new version is compiled and tried");
        let taken = self.try_file(plugin, file, read, Why { cause: Cause::File, of_file: None });
        if let Some(running) = self.running.get_mut(plugin) {
            running.is_troubled = taken.is_err();
        }
        match taken {
            Ok(_) | Err(UpdateError::Same { .. } | UpdateError::GoingDown) => {}
            Err(error) if error.passes() => {
                if let Some(running) = self.running.get_mut(plugin) {
                    running.seen = None;
                }
                self.watch.again(plugin);
                tracing::warn!(plugin, "changed plugin file, tried again in {AGAIN_IN:?}: {error}");
            }
            Err(error) => {
                tracing::error!(
                    plugin,
                    "changed plugin file: {error}; the next start would end with this error: put a version that runs into its place"
                );
            }
        }
    }

    /// Loads what was read of a file and puts it into place. For a command, `why` has what is in the place of the plugin's own file.
    fn try_file(
        &mut self,
        plugin: &str,
        path: &Path,
        read: Result<PluginFile, LoadError>,
        why: Why,
    ) -> Result<Value, UpdateError> {
        match self.load(plugin, read) {
            Ok(loaded) => self.replace(plugin, loaded, why),
            Err(error) => {
                self.not_loaded(plugin, Some(path), &error, why.cause);
                Err(error)
            }
        }
    }

    fn perform(&mut self, tried: Tried) -> Result<Value, UpdateError> {
        let (Tried::Swap { plugin, .. } | Tried::Rollback { plugin }) = &tried;
        let plugin = plugin.clone();
        let mut lies = self.lies(&plugin)?;
        let of_file = lies.hash();
        let done = match tried {
            Tried::Swap { file: Some(path), .. } => {
                let read = self.running(&plugin)?.read(&path);
                self.try_file(&plugin, &path, read, Why { cause: Cause::Command, of_file })
            }
            Tried::Swap { file: None, .. } => match lies.path {
                Ok(ref path) => {
                    let running = self.running(&plugin)?;
                    let read = lies.read.take().map_or_else(|| running.read(path), Ok);
                    self.try_file(&plugin, path, read, Why { cause: Cause::Command, of_file })
                }
                Err(error) => {
                    let error = UpdateError::Folder(error);
                    self.not_loaded(&plugin, None, &error, Cause::Command);
                    return Err(error);
                }
            },
            Tried::Rollback { .. } => self.roll_back(&plugin, of_file),
        }?;
        // What a command put into place stays until the file has another content than it had before that.
        self.watch.mark_taken(&plugin, lies.content);
        if let Some(running) = self.running.get_mut(&plugin) {
            running.seen = of_file;
        }
        Ok(done)
    }

    fn roll_back(&mut self, plugin: &str, of_file: Option<Hash>) -> Result<Value, UpdateError> {
        let plugin_name = || plugin.to_owned();
        let before = lock(&self.versions).before(plugin);
        let content = before.ok_or_else(|| UpdateError::NoneBefore { plugin: plugin_name() })?;
        let content = content.map_err(|source| UpdateError::NotKept { plugin: plugin_name(), source })?;
        let path = content.path().to_owned();
        self.try_file(plugin, &path, Ok(content), Why { cause: Cause::Rollback, of_file })
    }

    /// What is in the place of a plugin's file now.
    fn lies(&mut self, plugin: &str) -> Result<Lies, UpdateError> {
        let path = self.running(plugin)?.file();
        let content = self.watch.content(plugin);
        let running = self.running(plugin)?;
        let read = path.as_ref().ok().and_then(|path| running.read(path).ok());
        let is_whole = self.watch.content(plugin) == content;
        Ok(Lies { content, path, read: read.filter(|_| is_whole) })
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
        let content = read.map_err(UpdateError::File)?;
        let LoadedPlugin { plugin, version } = (self.loader)(&running.plan, &content).map_err(|error| match error {
            // The manifest is not to blame for what a file has become.
            PluginError::Load { source, .. } => UpdateError::File(source),
            source => UpdateError::Load { source },
        })?;
        Ok(Loaded { version, plugin, content, took: started.elapsed() })
    }

    /// Puts a version into every place of its plugin, or into none.
    fn replace(&mut self, plugin: &str, loaded: Loaded, why: Why) -> Result<Value, UpdateError> {
        let Loaded { version, plugin: loaded, content, took } = loaded;
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
            "cause": why.cause.name(),
            "load_ms": load_ms,
            "took_ms": took_ms,
        });
        let outcome = match swapped {
            Ok(pause) => {
                line["outcome"] = json!("swapped");
                line["pause_ms"] = json!(milliseconds(pause));
                let pause_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
                self.count_pause(plugin, pause_us);
                tracing::info!(plugin, from = before.short(), to = version.short(), file = %version.file.display(), cause = why.cause.name(), load_ms, took_ms, pause_us, "plugin swapped");
                self.installed(plugin, &version, loaded);
                if let Some(lasts) = self.chosen(plugin, &version, &content, why) {
                    tracing::info!(plugin, "what the command put into place lasts {lasts}");
                    line["lasts"] = json!(lasts);
                }
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

    fn installed(&mut self, plugin: &str, version: &Version, loaded: AnyPlugin) {
        let Some(running) = self.running.get_mut(plugin) else { return };
        let before = std::mem::replace(&mut running.version, version.clone());
        (running.plugin, running.since) = (loaded, self.clock.now());
        self.registry.forget(RUNNING, &[("plugin", plugin), ("sha256", &before.short())]);
    }

    /// Remembers that a version runs, and that a command chose it where it is not the file's. Returns how long it lasts then.
    fn chosen(&mut self, plugin: &str, version: &Version, content: &PluginFile, why: Why) -> Option<String> {
        let Why { cause, of_file } = why;
        let is_chosen = !matches!(cause, Cause::File) && of_file != Some(version.sha256);
        let choice = is_chosen.then(|| Choice {
            by: if matches!(cause, Cause::Rollback) { "rollback" } else { "swap" }.to_owned(),
            time_unix_nano: self.clock.now(),
            // Of a file that cannot be read, none: no later content is the same.
            of_file: of_file.map(|hash| hexadecimal(&hash)).unwrap_or_default(),
        });
        let mut versions = lock(&self.versions);
        versions.runs(plugin, version, matches!(cause, Cause::Rollback), choice.clone());
        let kept = versions.keep(content).and_then(|()| versions.write());
        drop(versions);
        if let Err(error) = &kept {
            tracing::error!(
                plugin,
                "the version that runs is not remembered, the next start knows nothing of it: {error}"
            );
        }
        if let Some(running) = self.running.get_mut(plugin) {
            running.chosen = choice;
        }
        self.running.get(plugin).into_iter().for_each(|running| self.show(running));
        is_chosen.then(|| match (kept, of_file) {
            (Err(error), _) => format!("until the collector ends, because it cannot be remembered: {error}"),
            (Ok(()), None) => "until the collector ends, because the plugin's own file cannot be read".to_owned(),
            (Ok(()), Some(_)) => "until the plugin's file changes, across restarts".to_owned(),
        })
    }

    /// Tells which version runs.
    fn show(&self, running: &Running) {
        let (plugin, version) = (running.plan.name.as_str(), running.version.short());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin.to_owned(), running.shown());
        let labels = [("plugin", plugin), ("sha256", version.as_str())];
        self.registry.gauge(RUNNING, "The version of a plugin that runs.", &labels).set(1);
    }
}
