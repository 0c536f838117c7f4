//! A host with something to lose: it has acknowledged points, and has to show them after whatever happens to it.

use anyhow::{Context, Result};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::payload::{self, Temporality};

const TOTAL: &str = "work_done_batched_total";
const LABELS: [(&str, &str); 1] = [("work_type", "good")];

/// Counts what it has been acknowledged for.
pub struct Survivor<'h, 's> {
    pub host: &'h Host<'s>,
    acknowledged: f64,
}

impl<'h, 's> Survivor<'h, 's> {
    /// With some points acknowledged.
    pub fn new(host: &'h Host<'s>) -> Result<Survivor<'h, 's>> {
        let mut survivor = Survivor { host, acknowledged: 0.0 };
        survivor.goes_on()?;
        Ok(survivor)
    }

    /// It still takes good points, and shows all that it has ever acknowledged.
    pub fn goes_on(&mut self) -> Result<()> {
        self.host.accepts(&payload::work("good", Temporality::Delta, &[1, 2]))?;
        self.acknowledged += 3.0;
        self.has_all()
    }

    /// It shows all that it has ever acknowledged.
    pub fn has_all(&self) -> Result<()> {
        self.host.wait_for(TOTAL, &LABELS, self.acknowledged)
    }

    /// The host's successor shows the same, at the first scrape.
    pub fn is_remembered_by(acknowledged: f64, setup: &Setup) -> Result<()> {
        let shown = setup.start()?.scrape()?.value(TOTAL, &LABELS).context("no total after the restart")?;
        anyhow::ensure!(shown == acknowledged, "{acknowledged} was acknowledged, {shown} is shown after the restart");
        Ok(())
    }

    /// What it was acknowledged for so far.
    pub fn acknowledged(&self) -> f64 {
        self.acknowledged
    }
}

/// A setup with limits that a test can pass without sending 64 MiB.
pub fn limited() -> Configuration {
    let protocols = serde_json::json!({
        "grpc": {"endpoint": "${env:OTELIER_GRPC_ENDPOINT}", "max_recv_msg_size_mib": 1},
        "http": {"endpoint": "${env:OTELIER_HTTP_ENDPOINT}", "max_request_body_size": 1 << 20},
    });
    Configuration::aggregate().set("receivers/otlp/protocols", protocols)
}
