//! Certificates that are about to expire: a receiver's, and an exporter's.

use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::certificates::{Certificates, Security};
use otelier_tests::host::{Configuration, Setup};
use serde_json::json;

use crate::recording::Recording;
use crate::{promtool, until};

const ALERT: &str = "OtelierCertificateExpires";
const DAY: Duration = Duration::from_secs(86_400);
const REMAINING: &str = "otelier_tls_certificate_remaining_seconds";

#[test]
fn a_receivers_certificate_is_told_until_another_is_in_use() -> Result<()> {
    let config = Configuration::default().pipeline("logs", &[], &["debug"]);
    let setup = Setup::without_plugins(&config)?;
    let certificates = Certificates::ending_in(&[setup.endpoints.http], 3 * DAY)?;
    let mut tls = Security::Tls(&certificates).server().unwrap_or_default();
    tls["reload_interval"] = json!("1ms");
    setup.reconfigure(&config.set("receivers/otlp/protocols/http/tls", tls))?;
    let (host, mut recording) = (setup.start()?, Recording::default());
    recording.add(&host, 13, || Ok(()))?;
    promtool::fires(&recording, &[ALERT], &[ALERT])?;
    let own = host.own_metrics()?;
    let remaining = own.value(REMAINING, &[("receiver", "otlp"), ("transport", "http")]).unwrap_or_default();
    ensure!(remaining <= 3.0 * 86_400.0 && remaining > 3.0 * 86_400.0 - 600.0, "{remaining} s");
    certificates.renew(&Certificates::ending_in(&[setup.endpoints.http], 300 * DAY)?)?;
    // Files are looked at when somebody connects.
    until(&host, REMAINING, |remaining| {
        let _ = otelier_tests::http::get(setup.endpoints.http, "/", &[]);
        remaining > 299.0 * 86_400.0
    })?;
    recording.add(&host, 1, || Ok(()))?;
    promtool::fires(&recording, &[ALERT], &[])
}

#[test]
fn an_exporters_certificate_is_told_and_one_that_holds_is_not() -> Result<()> {
    for (days, fires) in [(13, &[ALERT][..]), (15, &[])] {
        let config = Configuration::default().pipeline("logs", &[], &["otlp"]);
        let setup = Setup::without_plugins(&config)?;
        let destination = setup.endpoints.spare;
        let certificates = Certificates::ending_in(&[destination], days * DAY)?;
        let tls = Security::Mutual(&certificates).client();
        setup.reconfigure(&config.set("exporters/otlp", json!({"endpoint": destination, "tls": tls})))?;
        let (host, mut recording) = (setup.start()?, Recording::default());
        ensure!(host.own_metrics()?.value(REMAINING, &[("exporter", "otlp")]).is_some(), "not shown");
        recording.add(&host, 13, || Ok(()))?;
        promtool::fires(&recording, fires, fires)?;
    }
    Ok(())
}
