#!/usr/bin/env node
// Sends what the OpenTelemetry SDK for JavaScript can make, each request once over gRPC, HTTP/protobuf and HTTP/JSON.
//
// A case is a provider of its own; the name of its instrumentation scope is the case's name, by which the other end
// tells requests apart. Before a request is sent, the SDK's own serializer writes what it holds to `--said`, a file a
// case. Exits 0 only when every request was acknowledged.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { credentials } = require('@grpc/grpc-js');
const transformer = require('@opentelemetry/otlp-transformer');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const cases = require('./cases');

const SCHEMA = 'https://opentelemetry.io/schemas/1.30.0';
// Far beyond any run: nothing is exported on a timer, so that a case is one request.
const NEVER_MS = 3_600_000;

const SIGNALS = {
  metrics: {
    grpc: require('@opentelemetry/exporter-metrics-otlp-grpc').OTLPMetricExporter,
    protobuf: require('@opentelemetry/exporter-metrics-otlp-proto').OTLPMetricExporter,
    json: require('@opentelemetry/exporter-metrics-otlp-http').OTLPMetricExporter,
    serializer: transformer.ProtobufMetricsSerializer,
  },
  traces: {
    grpc: require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter,
    protobuf: require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter,
    json: require('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter,
    serializer: transformer.ProtobufTraceSerializer,
  },
  logs: {
    grpc: require('@opentelemetry/exporter-logs-otlp-grpc').OTLPLogExporter,
    protobuf: require('@opentelemetry/exporter-logs-otlp-proto').OTLPLogExporter,
    json: require('@opentelemetry/exporter-logs-otlp-http').OTLPLogExporter,
    serializer: transformer.ProtobufLogsSerializer,
  },
};

/** Stands where the SDK expects an exporter; hands each batch to the real ones, one after the other. */
class Sender {
  constructor(signal, name, options) {
    this.name = name;
    this.said = path.join(options.said, `${name}.pb`);
    this.requests = 0;
    this.failures = [];
    this.serializer = SIGNALS[signal].serializer;
    const url = `http://${options.http}/v1/${signal}`;
    this.exporters = [
      ['gRPC', new SIGNALS[signal].grpc({ url: `http://${options.grpc}`, credentials: credentials.createInsecure() })],
      ['HTTP/protobuf', new SIGNALS[signal].protobuf({ url })],
      ['HTTP/JSON', new SIGNALS[signal].json({ url })],
    ];
  }

  export(batch, done) {
    this.requests += 1;
    this.sendAll(batch).then(done, error => done({ code: 1, error }));
  }

  async sendAll(batch) {
    fs.writeFileSync(this.said, this.serializer.serializeRequest(batch));
    for (const [transport, exporter] of this.exporters) {
      const result = await new Promise(resolve => exporter.export(batch, resolve));
      if (result.code !== 0) {
        this.failures.push(`${transport}: ${result.error}`);
      }
    }
    return { code: 0 };
  }

  async forceFlush() {}

  async shutdown() {
    await Promise.all(this.exporters.map(([, exporter]) => exporter.shutdown()));
  }
}

function resource() {
  return resourceFromAttributes(cases.RESOURCE, { schemaUrl: SCHEMA });
}

async function metrics(name, { temporality, views, record }, options) {
  const sender = new Sender('metrics', name, options);
  sender.selectAggregationTemporality = temporality;
  const reader = new PeriodicExportingMetricReader({ exporter: sender, exportIntervalMillis: NEVER_MS });
  const provider = new MeterProvider({ resource: resource(), views, readers: [reader] });
  record(provider.getMeter(name, '1.2.3', { schemaUrl: SCHEMA }));
  // Not shut down: that would export once more.
  await provider.forceFlush();
  await sender.shutdown();
  return sender;
}

async function traces(name, record, options) {
  const sender = new Sender('traces', name, options);
  const processor = new BatchSpanProcessor(sender, { scheduledDelayMillis: NEVER_MS });
  const provider = new BasicTracerProvider({ resource: resource(), spanProcessors: [processor] });
  record(provider.getTracer(name, '1.2.3', { schemaUrl: SCHEMA }));
  await provider.shutdown();
  return sender;
}

async function logs(name, record, options) {
  const sender = new Sender('logs', name, options);
  const processor = new BatchLogRecordProcessor({ exporter: sender, scheduledDelayMillis: NEVER_MS });
  const provider = new LoggerProvider({ resource: resource(), processors: [processor] });
  record(provider.getLogger(name, '1.2.3', { schemaUrl: SCHEMA }));
  await provider.shutdown();
  return sender;
}

async function main() {
  const text = { type: 'string' };
  const { values: options } = parseArgs({ options: { grpc: text, http: text, said: text } });
  const senders = [];
  for (const [emit, table] of [[metrics, cases.METRICS], [traces, cases.TRACES], [logs, cases.LOGS]]) {
    for (const [name, what] of Object.entries(table)) {
      senders.push(await emit(name, what, options));
    }
  }
  const wrong = senders.filter(sender => sender.requests !== 1 || sender.failures.length > 0);
  for (const { name, requests, failures } of wrong) {
    console.error(`emit.js: ${name}: ${requests} request(s), refused: [${failures}]`);
  }
  // Timers of the SDK's readers would keep the process.
  process.exit(wrong.length === 0 ? 0 : 1);
}

main();
