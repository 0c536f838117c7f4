//! Signals, and a standard error that nobody reads any more.

use anyhow::{Result, ensure};
use otelier_tests::grpc;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::wait;

/// What service managers, log rotation and profilers send. Each would end a process at once that does not say otherwise.
#[test]
fn only_two_signals_end_the_process_and_it_drains_then() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let names = ["HUP", "USR1", "USR2", "ALRM", "VTALRM", "IO", "PWR", "XCPU", "XFSZ", "PIPE"];
    for (sent, name) in (1..).zip(names) {
        host.signal(name)?;
        host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
        host.wait_for("work_done_batched_total", &[("work_type", "a")], f64::from(sent))?;
    }
    for (name, why) in [("SIGHUP", "the configuration is not read again"), ("SIGUSR1", ""), ("SIGUSR2", "")] {
        let is_told = |line: &str| line.contains(name) && line.contains("ignored") && line.contains(why);
        wait::until(&format!("{name} is in the log"), || Ok(setup.log().lines().any(is_told).then_some(())))?;
    }
    ensure!(host.terminate()?.success());
    ensure!(setup.log().contains("drained"), "{}", setup.log());
    Ok(())
}

/// A log collector that dies takes no telemetry with it.
#[test]
fn a_host_whose_output_nobody_reads_goes_on() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let mut host = setup.spawn_unheard()?;
    host.wait_until_healthy()?;
    host.signal("HUP")?;
    // Malformed, which is logged.
    ensure!(!host.grpc()?.send(grpc::METRICS, b"\xff").is_acknowledged());
    host.accepts(&payload::work("a", Temporality::Delta, &[1]))?;
    host.wait_for("work_done_batched_total", &[("work_type", "a")], 1.0)?;
    ensure!(host.terminate()?.success());
    Ok(())
}
