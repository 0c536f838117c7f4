//! A destination of limited speed: reads each request, and answers so many a second and no more.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Result;
use h2::RecvStream;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http2::{self, Service};

struct Paced {
    each: Duration,
    /// When the next answer is due.
    next: Mutex<Option<Instant>>,
    requests: AtomicI64,
}

impl Service for Paced {
    async fn receive(&self, mut body: RecvStream) -> Result<()> {
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        let due = {
            let mut next = self.next.lock().await;
            let due = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(due + self.each);
            due
        };
        tokio::time::sleep_until(due).await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Serves until standard input closes.
pub fn run(requests_per_s: u32) -> Result<()> {
    let each = Duration::from_secs(1) / requests_per_s.max(1);
    http2::run(Paced { each, next: Mutex::default(), requests: AtomicI64::new(0) })
}
