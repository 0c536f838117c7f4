//! Log requests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::Writer;

impl Writer<'_> {
    pub fn logs(&mut self, request: &ExportLogsServiceRequest) -> String {
        let members = vec![("resourceLogs", self.list(&request.resource_logs, Writer::resource_logs))];
        self.object(members)
    }

    fn resource_logs(&mut self, resource: &ResourceLogs) -> String {
        let members = vec![
            ("resource", self.resource(&resource.resource)),
            ("scopeLogs", self.list(&resource.scope_logs, Writer::scope_logs)),
            ("schemaUrl", self.string(&resource.schema_url)),
        ];
        self.object(members)
    }

    fn scope_logs(&mut self, scope: &ScopeLogs) -> String {
        let members = vec![
            ("scope", self.scope(&scope.scope)),
            ("logRecords", self.list(&scope.log_records, Writer::record)),
            ("schemaUrl", self.string(&scope.schema_url)),
        ];
        self.object(members)
    }

    fn record(&mut self, record: &LogRecord) -> String {
        let severity = ["SEVERITY_NUMBER_UNSPECIFIED", "SEVERITY_NUMBER_TRACE", "SEVERITY_NUMBER_TRACE2"];
        let members = vec![
            ("timeUnixNano", self.number(record.time_unix_nano)),
            ("observedTimeUnixNano", self.number(record.observed_time_unix_nano)),
            ("severityNumber", self.named(record.severity_number, &severity)),
            ("severityText", self.string(&record.severity_text)),
            ("body", record.body.as_ref().map(|body| self.any_value(body))),
            ("attributes", self.attributes(&record.attributes)),
            ("droppedAttributesCount", self.number(record.dropped_attributes_count)),
            ("flags", self.number(record.flags)),
            ("traceId", self.hex(&record.trace_id)),
            ("spanId", self.hex(&record.span_id)),
            ("eventName", self.string(&record.event_name)),
        ];
        self.object(members)
    }
}
