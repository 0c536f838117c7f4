//! Calls of a running instance, on their way to an instance that follows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::clock::Moment;
use crate::contract::Batch;
use crate::otlp::columns::Bitmap;

use super::processed::Processed;

/// Bytes of batches that a follower may be behind; of several that are to take over together, each by its share.
const BEHIND_BYTES_MAX: usize = 64 << 20;
/// What a recorded call takes beside its batch.
const CALL_BYTES: usize = 256;

/// A call that counted.
pub(super) enum Call {
    Process { batch: Batch, moment: Moment, came_of_it: Outcome },
    Flush { moment: Moment, last: bool, came_of_it: Outcome },
}

/// What has to come of a call at a follower as well: the items are where the running version put them.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    dropped: Bitmap,
    absorbed: Bitmap,
    emitted: u64,
    more: bool,
}

impl Outcome {
    fn of(processed: &Processed) -> Outcome {
        let (dropped, absorbed) = processed.rows.clone().unwrap_or_default();
        Outcome { dropped, absorbed, emitted: processed.emitted, more: processed.more }
    }

    pub fn is_that_of(&self, processed: &Processed) -> bool {
        let Outcome { dropped, absorbed, emitted, more } = Outcome::of(processed);
        let same_rows = self.dropped.is_like(&dropped) && self.absorbed.is_like(&absorbed);
        same_rows && (self.emitted, self.more) == (emitted, more)
    }
}

impl Call {
    pub fn bytes(&self) -> usize {
        match self {
            Call::Process { batch, .. } => CALL_BYTES + batch.bytes.len(),
            Call::Flush { .. } => CALL_BYTES,
        }
    }
}

/// The end of a followed instance.
pub(super) struct Recorder {
    calls: Sender<Call>,
    /// Bytes of calls that the follower has not made yet.
    behind: Arc<AtomicUsize>,
    behind_max: usize,
}

impl Recorder {
    /// For a follower that takes over together with others, so many in all; and its end.
    pub fn new(among: usize) -> (Recorder, Recorded) {
        let ((sender, calls), behind) = (channel(), Arc::<AtomicUsize>::default());
        let recorder = Recorder { calls: sender, behind: Arc::clone(&behind), behind_max: BEHIND_BYTES_MAX / among };
        (recorder, Recorded { calls, behind })
    }

    pub fn process(&self, batch: Batch, moment: Moment, processed: &Processed) -> bool {
        self.record(Call::Process { batch, moment, came_of_it: Outcome::of(processed) })
    }

    pub fn flush(&self, moment: Moment, last: bool, processed: &Processed) -> bool {
        self.record(Call::Flush { moment, last, came_of_it: Outcome::of(processed) })
    }

    /// False when nobody follows any more, or too far behind.
    fn record(&self, call: Call) -> bool {
        let bytes = call.bytes();
        self.behind.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.behind_max && self.calls.send(call).is_ok()
    }
}

/// The follower's end.
pub(super) struct Recorded {
    /// In the order in which they were made.
    pub calls: Receiver<Call>,
    behind: Arc<AtomicUsize>,
}

impl Recorded {
    /// A call of so many bytes was made here too.
    pub fn made(&self, bytes: usize) {
        self.behind.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether every call that is recorded was.
    pub fn is_all_made(&self) -> bool {
        self.behind.load(Ordering::Relaxed) == 0
    }
}
