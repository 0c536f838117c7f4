//! Whether state can be written again. While it cannot, `/readyz` keeps requests away, and with them what would find out that the disk
//! works again: so a write is tried now and then, on the way that trips take.

use std::time::Duration;

use crate::contract::{Health, STORE};
use crate::pipeline::committer::{Committer, Generation, Trip};
use crate::storage::QueueStore;

/// Between two tries.
const INTERVAL: Duration = Duration::from_secs(2);

/// What a request may need at least: where less fits, the disk is full.
const BYTES: usize = 64 << 10;

/// No pipeline's worker has it.
const WORKER: usize = usize::MAX;

/// Tries for as long as it is polled. The committer says what comes of it to `health`.
pub async fn probe(health: Health, committer: Committer) {
    let mut generation = Generation::new(WORKER);
    loop {
        tokio::time::sleep(INTERVAL).await;
        if health.trouble(STORE).is_none() {
            continue;
        }
        if generation.is_spoilt() {
            generation.renew();
        }
        let (committer, trip) = (committer.clone(), trip(generation.clone()));
        // It fails to join only when the runtime is being shut down.
        let _ = tokio::task::spawn_blocking(move || committer.commit(trip)).await;
    }
}

/// Written, synced, and gone in the same commit.
fn trip(generation: Generation) -> Trip {
    Trip::of_writes(generation, 0, QueueStore::probe(BYTES).into())
}
