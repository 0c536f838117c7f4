//! The messages of OTLP 1.x as tables that read like its .proto files: number, name, kind.
//!
//! Fields stand in the order of the .proto files, and one table follows the other in theirs: long, but nothing in it
//! needs to be read together. Every message is a `static`, since some contain themselves. Members of a oneof are plain
//! fields: protobuf readers keep the last one, which is the rule for JSON as well.

use super::descriptor::Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id8, Id16, Int32, Int64, Nested, Sfixed64, Sint32, String, Uint32,
    Uint64,
};
use super::descriptor::{Kind, Message, message, one, repeated};

// opentelemetry/proto/common/v1/common.proto

static ANY_VALUE: Message = message(
    "AnyValue",
    &[
        one(1, "string_value", String),
        one(2, "bool_value", Bool),
        one(3, "int_value", Int64),
        one(4, "double_value", Double),
        one(5, "array_value", Nested(&ARRAY_VALUE)),
        one(6, "kvlist_value", Nested(&KEY_VALUE_LIST)),
        one(7, "bytes_value", Bytes),
        one(8, "string_value_strindex", Int32),
    ],
);

static ARRAY_VALUE: Message = message("ArrayValue", &[repeated(1, "values", Nested(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message = message("KeyValueList", &[repeated(1, "values", Nested(&KEY_VALUE))]);

static KEY_VALUE: Message =
    message("KeyValue", &[one(1, "key", String), one(2, "value", Nested(&ANY_VALUE)), one(3, "key_strindex", Int32)]);

static INSTRUMENTATION_SCOPE: Message = message(
    "InstrumentationScope",
    &[
        one(1, "name", String),
        one(2, "version", String),
        repeated(3, "attributes", Nested(&KEY_VALUE)),
        one(4, "dropped_attributes_count", Uint32),
    ],
);

static ENTITY_REF: Message = message(
    "EntityRef",
    &[
        one(1, "schema_url", String),
        one(2, "type", String),
        repeated(3, "id_keys", String),
        repeated(4, "description_keys", String),
    ],
);

// opentelemetry/proto/resource/v1/resource.proto

static RESOURCE: Message = message(
    "Resource",
    &[
        repeated(1, "attributes", Nested(&KEY_VALUE)),
        one(2, "dropped_attributes_count", Uint32),
        repeated(3, "entity_refs", Nested(&ENTITY_REF)),
    ],
);

// opentelemetry/proto/metrics/v1/metrics.proto

static RESOURCE_METRICS: Message = message(
    "ResourceMetrics",
    &[
        one(1, "resource", Nested(&RESOURCE)),
        repeated(2, "scope_metrics", Nested(&SCOPE_METRICS)),
        one(3, "schema_url", String),
        repeated(1000, "instrumentation_library_metrics", Nested(&LIBRARY_METRICS)),
    ],
);

static SCOPE_METRICS: Message = message(
    "ScopeMetrics",
    &[
        one(1, "scope", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "metrics", Nested(&METRIC)),
        one(3, "schema_url", String),
    ],
);

/// What senders older than OTLP 0.15 have in the place of `ScopeMetrics`.
static LIBRARY_METRICS: Message = message(
    "InstrumentationLibraryMetrics",
    &[
        one(1, "instrumentation_library", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "metrics", Nested(&METRIC)),
        one(3, "schema_url", String),
    ],
);

static METRIC: Message = message(
    "Metric",
    &[
        one(1, "name", String),
        one(2, "description", String),
        one(3, "unit", String),
        one(5, "gauge", Nested(&GAUGE)),
        one(7, "sum", Nested(&SUM)),
        one(9, "histogram", Nested(&HISTOGRAM)),
        one(10, "exponential_histogram", Nested(&EXPONENTIAL_HISTOGRAM)),
        one(11, "summary", Nested(&SUMMARY)),
        repeated(12, "metadata", Nested(&KEY_VALUE)),
    ],
);

static GAUGE: Message = message("Gauge", &[repeated(1, "data_points", Nested(&NUMBER_DATA_POINT))]);

static SUM: Message = message(
    "Sum",
    &[
        repeated(1, "data_points", Nested(&NUMBER_DATA_POINT)),
        one(2, "aggregation_temporality", AGGREGATION_TEMPORALITY),
        one(3, "is_monotonic", Bool),
    ],
);

static HISTOGRAM: Message = message(
    "Histogram",
    &[
        repeated(1, "data_points", Nested(&HISTOGRAM_DATA_POINT)),
        one(2, "aggregation_temporality", AGGREGATION_TEMPORALITY),
    ],
);

static EXPONENTIAL_HISTOGRAM: Message = message(
    "ExponentialHistogram",
    &[
        repeated(1, "data_points", Nested(&EXPONENTIAL_HISTOGRAM_DATA_POINT)),
        one(2, "aggregation_temporality", AGGREGATION_TEMPORALITY),
    ],
);

static SUMMARY: Message = message("Summary", &[repeated(1, "data_points", Nested(&SUMMARY_DATA_POINT))]);

const AGGREGATION_TEMPORALITY: Kind = Enum(&[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
]);

static NUMBER_DATA_POINT: Message = message(
    "NumberDataPoint",
    &[
        repeated(7, "attributes", Nested(&KEY_VALUE)),
        one(2, "start_time_unix_nano", Fixed64),
        one(3, "time_unix_nano", Fixed64),
        one(4, "as_double", Double),
        one(6, "as_int", Sfixed64),
        repeated(5, "exemplars", Nested(&EXEMPLAR)),
        one(8, "flags", Uint32),
    ],
);

static HISTOGRAM_DATA_POINT: Message = message(
    "HistogramDataPoint",
    &[
        repeated(9, "attributes", Nested(&KEY_VALUE)),
        one(2, "start_time_unix_nano", Fixed64),
        one(3, "time_unix_nano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        repeated(6, "bucket_counts", Fixed64),
        repeated(7, "explicit_bounds", Double),
        repeated(8, "exemplars", Nested(&EXEMPLAR)),
        one(10, "flags", Uint32),
        one(11, "min", Double),
        one(12, "max", Double),
    ],
);

static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = message(
    "ExponentialHistogramDataPoint",
    &[
        repeated(1, "attributes", Nested(&KEY_VALUE)),
        one(2, "start_time_unix_nano", Fixed64),
        one(3, "time_unix_nano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        one(6, "scale", Sint32),
        one(7, "zero_count", Fixed64),
        one(8, "positive", Nested(&BUCKETS)),
        one(9, "negative", Nested(&BUCKETS)),
        one(10, "flags", Uint32),
        repeated(11, "exemplars", Nested(&EXEMPLAR)),
        one(12, "min", Double),
        one(13, "max", Double),
        one(14, "zero_threshold", Double),
    ],
);

static BUCKETS: Message = message("Buckets", &[one(1, "offset", Sint32), repeated(2, "bucket_counts", Uint64)]);

static SUMMARY_DATA_POINT: Message = message(
    "SummaryDataPoint",
    &[
        repeated(7, "attributes", Nested(&KEY_VALUE)),
        one(2, "start_time_unix_nano", Fixed64),
        one(3, "time_unix_nano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        repeated(6, "quantile_values", Nested(&VALUE_AT_QUANTILE)),
        one(8, "flags", Uint32),
    ],
);

static VALUE_AT_QUANTILE: Message = message("ValueAtQuantile", &[one(1, "quantile", Double), one(2, "value", Double)]);

static EXEMPLAR: Message = message(
    "Exemplar",
    &[
        repeated(7, "filtered_attributes", Nested(&KEY_VALUE)),
        one(2, "time_unix_nano", Fixed64),
        one(3, "as_double", Double),
        one(6, "as_int", Sfixed64),
        one(4, "span_id", Id8),
        one(5, "trace_id", Id16),
    ],
);

// opentelemetry/proto/trace/v1/trace.proto

static RESOURCE_SPANS: Message = message(
    "ResourceSpans",
    &[
        one(1, "resource", Nested(&RESOURCE)),
        repeated(2, "scope_spans", Nested(&SCOPE_SPANS)),
        one(3, "schema_url", String),
        repeated(1000, "instrumentation_library_spans", Nested(&LIBRARY_SPANS)),
    ],
);

static SCOPE_SPANS: Message = message(
    "ScopeSpans",
    &[
        one(1, "scope", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "spans", Nested(&SPAN)),
        one(3, "schema_url", String),
    ],
);

/// What senders older than OTLP 0.15 have in the place of `ScopeSpans`.
static LIBRARY_SPANS: Message = message(
    "InstrumentationLibrarySpans",
    &[
        one(1, "instrumentation_library", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "spans", Nested(&SPAN)),
        one(3, "schema_url", String),
    ],
);

static SPAN: Message = message(
    "Span",
    &[
        one(1, "trace_id", Id16),
        one(2, "span_id", Id8),
        one(3, "trace_state", String),
        one(4, "parent_span_id", Id8),
        one(16, "flags", Fixed32),
        one(5, "name", String),
        one(6, "kind", SPAN_KIND),
        one(7, "start_time_unix_nano", Fixed64),
        one(8, "end_time_unix_nano", Fixed64),
        repeated(9, "attributes", Nested(&KEY_VALUE)),
        one(10, "dropped_attributes_count", Uint32),
        repeated(11, "events", Nested(&EVENT)),
        one(12, "dropped_events_count", Uint32),
        repeated(13, "links", Nested(&LINK)),
        one(14, "dropped_links_count", Uint32),
        one(15, "status", Nested(&STATUS)),
    ],
);

const SPAN_KIND: Kind = Enum(&[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
]);

static EVENT: Message = message(
    "Event",
    &[
        one(1, "time_unix_nano", Fixed64),
        one(2, "name", String),
        repeated(3, "attributes", Nested(&KEY_VALUE)),
        one(4, "dropped_attributes_count", Uint32),
    ],
);

static LINK: Message = message(
    "Link",
    &[
        one(1, "trace_id", Id16),
        one(2, "span_id", Id8),
        one(3, "trace_state", String),
        repeated(4, "attributes", Nested(&KEY_VALUE)),
        one(5, "dropped_attributes_count", Uint32),
        one(6, "flags", Fixed32),
    ],
);

static STATUS: Message = message("Status", &[one(2, "message", String), one(3, "code", STATUS_CODE)]);

const STATUS_CODE: Kind = Enum(&[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)]);

// opentelemetry/proto/logs/v1/logs.proto

static RESOURCE_LOGS: Message = message(
    "ResourceLogs",
    &[
        one(1, "resource", Nested(&RESOURCE)),
        repeated(2, "scope_logs", Nested(&SCOPE_LOGS)),
        one(3, "schema_url", String),
        repeated(1000, "instrumentation_library_logs", Nested(&LIBRARY_LOGS)),
    ],
);

static SCOPE_LOGS: Message = message(
    "ScopeLogs",
    &[
        one(1, "scope", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "log_records", Nested(&LOG_RECORD)),
        one(3, "schema_url", String),
    ],
);

/// What senders older than OTLP 0.15 have in the place of `ScopeLogs`.
static LIBRARY_LOGS: Message = message(
    "InstrumentationLibraryLogs",
    &[
        one(1, "instrumentation_library", Nested(&INSTRUMENTATION_SCOPE)),
        repeated(2, "log_records", Nested(&LOG_RECORD)),
        one(3, "schema_url", String),
    ],
);

const SEVERITY_NUMBER: Kind = Enum(&[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
]);

static LOG_RECORD: Message = message(
    "LogRecord",
    &[
        one(1, "time_unix_nano", Fixed64),
        one(11, "observed_time_unix_nano", Fixed64),
        one(2, "severity_number", SEVERITY_NUMBER),
        one(3, "severity_text", String),
        one(5, "body", Nested(&ANY_VALUE)),
        repeated(6, "attributes", Nested(&KEY_VALUE)),
        one(7, "dropped_attributes_count", Uint32),
        one(8, "flags", Fixed32),
        one(9, "trace_id", Id16),
        one(10, "span_id", Id8),
        one(12, "event_name", String),
    ],
);

// opentelemetry/proto/collector/metrics/v1/metrics_service.proto

/// `ExportMetricsServiceRequest`.
pub(super) static EXPORT_METRICS_SERVICE_REQUEST: Message =
    message("ExportMetricsServiceRequest", &[repeated(1, "resource_metrics", Nested(&RESOURCE_METRICS))]);

// opentelemetry/proto/collector/trace/v1/trace_service.proto

/// `ExportTraceServiceRequest`.
pub(super) static EXPORT_TRACE_SERVICE_REQUEST: Message =
    message("ExportTraceServiceRequest", &[repeated(1, "resource_spans", Nested(&RESOURCE_SPANS))]);

// opentelemetry/proto/collector/logs/v1/logs_service.proto

/// `ExportLogsServiceRequest`.
pub(super) static EXPORT_LOGS_SERVICE_REQUEST: Message =
    message("ExportLogsServiceRequest", &[repeated(1, "resource_logs", Nested(&RESOURCE_LOGS))]);
