//! The near end of a worker: what it can be asked, and how requests come to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::contract::{Answer, Batch, Ingest, Refusal, Request};
use crate::processor::{Fork, Marked, Snapshot};
use crate::pulse::Pulse;
use crate::storage::Write;

use super::swap::{Claim, Successors, Swap, Swapped};
use super::trip::RETRY_AFTER;

/// Requests that may wait for a worker.
const REQUESTS_MAX: usize = 1024;
/// Bytes of requests that may wait for a worker.
const REQUEST_BYTES_MAX: usize = 128 << 20;
/// Jobs that may wait: requests, what is left of those that were withdrawn (a few words each), and whatever else a worker is asked.
const JOBS_MAX: usize = 8 * REQUESTS_MAX;
/// How long whoever has time waits for a place in the queue of requests, and how often they look.
const ROOM_WITHIN: Duration = Duration::from_secs(60);
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// What a worker is asked.
pub(super) enum Job {
    /// A batch of one of its sources.
    Request { source: usize, request: Request },
    /// Flush everything now; answered when that is committed.
    Flush { last: bool, done: Sender<()> },
    /// A dead letter goes on from the processor that broke on it.
    Resume(Box<Resumed>),
    /// A new version takes the places of a plugin.
    Swap(Box<Swap>),
    /// The state in that place is marked, for a version that comes to so many.
    Mark { place: usize, among: usize, done: Sender<Option<Marked>> },
    /// The state in that place is forked, for a version that follows it.
    Fork(Box<PlannedFork>),
    /// The new version for these places is not wanted any more.
    Withdraw { places: Vec<usize> },
    /// End, after everything before it.
    Stop,
}

/// A batch that enters a pipeline in the middle.
pub(super) struct Resumed {
    /// Which of the worker's slots.
    pub place: usize,
    /// The batch.
    pub batch: Batch,
    /// Committed with it.
    pub writes: Vec<Write>,
    /// Who wants to know.
    pub answer: oneshot::Sender<Answer>,
}

/// A version that wants to follow the instance in a place, from between two of its flushes on.
pub(super) struct PlannedFork {
    /// Which of the worker's slots.
    pub place: usize,
    /// What was read since the mark.
    pub snapshot: Snapshot,
    /// Who wants to know.
    pub done: Sender<Option<Fork>>,
}

/// The near end of a worker. It ends when it is told to, or when all of them are gone.
#[derive(Clone)]
pub struct Handle {
    sender: SyncSender<Job>,
    waiting: Arc<WaitingRoom>,
    pulse: Pulse,
}

/// How many requests wait for a worker, and how large they are together.
#[derive(Debug, Default)]
struct WaitingRoom {
    requests: AtomicUsize,
    bytes: AtomicUsize,
}

/// One request's place there, until it is taken or withdrawn.
struct WaitingPlace {
    room: Arc<WaitingRoom>,
    bytes: usize,
}

impl WaitingRoom {
    /// A place for a request of that size, if there is one. It is let in whatever its size when nothing else waits.
    fn enter(self: &Arc<Self>, bytes: usize) -> Option<WaitingPlace> {
        let requests = self.requests.fetch_add(1, Ordering::Relaxed);
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let place = WaitingPlace { room: Arc::clone(self), bytes };
        let fits = requests < REQUESTS_MAX && (waiting == 0 || waiting.saturating_add(bytes) <= REQUEST_BYTES_MAX);
        fits.then_some(place)
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.room.requests.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The queue of requests had no place for a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

/// What one receiver's requests of one signal enter: a worker, and the pipelines behind that door.
#[derive(Clone)]
pub struct Entrance {
    handle: Handle,
    source: usize,
}

impl Handle {
    /// A near end, and the far one.
    pub(super) fn new() -> (Handle, Receiver<Job>) {
        let (sender, receiver) = sync_channel(JOBS_MAX);
        (Handle { sender, waiting: Arc::default(), pulse: Pulse::default() }, receiver)
    }

    /// Whether the worker's thread gets on.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// The door of a source.
    pub fn entrance(&self, source: usize) -> Entrance {
        Entrance { handle: self.clone(), source }
    }

    /// Begins to flush every processor. What is returned gets a message when the result is committed, and is closed at once where the
    /// worker is gone.
    fn flush(&self, last: bool) -> Receiver<()> {
        self.ask(|done| Job::Flush { last, done })
    }

    /// What is returned hears the answer, and is closed where the worker is gone.
    fn ask<T>(&self, job: impl FnOnce(Sender<T>) -> Job) -> Receiver<T> {
        let (done, wait) = std::sync::mpsc::channel();
        // An error closes the other end.
        let _ = self.sender.send(job(done));
        wait
    }

    /// The same for whoever can do without: the queue of requests may be full for as long as the worker waits for a lane.
    fn ask_in_time<T>(&self, job: impl FnOnce(Sender<T>) -> Job) -> Result<Receiver<T>, Crowded> {
        let (done, wait) = std::sync::mpsc::channel();
        let (mut job, give_up) = (job(done), Instant::now() + ROOM_WITHIN);
        loop {
            match self.sender.try_send(job) {
                Err(TrySendError::Full(refused)) if Instant::now() < give_up => job = refused,
                Err(TrySendError::Full(_)) => return Err(Crowded),
                // An error closes the other end.
                Ok(()) | Err(TrySendError::Disconnected(_)) => return Ok(wait),
            }
            std::thread::sleep(ROOM_PAUSE);
        }
    }

    /// Replaces processors of the worker between two batches, if the claim is not taken before: all of them or none. The receiver hears how
    /// that went, or is closed where the worker ends before.
    pub fn swap(&self, successors: Successors, claim: &Claim) -> Result<Receiver<Swapped>, Crowded> {
        self.ask_in_time(|done| Job::Swap(Box::new(Swap { successors, claim: claim.clone(), done })))
    }

    /// Forks the state in that place of the worker, as soon as no flush is under way there. The receiver hears `None` where that cannot be.
    pub fn fork(&self, place: usize, snapshot: Snapshot) -> Result<Receiver<Option<Fork>>, Crowded> {
        self.ask_in_time(|done| Job::Fork(Box::new(PlannedFork { place, snapshot, done })))
    }

    /// Marks the state in that place of the worker, for a version that comes to so many places. The receiver hears `None` where no instance is
    /// that keeps any.
    pub fn mark(&self, place: usize, among: usize) -> Result<Receiver<Option<Marked>>, Crowded> {
        self.ask_in_time(|done| Job::Mark { place, among, done })
    }

    /// Forgets what was kept in these places for a new version that does not come there. Where the queue has no place for that, it is forgotten
    /// once it is as much as is kept.
    pub fn withdraw(&self, places: Vec<usize>) {
        // An error means that the worker ends.
        let _ = self.sender.try_send(Job::Withdraw { places });
    }

    /// Sends a batch through the processor in that place of the worker, and onwards; `writes` are committed with it. Answered after the
    /// commit, and refused whole where the processor breaks on it or a lane has no room.
    pub fn resume(&self, place: usize, batch: Batch, writes: Vec<Write>) -> oneshot::Receiver<Answer> {
        let (answer, wait) = oneshot::channel();
        // An error closes the other end.
        let _ = self.sender.send(Job::Resume(Box::new(Resumed { place, batch, writes, answer })));
        wait
    }

    /// Ends the worker; requests that come later are refused.
    pub fn stop(&self) {
        // An error means that it has ended.
        let _ = self.sender.send(Job::Stop);
    }
}

/// Flushes all workers and waits until the result is committed. At the same time: each has its own bound on how long that takes.
pub fn flush_all<'w>(workers: impl Iterator<Item = &'w Handle>, last: bool) {
    let flushing: Vec<Receiver<()>> = workers.map(|worker| worker.flush(last)).collect();
    for flushed in flushing {
        // An error means that the worker is gone.
        let _ = flushed.recv();
    }
}

impl Ingest for Entrance {
    fn submit(&self, request: Request) {
        // Withdrawn already.
        let Some(size) = request.batch().map(|batch| batch.bytes.len()) else { return };
        let refuse = |reason: &str| {
            request.refuse(Refusal::Unavailable { reason: reason.to_owned(), retry_after: RETRY_AFTER });
        };
        let Some(place) = self.handle.waiting.enter(size) else { return refuse(CROWDED) };
        request.keep(place);
        match self.handle.sender.try_send(Job::Request { source: self.source, request: request.clone() }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => refuse(CROWDED),
            Err(TrySendError::Disconnected(_)) => refuse("the process is shutting down"),
        }
    }
}

const CROWDED: &str = "the queue of requests is full";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::contract::{InvalidUtf8, Metadata, Signal, Submitted};

    fn submit(entrance: &Entrance, bytes: &Bytes) -> Submitted {
        let (signal, bytes) = (Signal::Logs, bytes.clone());
        let batch =
            Batch { signal, bytes, items: None, invalid_utf8: InvalidUtf8::Reject, metadata: Metadata::default() };
        let (request, submitted) = Request::new(batch);
        entrance.submit(request);
        submitted
    }

    fn is_refused(submitted: Submitted) -> bool {
        submitted.withdraw().is_some_and(|mut answer| matches!(answer.try_recv(), Ok(Err(Refusal::Unavailable { .. }))))
    }

    #[test]
    fn requests_that_were_withdrawn_leave_their_places_to_others() {
        let (handle, _jobs) = Handle::new();
        let (entrance, small) = (handle.entrance(0), Bytes::from_static(b"small"));
        let waiting: Vec<Submitted> = (0..REQUESTS_MAX).map(|_| submit(&entrance, &small)).collect();
        assert!(is_refused(submit(&entrance, &small)), "one more than there are places");
        drop(waiting);
        let waiting: Vec<Submitted> = (0..REQUESTS_MAX).map(|_| submit(&entrance, &small)).collect();
        assert!(is_refused(submit(&entrance, &small)), "and again");
        assert!(waiting.into_iter().all(|request| request.withdraw().is_none()), "nobody has taken any");
    }

    #[test]
    fn bytes_that_wait_are_bounded_and_given_back_with_a_withdrawal() {
        let (handle, _jobs) = Handle::new();
        let (entrance, large) = (handle.entrance(0), Bytes::from(vec![0; REQUEST_BYTES_MAX]));
        let first = submit(&entrance, &large);
        assert!(is_refused(submit(&entrance, &Bytes::from_static(b"small"))), "no byte more");
        drop(first);
        assert!(submit(&entrance, &large).withdraw().is_none());
    }
}
