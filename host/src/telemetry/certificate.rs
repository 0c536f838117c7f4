//! How long certificates still hold: the same gauge for receivers and exporters.

use super::registry::{Kind, Registry};

/// Shows how many seconds the certificate holds that a component shows; `remaining_s` is asked whenever the gauge is shown. `labels` say whose
/// certificate it is.
pub fn show_certificate(
    registry: &Registry,
    labels: &[(&str, &str)],
    remaining_s: impl Fn() -> f64 + Send + Sync + 'static,
) {
    let help = "Seconds until the certificate in use ends.";
    registry.measure("otelier_tls_certificate_remaining_seconds", help, Kind::Gauge, labels, remaining_s);
}
