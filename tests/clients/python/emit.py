#!/usr/bin/env python3
"""Sends what the OpenTelemetry SDK for Python can make, each request once over gRPC, HTTP/protobuf and HTTP/JSON.

A case is a provider of its own; the name of its instrumentation scope is the case's name, by which the other end tells
requests apart. Before a request is sent, the SDK's own encoder writes what it holds to `--said`, a file a case. Exits 0
only when every request was acknowledged.
"""

import argparse
import math
import sys
from pathlib import Path

from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter as JsonLogs
from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter as JsonMetrics
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonSpans
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

import cases

SCHEMA = "https://opentelemetry.io/schemas/1.30.0"


class Sender:
    """Stands where the SDK expects an exporter; hands each batch to the real ones, one after the other."""

    def __init__(self, case, encode, exporters, said):
        self._case, self._encode, self._exporters, self._said = case, encode, exporters, said
        self.requests = 0
        self.failures = []

    def export(self, batch, *_arguments, **_more):
        self.requests += 1
        (self._said / f"{self._case}.pb").write_bytes(self._encode(batch).SerializeToString())
        for exporter in self._exporters:
            result = exporter.export(batch)
            if result.name != "SUCCESS":
                self.failures.append(type(exporter).__module__)
        return result

    def force_flush(self, *_arguments, **_more):
        return True

    def shutdown(self, *_arguments, **_more):
        for exporter in self._exporters:
            exporter.shutdown()


class MetricSender(Sender, MetricExporter):
    def __init__(self, case, exporters, said, temporality):
        MetricExporter.__init__(self, preferred_temporality=temporality)
        Sender.__init__(self, case, encode_metrics, exporters, said)


class SpanSender(Sender, SpanExporter):
    pass


class LogSender(Sender, LogRecordExporter):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grpc", required=True, metavar="HOST:PORT")
    parser.add_argument("--http", required=True, metavar="HOST:PORT")
    parser.add_argument("--said", required=True, metavar="DIR", type=Path)
    arguments = parser.parse_args()
    senders = [*metrics(arguments), *traces(arguments), *logs(arguments)]
    wrong = [f"{sender._case}: {sender.requests} request(s), refused: {sender.failures}"
             for sender in senders if sender.requests != 1 or sender.failures]
    for line in wrong:
        print(f"emit.py: {line}", file=sys.stderr)
    return 1 if wrong else 0


def resource():
    return Resource(cases.RESOURCE, schema_url=SCHEMA)


def metrics(arguments):
    url = f"http://{arguments.http}/v1/metrics"
    for case, temporality, views, record in cases.METRICS:
        exporters = [GrpcMetrics(endpoint=arguments.grpc, insecure=True), HttpMetrics(endpoint=url), JsonMetrics(endpoint=url)]
        sender = MetricSender(case, exporters, arguments.said, temporality)
        # No thread exports on a timer: a case is one request.
        reader = PeriodicExportingMetricReader(sender, export_interval_millis=math.inf)
        provider = MeterProvider([reader], resource(), exemplar_filter=AlwaysOnExemplarFilter(), views=views, shutdown_on_exit=False)
        record(provider.get_meter(case, "1.2.3", SCHEMA, {"scope": "first"}))
        # Not shut down: that would export once more.
        provider.force_flush()
        sender.shutdown()
        yield sender


def traces(arguments):
    url = f"http://{arguments.http}/v1/traces"
    for case, record in cases.TRACES:
        exporters = [GrpcSpans(endpoint=arguments.grpc, insecure=True), HttpSpans(endpoint=url), JsonSpans(endpoint=url)]
        sender = SpanSender(case, encode_spans, exporters, arguments.said)
        provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(sender, schedule_delay_millis=3_600_000))
        record(provider.get_tracer(case, "1.2.3", SCHEMA, {"scope": "first"}))
        provider.shutdown()
        yield sender


def logs(arguments):
    url = f"http://{arguments.http}/v1/logs"
    for case, record in cases.LOGS:
        exporters = [GrpcLogs(endpoint=arguments.grpc, insecure=True), HttpLogs(endpoint=url), JsonLogs(endpoint=url)]
        sender = LogSender(case, encode_logs, exporters, arguments.said)
        provider = LoggerProvider(resource=resource(), shutdown_on_exit=False)
        provider.add_log_record_processor(BatchLogRecordProcessor(sender, schedule_delay_millis=3_600_000))
        record(provider.get_logger(case, "1.2.3", SCHEMA, {"scope": "first"}))
        provider.shutdown()
        yield sender


if __name__ == "__main__":
    sys.exit(main())
