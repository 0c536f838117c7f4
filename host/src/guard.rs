//! When the process must end: a thread is gone that it cannot do without, or nobody can say what the disk holds.

use std::time::Duration;

/// The exit status of a process that does not know whether its last write counts: EX_IOERR of sysexits.h.
pub const EXIT_IN_DOUBT: i32 = 74;

/// How long ending the process may take.
const EXIT_WITHIN: Duration = Duration::from_secs(2);

/// Ends the process when the thread or the task that holds it panics. A worker or the commit that is gone would leave receivers that
/// refuse everything for ever, a consumer that is gone would let its batch be forgotten; a supervisor's restart goes on from what is committed.
pub struct EndWithProcess;

impl Drop for EndWithProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            tracing::error!(thread = thread.name(), "a thread that must not end panicked; this is a bug in otelier");
            std::process::abort();
        }
    }
}

/// Ends the process at once: no answer is sent, connections are cut, and senders know as little as we do. The next start reads from the disk
/// what counts.
pub fn end_in_doubt(error: &dyn std::error::Error) -> ! {
    tracing::error!("{error}");
    // RocksDB waits for its threads when the process exits, and one of them may hang at the same disk.
    std::thread::spawn(|| {
        std::thread::sleep(EXIT_WITHIN);
        std::process::abort();
    });
    std::process::exit(EXIT_IN_DOUBT)
}
