// What `emit.js` sends: the cases, with values at the edges of each kind.
'use strict';

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, ValueType, createTraceState, trace } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { AggregationTemporality, AggregationType, InstrumentType } = require('@opentelemetry/sdk-metrics');

exports.RESOURCE = {
  'service.name': 'shop',
  'service.instance.id': 'Zürich ☕ 1',
  'host.cores': 2 ** 40,
  'host.load': 0.1,
  'host.is_virtual': true,
  'host.addresses': ['10.0.0.1', '::1'],
  'host.weights': [1, -2, 3],
  empty: '',
};

const A = { 'work.type': 'manual', 'work.id': 'a"\\\n☕', retry: true, priority: -1, share: 1e-300 };
const B = { 'work.type': 'automatic', tags: ['x', '', 'z'] };
const TIME = [1_700_000_000, 123_456_789];

// A context that log records and spans can point to.
const REMOTE = {
  traceId: '0102030405060708090a0b0c0d0e0f10',
  spanId: '1112131415161718',
  isRemote: true,
  traceFlags: TraceFlags.SAMPLED,
  traceState: createTraceState('shop=1'),
};
const INSIDE = trace.setSpanContext(ROOT_CONTEXT, REMOTE);

function gauge(meter) {
  const level = meter.createGauge('oven.temperature', { unit: 'Cel', description: 'How hot it is.' });
  level.record(-273.15, A);
  level.record(181.5, B);
  const count = meter.createGauge('oven.count', { valueType: ValueType.INT });
  [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER].forEach((value, index) => count.record(value, { index }));
  meter.createObservableGauge('oven.observed', { unit: '1' }).addCallback(result => {
    result.observe(0.5, A);
    result.observe(7, B);
  });
}

function gaugeExtremes(meter) {
  const level = meter.createGauge('oven.extremes');
  // What JSON has no number for is not here: this SDK writes it as null.
  for (const [name, value] of Object.entries({ least: Number.MIN_VALUE, most: Number.MAX_VALUE, third: 1 / 3 })) {
    level.record(value, { value: name });
  }
}

function counters(meter) {
  const orders = meter.createCounter('orders.placed', {
    unit: '{order}', description: 'Orders since then.', valueType: ValueType.INT,
  });
  orders.add(3, A);
  orders.add(2 ** 52 + 1, B);
  orders.add(0);
  meter.createCounter('orders.weight', { unit: 'kg' }).add(0.1, A);
}

function upDown(meter) {
  const queue = meter.createUpDownCounter('orders.open', {
    unit: '{order}', description: 'Orders that wait.', valueType: ValueType.INT,
  });
  queue.add(5, A);
  queue.add(-7, B);
  meter.createUpDownCounter('orders.balance').add(-0.25);
}

function observed(meter) {
  const some = result => {
    result.observe(10, A);
    result.observe(20, B);
  };
  meter.createObservableCounter('work.observed', { unit: '1', description: 'Counted elsewhere.' }).addCallback(some);
  meter.createObservableUpDownCounter('work.observed.open').addCallback(some);
}

function histogram(meter) {
  const plain = meter.createHistogram('orders.duration', { unit: 'ms', description: 'How long an order takes.' });
  [0, 0.5, 5, 17, 1e4, 1e9].forEach(value => plain.record(value, A));
  plain.record(1, B);
  const size = meter.createHistogram('orders.size', { advice: { explicitBucketBoundaries: [-1.5, 0, 2.5] } });
  [0, 1, 2, 3].forEach(value => size.record(value));
}

function everything(meter) {
  [gauge, counters, upDown, observed, histogram].forEach(record => record(meter));
}

const cumulative = () => AggregationTemporality.CUMULATIVE;
const delta = () => AggregationTemporality.DELTA;
const mixed = type => (type === InstrumentType.COUNTER ? delta() : cumulative());
const EXPONENTIAL = { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 20, recordMinMax: true } };
const exponential = [{ instrumentType: InstrumentType.HISTOGRAM, aggregation: EXPONENTIAL }];
const someExponential = [{ instrumentName: 'orders.size', aggregation: EXPONENTIAL }];

exports.METRICS = {
  'metrics-gauge': { temporality: cumulative, record: gauge },
  'metrics-gauge-extremes': { temporality: cumulative, record: gaugeExtremes },
  'metrics-sum-delta': { temporality: delta, record: counters },
  'metrics-sum-cumulative': { temporality: cumulative, record: counters },
  'metrics-up-down-counter': { temporality: cumulative, record: upDown },
  'metrics-observed': { temporality: cumulative, record: observed },
  'metrics-histogram-delta': { temporality: delta, record: histogram },
  'metrics-histogram-cumulative': { temporality: cumulative, record: histogram },
  'metrics-exponential-histogram-delta': { temporality: delta, views: exponential, record: histogram },
  'metrics-exponential-histogram-cumulative': { temporality: cumulative, views: exponential, record: histogram },
  'metrics-everything': { temporality: mixed, views: someExponential, record: everything },
};

function spans(tracer) {
  const attributes = { ...A, numbers: [0.5, 2], flags: [true, false] };
  const parent = tracer.startSpan('bake', { kind: SpanKind.SERVER, attributes, startTime: TIME }, INSIDE);
  const inside = trace.setSpan(INSIDE, parent);
  parent.addEvent('risen', { height: 3 }, [TIME[0], TIME[1] + 1]);
  parent.addEvent('burnt');
  for (const [name, kind] of Object.entries(SpanKind).filter(([, kind]) => typeof kind === 'number')) {
    tracer.startSpan(`child ${name}`, { kind, links: [{ context: REMOTE, attributes: { why: 'retry' } }] }, inside).end();
  }
  const failed = tracer.startSpan('deliver', {}, inside);
  failed.recordException(new RangeError('no bicycle'));
  failed.setStatus({ code: SpanStatusCode.ERROR, message: 'no bicycle ☹' });
  failed.end();
  parent.setStatus({ code: SpanStatusCode.OK });
  parent.end();
  tracer.startSpan('').end();
}

/** More of everything than the SDK keeps by default: it counts what it dropped. */
function limited(tracer) {
  const numbers = [...Array(130).keys()];
  const links = numbers.map(number => ({ context: REMOTE, attributes: { number } }));
  const span = tracer.startSpan('many', { links });
  numbers.forEach(number => span.setAttribute(`key.${number}`, number));
  numbers.forEach(number => span.addEvent(`event ${number}`, { number }));
  span.end();
}

exports.TRACES = { 'traces-spans': spans, 'traces-limited': limited };

const BODIES = {
  text: 'the oven is hot ☕',
  nothing: null,
  true: true,
  integer: Number.MIN_SAFE_INTEGER,
  double: 0.1,
  bytes: new Uint8Array([0, 254]),
  list: ['a', 1, null, [2.5]],
  map: { deep: { deeper: [true, { deepest: 'x' }] }, empty: {} },
};

function records(logger) {
  for (const [body, value] of Object.entries(BODIES)) {
    logger.emit({ timestamp: TIME, body: value, attributes: { body } });
  }
  logger.emit({
    body: 'in a span', context: INSIDE, severityNumber: SeverityNumber.ERROR2, severityText: 'Error',
  });
  logger.emit({ body: 'an event', eventName: 'oven.opened', attributes: { ...A, nested: { a: [1, { b: null }] } } });
  // A body, because this SDK writes none as `"body":{}` in JSON and as no body in protobuf, which are not the same.
  for (const severityText of ['TRACE', 'FATAL4']) {
    logger.emit({ timestamp: TIME, body: '', severityNumber: SeverityNumber[severityText], severityText });
  }
}

exports.LOGS = { 'logs-records': records };
