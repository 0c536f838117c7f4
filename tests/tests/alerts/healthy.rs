//! A host under load that has no trouble: no alert fires. And the one alert whose fault no host can be made to have.

use anyhow::Result;

use crate::full::Full;
use crate::promtool;

const SCRAPES: usize = 40;

#[test]
fn no_alert_fires_on_a_healthy_host_under_load() -> Result<()> {
    promtool::fires(&Full::new()?.record(SCRAPES)?, &[], &[])
}

/// A host counts a trip as a whole once it is committed, so its ledger balances whatever breaks: only a mistake of the host itself could make
/// it differ, and nothing from outside does. So a real recording is changed here: one side of the ledger stops while items go on.
#[test]
fn a_ledger_of_which_one_side_stops_is_told() -> Result<()> {
    let recording = Full::new()?.record(SCRAPES / 2)?;
    for stopped in [
        "otelcol_processor_incoming_items",
        "otelcol_processor_outgoing_items",
        "otelier_processor_absorbed_items",
        "otelier_processor_dropped_items",
        "otelier_processor_emitted_items",
    ] {
        let mut recording = recording.clone();
        recording.stop(stopped)?;
        promtool::fires(&recording, &["OtelierLedgerOutOfBalance"], &["OtelierLedgerOutOfBalance"])?;
    }
    Ok(())
}
