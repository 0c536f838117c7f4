//! Shutting down in the order of the data: receivers, processors, the commit, lanes, exporters.

use std::thread::JoinHandle as Thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::delivery::Lane;
use crate::pipeline::{Handle, committer::Committer, flush_all};
use crate::updates::Updates;

/// How long whoever tries a new version may go on with it.
const UPDATES_MAX: Duration = Duration::from_secs(2);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Everything that runs.
pub struct Parts {
    /// New versions of plugins.
    pub updates: (Updates, Thread<()>),
    /// Tells receivers and exporters to stop.
    pub stopping: watch::Sender<bool>,
    /// Receivers.
    pub accepting: Vec<JoinHandle<()>>,
    /// Workers.
    pub workers: Vec<(Handle, Thread<()>)>,
    /// The near ends of the lanes.
    pub lanes: Vec<Lane>,
    /// Their far ends.
    pub lane_tasks: Vec<JoinHandle<()>>,
    /// What exporters serve.
    pub served: Vec<JoinHandle<()>>,
    /// The commit.
    pub committer: Committer,
    /// Its thread.
    pub committing: Thread<()>,
}

/// Answers every request under way, flushes for the last time, stores the result, and lets the lanes run empty.
pub async fn drain(parts: Parts) {
    // Nobody listens any more when this fails.
    let _ = parts.stopping.send(true);
    let (updates, updating) = parts.updates;
    updates.stop();
    parts.lanes.iter().for_each(Lane::stop_blocking);
    finished(parts.accepting).await;
    let (workers, committer, committing) = (parts.workers, parts.committer, parts.committing);
    let stopped = tokio::task::spawn_blocking(move || {
        flush_all(workers.iter().map(|(handle, _)| handle), true);
        for (handle, thread) in workers {
            handle.stop();
            joined(thread);
        }
        joined_in(updating, UPDATES_MAX);
        drop(committer);
        joined(committing);
    });
    finished(vec![stopped]).await;
    parts.lanes.into_iter().for_each(Lane::close);
    finished(parts.lane_tasks).await;
    finished(parts.served).await;
}

/// Waits for the end of a thread that commits nothing, for so long at the most: compiling a plugin cannot be interrupted, and ends with the
/// process.
fn joined_in(thread: Thread<()>, most: Duration) {
    let until = Instant::now() + most;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
    match thread.is_finished() {
        true => joined(thread),
        false => tracing::warn!("a new version of a plugin is still being tried; it is given up"),
    }
}

/// Waits for a thread's end.
pub fn joined(thread: Thread<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread panicked");
    }
}

async fn finished(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task failed");
        }
    }
}
