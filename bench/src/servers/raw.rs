//! The limit: an HTTP/2 server that reads, counts and forgets.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use h2::RecvStream;

use super::http2::{self, Service};

/// Bytes received.
#[derive(Default)]
struct Raw(AtomicI64);

impl Service for Raw {
    async fn receive(&self, mut body: RecvStream) -> Result<()> {
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            self.0.fetch_add(i64::try_from(data.len())?, Ordering::Relaxed);
        }
        Ok(())
    }

    fn total(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves until standard input closes.
pub fn run() -> Result<()> {
    http2::run(Raw::default())
}
