"""What `emit.py` sends: the cases, with values at the edges of each kind."""

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter, ObservableUpDownCounter, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

RESOURCE = {
    "service.name": "shop",
    "service.instance.id": "Zürich ☕ 1",
    "host.cores": 2**40,
    "host.load": 0.1,
    "host.is_virtual": True,
    "host.addresses": ["10.0.0.1", "::1"],
    "host.weights": [1, -2, 3],
    "empty": "",
}
KINDS = [Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter]
DELTA = dict.fromkeys(KINDS, AggregationTemporality.DELTA)
CUMULATIVE = dict.fromkeys(KINDS, AggregationTemporality.CUMULATIVE)
MIXED = {**CUMULATIVE, Counter: AggregationTemporality.DELTA}

A = {"work.type": "manual", "work.id": "a\"\\\n☕", "retry": True, "priority": -1, "share": 1e-300}
B = {"work.type": "automatic", "tags": ["x", "", "z"]}

# A context that exemplars, log records and spans can point to.
REMOTE = SpanContext(0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718, True, TraceFlags(1), TraceState([("shop", "1")]))
INSIDE = trace.set_span_in_context(trace.NonRecordingSpan(REMOTE))


def gauge(meter):
    level = meter.create_gauge("oven.temperature", "Cel", "How hot it is.")
    level.set(-273.15, A)
    level.set(181.5, B, context=INSIDE)
    count = meter.create_gauge("oven.count")
    for index, value in enumerate([0, -1, 2**63 - 1, -(2**63)]):
        count.set(value, {"index": index})
    meter.create_observable_gauge("oven.observed", [lambda _: [Observation(0.5, A), Observation(7, B)]], "1")


def gauge_extremes(meter):
    # This SDK takes no infinity and no NaN.
    level = meter.create_gauge("oven.extremes")
    for name, value in {"-0": -0.0, "least": 5e-324, "most": 1.7976931348623157e308, "third": 1 / 3}.items():
        level.set(value, {"value": name})


def counters(meter):
    orders = meter.create_counter("orders.placed", "{order}", "Orders since then.")
    orders.add(3, A, context=INSIDE)
    orders.add(2**53 + 1, B)
    orders.add(0)
    meter.create_counter("orders.weight", "kg").add(0.1, A)


def up_down(meter):
    queue = meter.create_up_down_counter("orders.open", "{order}", "Orders that wait.")
    queue.add(5, A)
    queue.add(-7, B, context=INSIDE)
    meter.create_up_down_counter("orders.balance").add(-0.25)


def observed(meter):
    def some(_: CallbackOptions):
        return [Observation(10, A), Observation(20, B)]

    meter.create_observable_counter("work.observed", [some], "1", "Counted elsewhere.")
    meter.create_observable_up_down_counter("work.observed.open", [some])


def histogram(meter):
    plain = meter.create_histogram("orders.duration", "ms", "How long an order takes.")
    for value in [0, 0.5, 5, 17, 1e4, 1e9]:
        plain.record(value, A, context=INSIDE)
    plain.record(1, B)
    bounds = meter.create_histogram("orders.size", explicit_bucket_boundaries_advisory=[-1.5, 0, 2.5])
    for value in range(4):
        bounds.record(value)
    meter.create_histogram("orders.single", explicit_bucket_boundaries_advisory=[]).record(3)


def everything(meter):
    for record in [gauge, counters, up_down, observed, histogram]:
        record(meter)


EXPONENTIAL = [View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation(max_size=20))]
SOME_EXPONENTIAL = [View(instrument_name="orders.size", aggregation=ExponentialBucketHistogramAggregation())]
# Attributes that a view takes from a point come back with its exemplars.
FILTERED = [View(instrument_name="orders.*", attribute_keys={"work.type"})]

METRICS = [
    ("metrics-gauge", CUMULATIVE, [], gauge),
    ("metrics-gauge-extremes", CUMULATIVE, [], gauge_extremes),
    ("metrics-sum-delta", DELTA, [], counters),
    ("metrics-sum-cumulative", CUMULATIVE, [], counters),
    ("metrics-sum-exemplars", DELTA, FILTERED, counters),
    ("metrics-up-down-counter", CUMULATIVE, [], up_down),
    ("metrics-observed", CUMULATIVE, [], observed),
    ("metrics-histogram-delta", DELTA, [], histogram),
    ("metrics-histogram-cumulative", CUMULATIVE, [], histogram),
    ("metrics-exponential-histogram-delta", DELTA, EXPONENTIAL, histogram),
    ("metrics-exponential-histogram-cumulative", CUMULATIVE, EXPONENTIAL, histogram),
    ("metrics-everything", MIXED, SOME_EXPONENTIAL, everything),
]


def spans(tracer):
    attributes = {**A, "bytes": b"\x00\xff", "numbers": [0.5, -0.0], "flags": [True, False]}
    with tracer.start_as_current_span("bake", kind=SpanKind.SERVER, attributes=attributes, context=INSIDE) as parent:
        parent.add_event("risen", {"height": 3})
        parent.add_event("burnt")
        for kind in SpanKind:
            tracer.start_span(f"child {kind.name}", kind=kind, links=[Link(REMOTE, {"why": "retry"})]).end()
        failed = tracer.start_span("deliver", record_exception=False)
        failed.set_status(Status(StatusCode.ERROR, "no bicycle ☹"))
        failed.end()
        parent.set_status(StatusCode.OK)
    tracer.start_span("").end()


def limited(tracer):
    """More of everything than the SDK keeps by default: it counts what it dropped."""
    links = [Link(REMOTE, {"number": number}) for number in range(130)]
    span = tracer.start_span("many", links=links, attributes={f"key.{number}": number for number in range(130)})
    for number in range(130):
        span.add_event(f"event {number}", {"number": number})
    span.end()


TRACES = [("traces-spans", spans), ("traces-limited", limited)]

BODIES = {
    "text": "the oven is hot ☕", "nothing": None, "true": True, "integer": -(2**63), "double": 0.1, "bytes": b"\x00\xfe",
    "list": ["a", 1, None, [2.5]], "map": {"deep": {"deeper": [True, {"deepest": "x"}]}, "empty": {}},
}


def records(logger):
    for name, body in BODIES.items():
        logger.emit(LogRecord(timestamp=1_700_000_000_123_456_789, body=body, attributes={"body": name}))
    logger.emit(LogRecord(timestamp=0, body="in a span", context=INSIDE, severity_number=SeverityNumber.ERROR2, severity_text="Error"))
    logger.emit(LogRecord(body="an event", event_name="oven.opened", attributes={**A, "nested": {"a": [1, {"b": None}]}}))
    for severity in [SeverityNumber.TRACE, SeverityNumber.FATAL4]:
        logger.emit(LogRecord(timestamp=1, severity_number=severity, severity_text=severity.name))


LOGS = [("logs-records", records)]
