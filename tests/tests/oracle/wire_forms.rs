//! The varied wire forms mean what the plain ones mean, to the oracle itself.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otelier_tests::generate::{logs, metrics, schema, traces, vary};
use prost::Message;

use crate::seeds;

/// Compared as bytes, because a NaN is not equal to itself.
fn decodes_to<M: Message + Default>(varied: &[u8], plain: &[u8]) {
    let decoded = M::decode(varied).expect("the oracle reads the varied form");
    assert_eq!(decoded.encode_to_vec(), plain, "varied: {varied:02x?}");
}

#[test]
fn a_varied_metrics_request_decodes_to_the_same_structs() {
    seeds::check(1500, |rng| {
        let plain = metrics::request(rng).encode_to_vec();
        decodes_to::<ExportMetricsServiceRequest>(&vary(rng, &schema::METRICS, &plain), &plain);
    });
}

#[test]
fn a_varied_trace_request_decodes_to_the_same_structs() {
    seeds::check(1500, |rng| {
        let plain = traces::request(rng).encode_to_vec();
        decodes_to::<ExportTraceServiceRequest>(&vary(rng, &schema::TRACES, &plain), &plain);
    });
}

#[test]
fn a_varied_logs_request_decodes_to_the_same_structs() {
    seeds::check(1500, |rng| {
        let plain = logs::request(rng).encode_to_vec();
        decodes_to::<ExportLogsServiceRequest>(&vary(rng, &schema::LOGS, &plain), &plain);
    });
}
