"""Sends a counter with the SDK's own exporter, whose time runs out: each point of 1 again and again until the exporter reports success.

Prints how many attempts and how many successes there were, as JSON.
"""

import argparse
import json

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, MetricExportResult


def exporter(arguments):
    if arguments.transport == "grpc":
        return GrpcExporter(endpoint=arguments.endpoint, insecure=True, timeout=arguments.timeout)
    return HttpExporter(endpoint=arguments.endpoint, timeout=arguments.timeout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=["grpc", "http"], required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--work-type", required=True)
    parser.add_argument("--timeout", type=float, required=True, help="seconds")
    parser.add_argument("--successes", type=int, required=True)
    arguments = parser.parse_args()

    reader = InMemoryMetricReader(preferred_temporality={Counter: AggregationTemporality.DELTA})
    counter = MeterProvider([reader]).get_meter("impatient").create_counter("work.done")
    sends, attempts = exporter(arguments), 0
    for _ in range(arguments.successes):
        counter.add(1, {"work.type": arguments.work_type})
        data = reader.get_metrics_data()
        while True:
            attempts += 1
            if sends.export(data) is MetricExportResult.SUCCESS:
                break
    print(json.dumps({"attempts": attempts, "acknowledged": arguments.successes}))


if __name__ == "__main__":
    main()
