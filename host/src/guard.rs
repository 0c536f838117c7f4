//! A thread whose end is the end of the process.

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
