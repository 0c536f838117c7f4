"""A disk queue in front of an OTLP exporter: written before sending, deleted after success.

Invariants: a request is on disk, whole and synced, before the first byte of it is sent; its file goes only when the
receiver has acknowledged it. So a client that dies at any moment sends everything that it wrote, at least once: a
request that was acknowledged just before the client died is sent again.
"""

import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

RESEND_TIMEOUT_SECONDS = 10


class DiskQueueExporter(MetricExporter):
    """Keeps each export request in `folder` until `exporter` reports success."""

    def __init__(self, exporter, folder, preferred_temporality):
        super().__init__(preferred_temporality=preferred_temporality)
        self._exporter = exporter
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    def resend(self, send):
        """Sends what an earlier run left behind, oldest first; returns how many. `send` raises when it fails."""
        left_overs = sorted(self._folder.glob("*.otlp"))
        for path in left_overs:
            send(path.read_bytes())
            path.unlink()
        return len(left_overs)

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        path = self._write(encode_metrics(metrics_data).SerializeToString())
        result = self._exporter.export(metrics_data, timeout_millis=timeout_millis, **kwargs)
        if result is MetricExportResult.SUCCESS:
            path.unlink()
        return result

    def force_flush(self, timeout_millis=10_000):
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self._exporter.shutdown(timeout_millis, **kwargs)

    def _write(self, request):
        # The name sorts by age. A half-written file has another ending, and so is never resent.
        path = self._folder / f"{time.time_ns():020}-{os.getpid()}.otlp"
        unfinished = path.with_suffix(".part")
        with open(unfinished, "wb") as file:
            file.write(request)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        self._sync_folder()
        return path

    def _sync_folder(self):
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def grpc_sender(target):
    """Sends a serialised request over gRPC; raises `grpc.RpcError` unless it is acknowledged."""

    def send(request):
        with grpc.insecure_channel(target) as channel:
            message = ExportMetricsServiceRequest.FromString(request)
            MetricsServiceStub(channel).Export(message, timeout=RESEND_TIMEOUT_SECONDS, wait_for_ready=True)

    return send


def http_sender(url):
    """Sends a serialised request over HTTP; raises `urllib.error.URLError` unless it is acknowledged."""

    def send(request):
        headers = {"Content-Type": "application/x-protobuf"}
        post = urllib.request.Request(url, data=request, headers=headers, method="POST")
        with urllib.request.urlopen(post, timeout=RESEND_TIMEOUT_SECONDS) as response:
            response.read()

    return send


SEND_ERRORS = (grpc.RpcError, urllib.error.URLError, OSError)
