//! New versions of plugins while the process runs: found by watching files, or named by a command, tried where no batch waits, and put into
//! place between two batches.
//!
//! One thread does all of it, the `updater`. `watch` says when a file has changed and is whole, `swapping` puts a version into every place of its plugin
//! or into none, `history` keeps what happened, `versions` what ran and what a command chose, which `choosing` takes up at the next start.

mod choosing;
mod history;
mod running;
mod swapping;
mod updater;
mod versions;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::clock::Clock;
use crate::config::{FolderError, PluginPlan};
use crate::guard::EndWithProcess;
use crate::pipeline::Place;
use crate::plugins::{AnyPlugin, Loader, PluginError, Version};
use crate::telemetry::Registry;
use crate::wasm::LoadError;

pub use choosing::{choices, choosing, forget_choice, open_versions};
pub use history::{HistoryError, read as read_history};
pub use swapping::GatePlace;
use swapping::SwapError;
use updater::Updater;
pub use versions::{Choice, Versions, VersionsError};

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
    /// The manifest does not allow it.
    #[error("{}: {source}; what has changed in the manifest since the start counts from the next start on", source.position())]
    Load {
        /// Which, and where it stands.
        source: PluginError,
    },
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
    #[error(
        "plugin `{plugin}` has run no other version before this one, or none that is kept: up to {} are",
        versions::EARLIER_MAX
    )]
    NoneBefore {
        /// The plugin.
        plugin: String,
    },
    /// The one before it cannot be had.
    #[error(
        "the version of plugin `{plugin}` before this one is not there any more ({source}); name a file: `otelier plugin swap {plugin} --file FILE`"
    )]
    NotKept {
        /// The plugin.
        plugin: String,
        /// Why.
        source: VersionsError,
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

impl UpdateError {
    /// Whether the same may be possible later.
    fn passes(&self) -> bool {
        matches!(self, UpdateError::Refused { source, .. } if source.passes())
    }
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

/// What the thread works with.
pub struct UpdateContext {
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
    /// What ran there before, and what was chosen.
    pub versions: Arc<Mutex<Versions>>,
    /// The time.
    pub clock: Clock,
    /// Where it counts.
    pub registry: Registry,
}

impl Updates {
    /// Starts the thread.
    pub fn start(context: UpdateContext) -> std::io::Result<(Updates, JoinHandle<()>)> {
        let (sender, receiver) = channel();
        let told = Told::default();
        let mut updater = Updater::new(context, Arc::clone(&told), sender.clone());
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
