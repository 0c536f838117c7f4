#!/usr/bin/env python3
"""Prints a protobuf request in OTLP's JSON: `to_json.py metrics|traces|logs FILE`.

OTLP's JSON is protobuf's, but for enums, which are numbers, and the ids of traces and spans, which are hexadecimal.
"""

import base64
import json
import sys
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {"metrics": ExportMetricsServiceRequest, "traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
IDS = {"traceId", "spanId", "parentSpanId"}


def with_hexadecimal_ids(value):
    if isinstance(value, list):
        return [with_hexadecimal_ids(item) for item in value]
    if isinstance(value, dict):
        return {key: base64.b64decode(item).hex() if key in IDS else with_hexadecimal_ids(item) for key, item in value.items()}
    return value


signal, path = sys.argv[1:]
request = REQUESTS[signal].FromString(Path(path).read_bytes())
print(json.dumps(with_hexadecimal_ids(MessageToDict(request, use_integers_for_enums=True)), ensure_ascii=False))
