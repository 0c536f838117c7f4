//! Log requests.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::attributes::{any_value, attributes, count, id, resource, scope, text};
use super::{items, several, time};

/// A request with bodies of every type.
pub fn request(rng: &mut Rng) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest { resource_logs: several(rng, 3, resource_logs) }
}

fn resource_logs(rng: &mut Rng) -> ResourceLogs {
    ResourceLogs { resource: resource(rng), scope_logs: several(rng, 2, scope_logs), schema_url: text(rng) }
}

fn scope_logs(rng: &mut Rng) -> ScopeLogs {
    ScopeLogs { scope: scope(rng), log_records: items(rng, log_record), schema_url: text(rng) }
}

fn log_record(rng: &mut Rng) -> LogRecord {
    LogRecord {
        time_unix_nano: time(rng),
        observed_time_unix_nano: time(rng),
        severity_number: rng.i32(-1..26),
        severity_text: text(rng),
        body: rng.bool().then(|| any_value(rng, 4)),
        attributes: attributes(rng),
        dropped_attributes_count: count(rng),
        flags: count(rng),
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        event_name: text(rng),
    }
}
