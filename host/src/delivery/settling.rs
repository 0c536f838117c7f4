//! Writing what became of dispatches: those that end at the same time share a commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dispatch::STORE_PAUSE;
use super::metrics::failed_writes;
use crate::contract::ComponentId;
use crate::storage::{QueueStore, StoreError, Write};
use crate::telemetry::{Counter, Registry};

/// The commits of one lane, one at a time.
pub struct Settling {
    exporter: ComponentId,
    store: QueueStore,
    failed: Counter,
    waiting: Mutex<Waiting>,
    turn: tokio::sync::Mutex<()>,
}

/// What nobody has begun to write.
#[derive(Default)]
struct Waiting {
    writes: Vec<Write>,
    sync: bool,
    /// How many have come, ever.
    come: u64,
    /// How many of them are settled.
    settled: u64,
}

impl Settling {
    /// For a lane that keeps its queue in that store.
    pub fn new(exporter: ComponentId, store: QueueStore, registry: &Registry) -> Settling {
        let failed = failed_writes("delivery", registry);
        Settling { exporter, store, failed, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when these changes are written. Tries until they are, or until `out_of_time` resolves: on a full disk there is room again
    /// some time, and until then the entries take their place in the queue. Not synced where only deliveries are told: after a power
    /// cut some may be there again, and are sent once more.
    pub async fn write(&self, writes: Vec<Write>, sync: bool, out_of_time: impl Future<Output = ()>) {
        if writes.is_empty() {
            return;
        }
        let mine = {
            let mut waiting = self.waiting();
            waiting.writes.extend(writes);
            waiting.sync |= sync;
            waiting.come += 1;
            waiting.come
        };
        let _turn = self.turn.lock().await;
        let (writes, sync, last) = {
            let mut waiting = self.waiting();
            if waiting.settled >= mine {
                return;
            }
            (std::mem::take(&mut waiting.writes), std::mem::take(&mut waiting.sync), waiting.come)
        };
        tokio::select! {
            () = self.commit(writes.into(), sync) => {}
            () = out_of_time => {
                tracing::error!(exporter = %self.exporter, "what became of batches could not be written: what is on disk is sent again after the next start, a dead letter of a queue in memory is lost");
            }
        }
        self.waiting().settled = last;
    }

    async fn commit(&self, writes: Arc<[Write]>, sync: bool) {
        while let Err(error) = self.try_commit(&writes, sync).await {
            self.failed.add(1);
            tracing::warn!(exporter = %self.exporter, %error, "what became of batches cannot be written; trying again");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn try_commit(&self, writes: &Arc<[Write]>, sync: bool) -> Result<(), StoreError> {
        let (store, writes) = (self.store.clone(), Arc::clone(writes));
        match tokio::task::spawn_blocking(move || store.commit(writes.iter(), sync)).await {
            Ok(written) => written,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
