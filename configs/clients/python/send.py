#!/usr/bin/env python3
"""Sends `work.done` points with the OpenTelemetry SDK and exits 0 only when each of them was acknowledged.

Every point has a `work.id` of its own, as a careless application would send it: what the aggregate plugin is for.
"""

import argparse
import math
import sys
import uuid

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import View

from disk_queue import SEND_ERRORS, DiskQueueExporter, grpc_sender, http_sender

# A request of this many points stays far below the 4 MiB that gRPC servers take by default.
POINTS_PER_REQUEST = 1000
DEFAULT_ENDPOINTS = {"grpc": "http://127.0.0.1:4317", "http": "http://127.0.0.1:4318"}
TEMPORALITIES = {"delta": AggregationTemporality.DELTA, "cumulative": AggregationTemporality.CUMULATIVE}


class WatchedExporter(MetricExporter):
    """Counts what the SDK throws away: whether each request was acknowledged."""

    def __init__(self, exporter, preferred_temporality):
        super().__init__(preferred_temporality=preferred_temporality)
        self._exporter = exporter
        self.acknowledged = 0
        self.failed = 0

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.failed += 1
        result = self._exporter.export(metrics_data, timeout_millis=timeout_millis, **kwargs)
        if result is MetricExportResult.SUCCESS:
            self.failed -= 1
            self.acknowledged += 1
        return result

    def force_flush(self, timeout_millis=10_000):
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self._exporter.shutdown(timeout_millis, **kwargs)


def main():
    arguments = parse_arguments()
    temporality = {Counter: TEMPORALITIES[arguments.temporality]}
    exporter, sender = connect(arguments, temporality)
    left_overs_sent = True
    if arguments.queue:
        exporter = DiskQueueExporter(exporter, arguments.queue, temporality)
        left_overs_sent = resend(exporter, sender, arguments.queue)
    watched = WatchedExporter(exporter, temporality)
    try:
        send_points(watched, arguments)
    except Exception as error:  # the SDK raises no narrower type
        return fail(f"the SDK did not flush: {error}")
    expected = math.ceil(arguments.count / POINTS_PER_REQUEST)
    if watched.failed or watched.acknowledged < expected:
        return fail(f"{watched.acknowledged} of {expected} request(s) were acknowledged")
    print(f"{arguments.count} points acknowledged by {arguments.endpoint} over {arguments.protocol}")
    return 0 if left_overs_sent else 1


def resend(queue, sender, folder):
    """Sends what an earlier run left behind. New points are queued all the same when that fails."""
    try:
        print(f"{queue.resend(sender)} left-over request(s) resent from {folder}")
        return True
    except SEND_ERRORS as error:
        fail(f"left-overs in {folder} were not acknowledged and stay there: {error}")
        return False


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--endpoint", help="default: the protocol's usual port on 127.0.0.1")
    parser.add_argument("--protocol", choices=["grpc", "http"], default="grpc")
    parser.add_argument("--count", type=positive, default=100, help="how many points to send")
    parser.add_argument("--work-type", default="manual", help="the attribute work.type of each point")
    parser.add_argument("--temporality", choices=sorted(TEMPORALITIES), default="delta")
    parser.add_argument("--queue", metavar="DIR", help="keep each request in DIR until it is acknowledged")
    arguments = parser.parse_args()
    arguments.endpoint = arguments.endpoint or DEFAULT_ENDPOINTS[arguments.protocol]
    return arguments


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def connect(arguments, temporality):
    """The SDK's exporter, and a sender of requests that are serialised already."""
    if arguments.protocol == "http":
        url = arguments.endpoint.rstrip("/")
        if not url.startswith("http"):
            url = f"http://{url}"
        if not url.endswith("/v1/metrics"):
            url += "/v1/metrics"
        return HttpExporter(endpoint=url, preferred_temporality=temporality), http_sender(url)
    target = arguments.endpoint.removeprefix("http://").rstrip("/")
    exporter = GrpcExporter(endpoint=target, insecure=True, preferred_temporality=temporality)
    return exporter, grpc_sender(target)


def send_points(exporter, arguments):
    # No thread exports on a timer: each flush is one request, so that the count of requests is known.
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    # The SDK folds attribute sets past 2,000 into one overflow point, which would lose their work.type.
    view = View(instrument_name="work.done", aggregation_cardinality_limit=arguments.count)
    provider = MeterProvider(metric_readers=[reader], views=[view])
    counter = provider.get_meter("work").create_counter("work.done", description="Work items done.")
    for sent in range(1, arguments.count + 1):
        counter.add(1, {"work.type": arguments.work_type, "work.id": str(uuid.uuid4())})
        if sent % POINTS_PER_REQUEST == 0 or sent == arguments.count:
            provider.force_flush()
    provider.shutdown()


def fail(message):
    print(f"send.py: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
