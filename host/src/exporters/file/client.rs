//! The lane's end: hands each batch to the thread that writes, and waits for its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::config::{Config, Fsync};
use super::frame::Encoder;
use super::output::Opening;
use super::outputs::{Outputs, Settings};
use super::writer::{Job, Writer};
use crate::contract::{Batch, Client, ComponentId, FailureClass, Outcome};
use crate::net::{Paced, failed};
use crate::telemetry::{Counter, Registry};

/// The client behind one `file` exporter.
pub struct FileClient {
    id: ComponentId,
    config: Config,
    synced: Counter,
    mended: Counter,
    thread: Mutex<Option<Thread>>,
}

/// So many batches wait for the thread; more are tried again later, where they are.
const JOBS_MAX: usize = 64;

/// The thread that writes.
struct Thread {
    jobs: SyncSender<Job>,
    /// Says when the thread has ended.
    ended: Receiver<()>,
}

const MENDED_HELP: &str = "Files whose last message was not whole, and was cut off.";

/// How long the last sync may take when the process ends: a disk that hangs must not keep it.
const END_WITHIN: Duration = Duration::from_secs(5);

impl FileClient {
    /// A client that has opened nothing yet.
    pub fn new(id: &ComponentId, config: Config, registry: &Registry) -> FileClient {
        let exporter = id.to_string();
        let labels = [("exporter", exporter.as_str())];
        let synced = registry.counter("otelier_exporter_file_syncs", "Files that were synced to the disk.", &labels);
        let mended = registry.counter("otelier_exporter_file_mended", MENDED_HELP, &labels);
        FileClient { id: id.clone(), config, synced, mended, thread: Mutex::default() }
    }

    fn writer(&self) -> Writer {
        let Config { path, append, rotation, format, zstd, fsync, flush_interval, .. } = &self.config;
        let encoder = Encoder::new(*format, *zstd);
        let opening = Opening {
            framing: encoder.framing(),
            directory_mode: self.config.directory_mode,
            sync_names: *fsync == Fsync::Always,
        };
        let outputs = Outputs::new(Settings {
            append: *append,
            rotation: rotation.clone(),
            open_max: self.config.max_open_files,
            opening,
            syncs: *fsync != Fsync::Never,
            synced: self.synced.clone(),
            mended: self.mended.clone(),
        });
        Writer {
            outputs,
            encoder,
            path: path.clone(),
            grouping: self.config.grouping.clone(),
            fsync: *fsync,
            flush_interval: *flush_interval,
            exporter: self.id.to_string(),
            told: Paced::default(),
        }
    }

    /// Hands a job over. The thread begins with the first one.
    fn hand_over(&self, job: Job) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match thread.take() {
            Some(running) => running,
            None => self.spawn()?,
        };
        match running.jobs.try_send(job) {
            Ok(()) => *thread = Some(running),
            Err(TrySendError::Full(_)) => {
                *thread = Some(running);
                return Err(std::io::Error::other("the disk is behind: earlier batches are still being written"));
            }
            // The next job gets a new one.
            Err(TrySendError::Disconnected(_)) => {
                return Err(std::io::Error::other("the thread that writes has ended"));
            }
        }
        Ok(())
    }

    fn spawn(&self) -> std::io::Result<Thread> {
        let (jobs, taken) = mpsc::sync_channel(JOBS_MAX);
        let (ending, ended) = mpsc::channel::<()>();
        let writer = self.writer();
        thread::Builder::new().name(self.id.to_string()).spawn(move || {
            writer.run(&taken);
            drop(ending);
        })?;
        Ok(Thread { jobs, ended })
    }

    async fn written(&self, batch: &Batch) -> Outcome {
        let (answer, answered) = oneshot::channel();
        if let Err(error) = self.hand_over(Job::Write { batch: batch.clone(), answer }) {
            return failed(FailureClass::Unavailable, error.to_string());
        }
        let ended = || failed(FailureClass::Broken, "the thread that writes has ended".to_owned());
        answered.await.unwrap_or_else(|_| ended())
    }
}

impl Client for FileClient {
    fn begin(&self) {
        if let Err(error) = self.hand_over(Job::Begin) {
            tracing::warn!(exporter = %self.id, %error, "cannot begin to write; it is tried again with the first batch");
        }
    }

    fn send<'c>(&'c self, batch: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(self.written(batch))
    }

    fn destination(&self) -> String {
        format!("file:{}", self.config.path.display())
    }
}

impl Drop for FileClient {
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Thread { jobs, ended }) = thread {
            drop(jobs);
            // It ends without a word, or not in time.
            let _ = ended.recv_timeout(END_WITHIN);
        }
    }
}
