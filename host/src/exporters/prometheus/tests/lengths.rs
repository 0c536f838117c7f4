//! Texts of every length around the sizes of the buffers on a scrape's way out: an answer ends, and is the same however it is cut.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http_body::Body as _;

use super::*;
use crate::exporters::prometheus::compound::{Compound, Shape, Times};
use crate::exporters::prometheus::exposition::Renderer;
use crate::exporters::prometheus::family::{FamilyKind, Meta};
use crate::exporters::prometheus::scrape::CHUNK_BYTES;
use crate::exporters::prometheus::series::{Point, Update, Value};
use crate::exporters::prometheus::store::{Arrival, Piece, Sample, Stream};

/// A chunk of an answer, what is set aside for one, and the compressor's own buffer.
const BUFFERS: [usize; 3] = [CHUNK_BYTES, CHUNK_BYTES + CHUNK_BYTES / 4, 32 * 1024];
/// Longer than all that stands beside the text in the lines of a family.
const AROUND: usize = 160;

const FORMATS: [Format; 2] = [Format::Text, Format::OpenMetrics];
const KINDS: [FamilyKind; 6] = [
    FamilyKind::Counter,
    FamilyKind::Gauge,
    FamilyKind::Unknown,
    FamilyKind::Target,
    FamilyKind::Histogram,
    FamilyKind::Summary,
];

/// What is long.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Long {
    Name,
    Unit,
    Help,
    Label,
}

impl Bench {
    /// Makes a family of two series with a text of this length, which ingest would not take.
    fn put_family(&mut self, name: &str, kind: FamilyKind, long: Long, length: usize) {
        let long_text = "x".repeat(length);
        let text = |which, short: &str| if long == which { long_text.clone() } else { short.to_owned() };
        let base = format!("{name}{}", text(Long::Name, ""));
        let meta = Meta {
            text_name: Arc::from(base.as_str()),
            base: Arc::from(base),
            kind,
            help: text(Long::Help, "h"),
            unit: text(Long::Unit, "u"),
            unit_words: String::new(),
            source: String::new(),
        };
        let mut turn = self.exporter.shared.for_ingest();
        let store = turn.store();
        let family = store.add_family(meta, String::new()).unwrap();
        let (shape, numbers) = match kind {
            FamilyKind::Summary => (Shape::Quantiles(Arc::from([0.5])), vec![1.0_f64.to_bits()]),
            _ => (Shape::Bounds(Arc::from([0.5])), vec![1, 1]),
        };
        let compound = Compound { count: 2, sum: Some(1.0), shape, numbers, exemplars: Vec::new() };
        for number in 0..2_u32 {
            let labels = format!("{{a=\"{}\",n=\"{number}\"}}", text(Long::Label, "b"));
            let sample = match kind.is_compound() {
                true => Sample::Compound(&compound, Times { start: 1, end: 2 }),
                false => Sample::Number(Point { value: Value::Integer(1), start_time: 1, time: 2 }, None),
            };
            let stream = Stream::new(u128::from(number) << 32 | u128::from(family));
            let added =
                store.add(family, &labels, number, &Arrival { stream, update: Update::Replace, sample, now: 0 });
            added.joined.unwrap();
        }
    }

    /// An answer that is cut nowhere.
    fn whole(&self, format: Format) -> Vec<u8> {
        let mut turn = self.exporter.shared.for_ingest();
        let store = turn.store();
        let mut cursor = store.cursor(Duration::ZERO, format == Format::OpenMetrics);
        let (mut renderer, mut piece, mut text) = (Renderer::new(format, false), Piece::default(), Vec::new());
        while store.piece(&mut cursor, &mut piece) {
            assert_eq!(renderer.render(&mut text, &piece, 0, usize::MAX), None);
        }
        text.extend_from_slice(format.end().as_bytes());
        text
    }

    fn is_the_same_however_cut(&self, what: impl std::fmt::Debug) {
        for format in FORMATS {
            let whole = self.whole(format);
            let cut = pulled(self.exporter.scrape(format, false), whole.len());
            assert!(cut == whole, "{what:?} {format:?}: {} bytes and not {}", cut.len(), whole.len());
        }
    }
}

/// All of a body, which has at most so many bytes.
fn pulled(mut body: ScrapeBody, bytes_max: usize) -> Vec<u8> {
    let (mut bytes, mut context) = (Vec::new(), Context::from_waker(Waker::noop()));
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => bytes.extend_from_slice(&frame.unwrap().into_data().unwrap()),
            Poll::Ready(None) => return bytes,
            // It asks to be polled again at once.
            Poll::Pending => {}
        }
        assert!(bytes.len() <= bytes_max, "more than {bytes_max} bytes");
    }
}

#[test]
fn an_answer_ends_whatever_is_long_in_any_kind_of_family() {
    for (kind, long) in
        KINDS.into_iter().flat_map(|kind| [Long::Name, Long::Unit, Long::Help, Long::Label].map(|long| (kind, long)))
    {
        for length in [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let mut bench = Bench::new("{}");
            bench.put_family("a", kind, long, length);
            bench.put_family("b", FamilyKind::Gauge, Long::Help, 1);
            bench.is_the_same_however_cut((kind, long, length));
        }
    }
}

#[test]
fn an_answer_is_the_same_for_every_length_around_the_size_of_a_buffer() {
    for length in BUFFERS.into_iter().flat_map(|size| size - AROUND..=size + AROUND) {
        for (kind, long) in [(FamilyKind::Counter, Long::Help), (FamilyKind::Histogram, Long::Label)] {
            let mut bench = Bench::new("{}");
            bench.put_family("a", kind, long, length);
            bench.is_the_same_however_cut((kind, long, length));
        }
    }
}

#[test]
fn a_compressed_answer_is_the_same_for_every_length_around_the_size_of_a_buffer() {
    for length in BUFFERS.into_iter().flat_map(|size| size - AROUND..=size + AROUND) {
        let mut bench = Bench::new("{}");
        bench.put_family("a", FamilyKind::Counter, Long::Help, length);
        let (whole, packed) = (bench.whole(Format::OpenMetrics), bench.exporter.scrape(Format::OpenMetrics, true));
        let mut unpacked = Vec::new();
        let packed = pulled(packed, whole.len());
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut unpacked).unwrap();
        assert!(unpacked == whole, "{length}");
    }
}
