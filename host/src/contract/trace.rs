//! The trace of a trip: what a request met on its way through the host, as spans of OpenTelemetry.
//!
//! A [`Tracer`] decides at the door whether a trip is sampled. A [`Trace`] goes with the request, and whoever does something for it adds a
//! span when that has ended; without a trace that is one branch. Spans go to whoever made the tracer, which must not block.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::AttributeValue;

/// The whole trip up to its answer: the root.
pub const RECEIVE: &str = "receive";
/// From the moment a request was read until its worker began with it.
pub const WAIT: &str = "wait";
/// One step of a pipeline: all instances of its processor.
pub const PLUGIN: &str = "plugin";
/// From the last processor until it is decided that the trip counts.
pub const COMMIT: &str = "commit";
/// From the commit until an exporter has settled a batch.
pub const DELIVER: &str = "deliver";

/// Decides which trips are sampled. Clones are the same one; the default samples none.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<TracerCell>>);

struct TracerCell {
    /// Trips are sampled whose number is less, of 63 random bits.
    threshold: u64,
    sink: Box<dyn Fn(Span) + Send + Sync>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracer").field(&self.0.as_ref().map(|cell| cell.threshold)).finish()
    }
}

/// What is told of one trip. Clones are of the same trip; the default is of one that is not sampled.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<Arc<TraceCell>>);

#[derive(Debug)]
struct TraceCell {
    tracer: Tracer,
    id: [u8; 16],
    root: [u8; 8],
    /// The same moment by both clocks.
    began: (Instant, SystemTime),
}

/// Attributes of a span.
pub type SpanAttributes = Vec<(&'static str, AttributeValue)>;

/// Something that was done for a trip.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Of the trip.
    pub trace_id: [u8; 16],
    /// Its own.
    pub id: [u8; 8],
    /// `None` for the root.
    pub parent: Option<[u8; 8]>,
    /// What was done.
    pub name: &'static str,
    /// When it began.
    pub start: SystemTime,
    /// When it ended, which is not before.
    pub end: SystemTime,
    /// More of it.
    pub attributes: SpanAttributes,
    /// Why it failed.
    pub error: Option<String>,
}

/// What there is to say of a span when it has ended.
#[derive(Debug, Clone, Default)]
pub struct SpanEnd {
    /// More of it.
    pub attributes: SpanAttributes,
    /// Why it failed.
    pub error: Option<String>,
}

impl SpanEnd {
    /// With one more attribute.
    pub fn with(mut self, name: &'static str, value: impl Into<AttributeValue>) -> SpanEnd {
        self.attributes.push((name, value.into()));
        self
    }

    /// With one more attribute, where it is known.
    pub fn with_some(self, name: &'static str, value: Option<impl Into<AttributeValue>>) -> SpanEnd {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With the reason why it failed, if it did.
    pub fn failed(self, error: Option<String>) -> SpanEnd {
        SpanEnd { error, ..self }
    }
}

impl Tracer {
    /// Samples so many of all trips, from 0 (none) to 1 (all).
    pub fn new(ratio: f64, sink: impl Fn(Span) + Send + Sync + 'static) -> Tracer {
        // 2^63 is exact; the product saturates.
        let threshold = (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
        Tracer(Some(Arc::new(TracerCell { threshold, sink: Box::new(sink) })))
    }

    /// The trace of one more trip, which begins now. By its id's last 63 bits, as OpenTelemetry's `TraceIdRatioBased` decides.
    pub fn begin(&self) -> Trace {
        let Some(cell) = &self.0 else { return Trace::default() };
        let id = fastrand::u128(1..);
        if (id as u64) >> 1 >= cell.threshold {
            return Trace::default();
        }
        let (id, root) = (id.to_be_bytes(), span_id());
        Trace(Some(Arc::new(TraceCell { tracer: self.clone(), id, root, began: (Instant::now(), SystemTime::now()) })))
    }
}

impl Trace {
    /// Whether anybody hears of this trip.
    pub fn is_sampled(&self) -> bool {
        self.0.is_some()
    }

    /// The moment at which a span begins; `None` for a trip that is not sampled.
    pub fn start(&self) -> Option<Instant> {
        self.is_sampled().then(Instant::now)
    }

    /// The span of the whole trip, up to its answer.
    pub fn root(&self, name: &'static str, began: Instant, end: impl FnOnce() -> SpanEnd) {
        if let Some(cell) = &self.0 {
            cell.tell(cell.root, None, name, began, end());
        }
    }

    /// A span that ends now. Without a beginning there is none.
    pub fn span(&self, name: &'static str, began: impl Into<Option<Instant>>, end: impl FnOnce() -> SpanEnd) {
        if let (Some(cell), Some(began)) = (&self.0, began.into()) {
            cell.tell(span_id(), Some(cell.root), name, began, end());
        }
    }
}

impl TraceCell {
    fn tell(&self, id: [u8; 8], parent: Option<[u8; 8]>, name: &'static str, began: Instant, end: SpanEnd) {
        let SpanEnd { attributes, error } = end;
        let (start, end) = (self.at(began), self.at(Instant::now()));
        let span = Span { trace_id: self.id, id, parent, name, start, end, attributes, error };
        if let Some(tracer) = &self.tracer.0 {
            (tracer.sink)(span);
        }
    }

    /// By the wall clock as it was when the trip began: a clock that is set meanwhile changes no duration.
    fn at(&self, moment: Instant) -> SystemTime {
        let (instant, time) = self.began;
        match moment.checked_duration_since(instant) {
            Some(later) => time + later,
            None => time.checked_sub(instant.saturating_duration_since(moment)).unwrap_or(time),
        }
    }
}

impl Span {
    /// How long it was.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }
}

/// Any but zero, which is no id.
fn span_id() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    fn tracer(ratio: f64) -> (Tracer, Arc<Mutex<Vec<Span>>>) {
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let sink = Arc::clone(&spans);
        (Tracer::new(ratio, move |span| sink.lock().unwrap_or_else(PoisonError::into_inner).push(span)), spans)
    }

    #[test]
    fn spans_of_a_trip_belong_to_its_root() {
        let (tracer, spans) = tracer(1.0);
        let trace = tracer.begin();
        let began = Instant::now();
        trace.span("wait", began, SpanEnd::default);
        trace.span("commit", None, SpanEnd::default);
        trace.root("receive", began, || SpanEnd { error: Some("full".into()), ..SpanEnd::default() });
        let spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(spans.len(), 2);
        let (wait, root) = (&spans[0], &spans[1]);
        assert_eq!((wait.trace_id, wait.parent), (root.trace_id, Some(root.id)));
        assert_eq!((root.parent, root.error.as_deref()), (None, Some("full")));
        assert!(root.duration() >= wait.duration() && wait.start == root.start);
    }

    #[test]
    fn a_share_of_trips_is_sampled() {
        let sampled = |ratio| {
            let tracer = tracer(ratio).0;
            (0..10_000).filter(|_| tracer.begin().is_sampled()).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        assert!((700..1300).contains(&sampled(0.1)), "a tenth");
        assert!(!Tracer::default().begin().is_sampled());
    }
}
