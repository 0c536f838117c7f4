//! New versions of plugins while the process runs: found by watching files, or named by a command, tried where no batch waits, and put into
//! place between two batches.
//!
//! One thread does all of it. `watch` says when a file has changed and is whole, `swapping` puts a version into every place of its plugin
//! or into none, `history` keeps what happened.

mod history;
mod swapping;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{FolderError, PluginPlan, Update};
use crate::guard::EndWithProcess;
use crate::pipeline::Place;
use crate::plugins::{AnyPlugin, LoadedPlugin, Loader, PluginError, Version};
use crate::telemetry::Registry;
use crate::wasm::{Hash, LoadError, PluginFile, hexadecimal};

use history::History;
pub use history::{HistoryError, read as read_history};
pub use swapping::GatePlace;
use swapping::{SwapError, Swapping};
use watch::{AGAIN_IN, Change, Watch};

/// How often files are looked at, in case nobody tells when they change.
const POLL: Duration = Duration::from_secs(2);

/// How much the compiler steps back behind everything else: a tenth of the share of a thread that works.
const NICE: i32 = 10;

/// What can be asked of a running host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Another version takes the place of the one that runs.
    Swap {
        /// The plugin's name in the manifest.
        plugin: String,
        /// Its file; `None` is the manifest's.
        file: Option<PathBuf>,
    },
    /// The version before the present one comes back.
    Rollback {
        /// The plugin's name in the manifest.
        plugin: String,
    },
    /// Which versions run.
    List,
}

/// A version that was not put into place.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Not in the manifest, or not in use.
    #[error("nothing of the running configuration is of plugin `{plugin}`; the plugins in use: {known}")]
    Unknown {
        /// What was asked for.
        plugin: String,
        /// What there is.
        known: String,
    },
    /// The manifest's file.
    #[error(transparent)]
    Load(#[from] PluginError),
    /// A file that was named, or that came into place.
    #[error(transparent)]
    File(LoadError),
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It would change nothing.
    #[error("plugin `{plugin}` runs version {version} already")]
    Same {
        /// The plugin.
        plugin: String,
        /// The beginning of its hash.
        version: String,
    },
    /// There is none before it.
    #[error("plugin `{plugin}` has run no other version since the collector was started")]
    NoneBefore {
        /// The plugin.
        plugin: String,
    },
    /// It was tried.
    #[error("version {version} of plugin `{plugin}` is refused, {running} runs on: {source}")]
    Refused {
        /// The plugin.
        plugin: String,
        /// The beginning of its hash.
        version: String,
        /// The one that runs.
        running: String,
        /// Why.
        source: Box<SwapError>,
    },
    /// The process ends.
    #[error("the collector is shutting down")]
    GoingDown,
}

enum Message {
    /// Something may have changed on disk.
    Look,
    Command(Tried, Sender<Result<Value, UpdateError>>),
    Stop,
}

/// The near end. Clones reach the same thread.
#[derive(Clone)]
pub struct Updates {
    sender: Sender<Message>,
    told: Told,
}

/// A command that takes its time.
enum Tried {
    Swap { plugin: String, file: Option<PathBuf> },
    Rollback { plugin: String },
}

/// Which versions run, by plugin: to be read while another one is tried.
type Told = Arc<Mutex<BTreeMap<String, Value>>>;

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

/// What the thread works with.
pub struct Materials {
    /// Every place of every plugin.
    pub places: Vec<Place>,
    /// Every gate with a policy of a plugin.
    pub gates: Vec<GatePlace>,
    /// The plugins of the manifest that have places.
    pub plugins: Vec<(PluginPlan, Version, AnyPlugin)>,
    /// How a file becomes a plugin.
    pub loader: Arc<Loader>,
    /// Where the history is kept.
    pub state_dir: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Where it counts.
    pub registry: Registry,
}

impl Updates {
    /// Starts the thread.
    pub fn start(materials: Materials) -> std::io::Result<(Updates, JoinHandle<()>)> {
        let (sender, receiver) = channel();
        let (news, looks) = (sender.clone(), Arc::<AtomicBool>::default());
        let waits = Arc::clone(&looks);
        let mut watch = Watch::new(move || {
            // One look sees all that has changed. An error means that the thread has ended.
            if !waits.swap(true, Ordering::AcqRel) {
                drop(news.send(Message::Look));
            }
        });
        let Materials { places, gates, plugins, loader, state_dir, clock, registry } = materials;
        let mut running = HashMap::new();
        for (plan, version, plugin) in plugins {
            // A plugin of several processors.
            if running.contains_key(&plan.name) {
                continue;
            }
            // What is pinned is looked at as well: its next start may not be what runs.
            match &plan.folder {
                Some(folder) => {
                    let chosen = folder.clone();
                    watch.add(&plan.name, &folder.path, move || Some(chosen.choose().ok()?.file));
                }
                None => {
                    let file = plan.file.clone();
                    watch.add(&plan.name, plan.file.parent().unwrap_or(Path::new("")), move || Some(file.clone()));
                }
            }
            running.insert(
                plan.name.clone(),
                Running { plan, version, plugin, since: clock.now(), previous: None, seen: None },
            );
        }
        let history = History::open(&state_dir);
        let told = Told::default();
        let mut updater = Updater {
            running,
            told: Arc::clone(&told),
            looks,
            swapping: Swapping {
                places,
                gates,
                clock: clock.clone(),
                can_follow: std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1),
            },
            loader,
            watch,
            history,
            clock,
            registry,
        };
        updater.running.values().for_each(|running| updater.show(running, &running.version, 1));
        let thread = std::thread::Builder::new().name("updates".into()).spawn(move || {
            let _end = EndWithProcess;
            step_back();
            updater.run(&receiver);
        })?;
        Ok((Updates { sender, told }, thread))
    }

    /// Carries out a command; returns when the new version runs, or why it does not.
    pub fn perform(&self, command: Command) -> Result<Value, UpdateError> {
        let tried = match command {
            Command::Swap { plugin, file } => Tried::Swap { plugin, file },
            Command::Rollback { plugin } => Tried::Rollback { plugin },
            Command::List => {
                return Ok(self.told.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect());
            }
        };
        let (answer, wait) = channel();
        self.sender.send(Message::Command(tried, answer)).map_err(|_| UpdateError::GoingDown)?;
        wait.recv().unwrap_or(Err(UpdateError::GoingDown))
    }

    /// Ends the thread, after what it is doing.
    pub fn stop(&self) {
        // An error means that it has ended.
        let _ = self.sender.send(Message::Stop);
    }
}

/// Compiling takes a second of a core, and nobody waits for it: batches go first. Threads started from this one inherit it.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "versions of plugins are compiled as urgently as batches are processed");
    }
}

impl UpdateError {
    /// Whether the same may be possible later.
    fn passes(&self) -> bool {
        matches!(self, UpdateError::Refused { source, .. } if source.passes())
    }
}

impl Running {
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

/// Another version lies in the place of a pinned plugin.
fn tell_pinned(running: &Running, file: &Path) {
    let next = match running.plan.sha256 {
        Some(_) => "the next start will refuse it, because `sha256` pins the content",
        None => "the next start will take it, or `otelier plugin swap`",
    };
    let (plugin, version) = (&running.plan.name, running.version.short());
    tracing::warn!(plugin, file = %file.display(), "the file of a plugin that is not watched has changed; version {version} runs on: {next}");
}

struct Updater {
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

impl Updater {
    fn run(&mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv_timeout(self.watch.until_look().unwrap_or(POLL)) {
                Ok(Message::Look) => {
                    self.looks.store(false, Ordering::Release);
                    self.look();
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(Message::Command(command, answer)) => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.perform(command));
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
                tracing::warn!(plugin, %file, "the plugin's file is gone; version {version} runs on, and the next start will miss it");
                continue;
            };
            let content = PluginFile::read(&file).ok().map(|found| *found.sha256());
            if !running.is_new(content) {
                continue;
            }
            match running.plan.update {
                Update::Pinned if content.is_some() => tell_pinned(running, &file),
                Update::Pinned => {}
                Update::Watch => self.take(&plugin, &file),
            }
        }
    }

    /// A watched file has another content.
    fn take(&mut self, plugin: &str, file: &Path) {
        match self.load_and_replace(plugin, Some(file)) {
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

    fn load_and_replace(&mut self, plugin: &str, file: Option<&Path>) -> Result<Value, UpdateError> {
        match self.load(plugin, file) {
            Ok((version, loaded)) => self.replace(plugin, version, loaded),
            Err(error) => {
                self.not_loaded(plugin, file, &error);
                Err(error)
            }
        }
    }

    fn perform(&mut self, tried: Tried) -> Result<Value, UpdateError> {
        match tried {
            Tried::Swap { plugin, file } => {
                let swapped = self.load_and_replace(&plugin, file.as_deref())?;
                self.commanded(&plugin);
                Ok(swapped)
            }
            Tried::Rollback { plugin } => {
                let none = || UpdateError::NoneBefore { plugin: plugin.clone() };
                let (version, loaded) = self.running(&plugin)?.previous.clone().ok_or_else(none)?;
                let replaced = self.replace(&plugin, version, loaded)?;
                self.commanded(&plugin);
                Ok(replaced)
            }
        }
    }

    /// What a command put into place stays until the file has another content than now.
    fn commanded(&mut self, plugin: &str) {
        self.watch.settle(plugin);
        let Some(running) = self.running.get_mut(plugin) else { return };
        let lies_there = match &running.plan.folder {
            Some(folder) => folder.choose().ok().map(|chosen| chosen.file),
            None => Some(running.plan.file.clone()),
        };
        running.seen = lies_there.and_then(|file| PluginFile::read(&file).ok()).map(|found| *found.sha256());
    }

    /// A file that came into place, or was named, and is no version.
    fn not_loaded(&mut self, plugin: &str, file: Option<&Path>, error: &UpdateError) {
        let Some(running) = self.running.get(plugin) else { return };
        let chosen = || Some(running.plan.folder.as_ref()?.choose().ok()?.file);
        let file = file.map(Path::to_owned).or_else(chosen).unwrap_or_else(|| running.plan.file.clone());
        let from = running.version.short();
        self.count(plugin, "refused");
        self.history.add(json!({
            "time_unix_nano": self.clock.now(),
            "plugin": plugin,
            "from": from,
            "to": "the file",
            "file": file.display().to_string(),
            "outcome": "refused",
            "reason": error.to_string(),
        }));
    }

    fn count(&self, plugin: &str, outcome: &str) {
        let labels = [("plugin", plugin), ("outcome", outcome)];
        self.registry
            .counter("otelier_plugin_swaps", "New versions of plugins that were tried, by outcome.", &labels)
            .add(1);
    }

    fn running(&self, plugin: &str) -> Result<&Running, UpdateError> {
        self.running.get(plugin).ok_or_else(|| {
            let mut known: Vec<&str> = self.running.keys().map(String::as_str).collect();
            known.sort_unstable();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            UpdateError::Unknown { plugin: plugin.to_owned(), known }
        })
    }

    fn load(&self, plugin: &str, file: Option<&Path>) -> Result<(Version, AnyPlugin), UpdateError> {
        let mut plan = self.running(plugin)?.plan.clone();
        plan.file = match (file, &plan.folder) {
            (Some(file), _) => file.to_owned(),
            (None, Some(folder)) => folder.choose()?.file,
            (None, None) => plan.file,
        };
        let is_named = file.is_some();
        let LoadedPlugin { plugin, version } = (self.loader)(&plan).map_err(|error| match error {
            // The manifest is not to blame for what a command names.
            PluginError::Load { source, .. } if is_named => UpdateError::File(source),
            error => UpdateError::Load(error),
        })?;
        Ok((version, plugin))
    }

    /// Puts a version into every place of its plugin, or into none.
    fn replace(&mut self, plugin: &str, version: Version, loaded: AnyPlugin) -> Result<Value, UpdateError> {
        let running = self.running(plugin)?;
        let before = running.version.clone();
        if before.sha256 == version.sha256 {
            return Err(UpdateError::Same { plugin: plugin.to_owned(), version: version.short() });
        }
        let started = Instant::now();
        let swapped = self.swapping.replace(plugin, &running.plugin, &loaded);
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut line = json!({
            "time_unix_nano": self.clock.now(),
            "plugin": plugin,
            "from": before.short(),
            "to": version.short(),
            "file": version.file.display().to_string(),
            "took_ms": took_ms,
        });
        let outcome = match swapped {
            Ok(pause) => {
                line["outcome"] = json!("swapped");
                line["pause_ms"] = json!(pause.as_secs_f64() * 1e3);
                tracing::info!(plugin, from = before.short(), to = version.short(), file = %version.file.display(), took_ms, pause_us = pause.as_micros() as u64, "plugin swapped");
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
        self.count(plugin, line["outcome"].as_str().unwrap_or_default());
        self.history.add(line);
        outcome
    }

    fn installed(&mut self, plugin: &str, version: Version, loaded: AnyPlugin) {
        let Some(running) = self.running.get_mut(plugin) else { return };
        let version_before = std::mem::replace(&mut running.version, version.clone());
        let before = std::mem::replace(&mut running.plugin, loaded);
        running.since = self.clock.now();
        running.previous = Some((version_before.clone(), before));
        // The file may have been exchanged once more before it was loaded.
        running.seen = Some(version.sha256);
        let Some(running) = self.running.get(plugin) else { return };
        self.show(running, &version_before, 0);
        self.show(running, &version, 1);
    }

    /// Tells which version runs, and that this one does or does not.
    fn show(&self, running: &Running, version: &Version, is_running: i64) {
        let plugin = running.plan.name.as_str();
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin.to_owned(), running.shown());
        let labels = [("plugin", plugin), ("sha256", &version.short())];
        self.registry
            .gauge("otelier_plugin_running", "Whether a version of a plugin is the one that runs.", &labels)
            .set(is_running);
    }
}
