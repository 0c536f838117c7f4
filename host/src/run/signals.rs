//! What signals do. SIGINT and SIGTERM drain. The others that a service manager or a person sends, and whose default is to end a process at
//! once with everything it holds, are told in the log and change nothing.

use std::io;

use rustix::process::Signal as Raw;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ends with the first SIGINT or SIGTERM from now on, whether it is waited for by then or not.
pub fn end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A Collector reads its configuration again at this one.
const RELOAD: &str = "the configuration is not read again while the collector runs; restart it to use another one";
const NOTHING: &str = "it means nothing here";

/// From now on these are heard and not obeyed, as by a program in Go, which the Collector is. `SIGPIPE` is ignored from the beginning: a
/// write to a pipe that nobody reads any more is an error of that write.
pub fn ignore_others() -> io::Result<()> {
    for (kind, name, why) in [
        (SignalKind::hangup(), "SIGHUP", RELOAD),
        (SignalKind::user_defined1(), "SIGUSR1", NOTHING),
        (SignalKind::user_defined2(), "SIGUSR2", NOTHING),
    ] {
        tokio::spawn(tell(signal(kind)?, name, why));
    }
    // What they say is said otherwise as well: that of `SIGXFSZ`, a file that is too large, by the write that failed.
    for silent in [Raw::ALARM, Raw::VTALARM, Raw::IO, Raw::POWER, Raw::XCPU, Raw::XFSZ] {
        // To be heard by somebody is to be ignored; it stays so when the stream is dropped.
        drop(signal(SignalKind::from_raw(silent.as_raw()))?);
    }
    Ok(())
}

async fn tell(mut signal: Signal, name: &'static str, why: &'static str) {
    while signal.recv().await.is_some() {
        tracing::warn!(signal = name, "ignored: {why}");
    }
}
