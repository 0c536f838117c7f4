//! What signals do. SIGINT and SIGTERM drain. The others that a service manager or a person sends, and whose default is to end a process at
//! once with everything it holds, are told in the log and change nothing.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Signal as Raw;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::service_manager::ServiceManager;

/// What the first SIGINT or SIGTERM does. While the host starts, nobody has been answered and nothing has to be waited for: it ends the process
/// at once, also as the first process of a container, for which a signal that nobody hears does nothing. Later it is for the host to drain.
pub struct Ending {
    drains: Arc<Mutex<bool>>,
    heard: watch::Receiver<bool>,
}

/// Hears from now on, on a thread of the runtime, whatever the caller is busy with.
pub fn end() -> io::Result<Ending> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (told, heard) = watch::channel(false);
    let drains = Arc::new(Mutex::new(false));
    let has_begun = Arc::clone(&drains);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Kept until the process ends: nobody is answered meanwhile.
        let drains = has_begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !*drains {
            tracing::info!("asked to end while it starts; nothing was taken");
            std::process::exit(0);
        }
        // An error means that nobody waits for it any more.
        let _ = told.send(true);
    });
    Ok(Ending { drains, heard })
}

impl Ending {
    /// From now on senders are answered, and what they were told has to be kept.
    pub fn drains(&self) {
        *self.drains.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Until a signal has come, then or before.
    pub async fn heard(mut self) {
        // An error means that the task is gone, with the runtime.
        let _ = self.heard.wait_for(|heard| *heard).await;
    }
}

/// A Collector reads its configuration again at this one.
const RELOAD: &str = "the configuration is not read again while the collector runs; restart it to use another one";
const NOTHING: &str = "it means nothing here";

/// From now on these are heard and not obeyed, as by a program in Go, which the Collector is. `SIGPIPE` is ignored from the beginning: a
/// write to a pipe that nobody reads any more is an error of that write.
pub fn ignore_others(manager: &ServiceManager) -> io::Result<()> {
    tokio::spawn(reload(signal(SignalKind::hangup())?, manager.clone()));
    for (kind, name, why) in
        [(SignalKind::user_defined1(), "SIGUSR1", NOTHING), (SignalKind::user_defined2(), "SIGUSR2", NOTHING)]
    {
        tokio::spawn(tell(signal(kind)?, name, why));
    }
    // What they say is said otherwise as well: that of `SIGXFSZ`, a file that is too large, by the write that failed.
    for silent in [Raw::ALARM, Raw::VTALARM, Raw::IO, Raw::POWER, Raw::XCPU, Raw::XFSZ] {
        // To be heard by somebody is to be ignored; it stays so when the stream is dropped.
        drop(signal(SignalKind::from_raw(silent.as_raw()))?);
    }
    Ok(())
}

/// A manager that reloads a service waits until it hears that this is done.
async fn reload(mut signal: Signal, manager: ServiceManager) {
    while signal.recv().await.is_some() {
        manager.reload(|| tracing::warn!(signal = "SIGHUP", "ignored: {RELOAD}"));
    }
}

async fn tell(mut signal: Signal, name: &'static str, why: &'static str) {
    while signal.recv().await.is_some() {
        tracing::warn!(signal = name, "ignored: {why}");
    }
}
