//! From a metrics request to the text of an answer, as the exporter does it.

#[path = "../../../../../host/src/exporters/prometheus/bounds.rs"]
mod bounds;
#[path = "../../../../../host/src/exporters/prometheus/compound.rs"]
mod compound;
#[path = "../../../../../host/src/exporters/prometheus/config.rs"]
mod config;
#[path = "../../../../../host/src/exporters/prometheus/drops.rs"]
mod drops;
#[path = "../../../../../host/src/exporters/prometheus/exemplar.rs"]
mod exemplar;
#[path = "../../../../../host/src/exporters/prometheus/exponential.rs"]
mod exponential;
#[path = "../../../../../host/src/exporters/prometheus/exposition/mod.rs"]
mod exposition;
#[path = "../../../../../host/src/exporters/prometheus/family.rs"]
mod family;
#[path = "../../../../../host/src/exporters/prometheus/ingest/mod.rs"]
mod ingest;
#[path = "../../../../../host/src/exporters/prometheus/known.rs"]
mod known;
#[path = "../../../../../host/src/exporters/prometheus/labels.rs"]
mod labels;
#[path = "../../../../../host/src/exporters/prometheus/metric.rs"]
mod metric;
#[path = "../../../../../host/src/exporters/prometheus/names.rs"]
mod names;
#[path = "../../../../../host/src/exporters/prometheus/note.rs"]
mod note;
#[path = "../../../../../host/src/exporters/prometheus/numbers.rs"]
mod numbers;
#[path = "../../../../../host/src/exporters/prometheus/promoted.rs"]
mod promoted;
#[path = "../../../../../host/src/exporters/prometheus/read.rs"]
mod read;
#[path = "../../../../../host/src/exporters/prometheus/scope.rs"]
mod scope;
mod scrape;
#[path = "../../../../../host/src/exporters/prometheus/series.rs"]
mod series;
#[path = "../../../../../host/src/exporters/prometheus/settings.rs"]
mod settings;
#[path = "../../../../../host/src/exporters/prometheus/slab.rs"]
mod slab;
#[path = "../../../../../host/src/exporters/prometheus/store/mod.rs"]
mod store;
#[path = "../../../../../host/src/exporters/prometheus/tally.rs"]
mod tally;
#[path = "../../../../../host/src/exporters/prometheus/target.rs"]
mod target;

use std::time::Duration;

pub use exposition::Format;
pub use family::{FamilyKind, Meta};

use crate::otlp::levels::Order;
use crate::otlp::{Malformed, Strings, metrics};
use compound::{Compound, Shape, Times};
use exposition::Renderer;
use ingest::Ingest;
use known::Known;
use read::PointReader;
use scrape::IngestTurn;
use series::{Point, Update, Value};
use settings::Settings;
use store::{Arrival, Piece, Sample, Store, Stream};

/// More than any input has.
const SERIES_MAX: usize = 100_000;

/// The exporter's store with the way in and the way out.
pub struct Shown {
    store: Store,
    settings: Settings,
    known: Known,
    reader: PointReader,
}

impl Shown {
    /// An empty one; `config` is the exporter's, as JSON.
    #[must_use]
    pub fn new(config: &str) -> Shown {
        let config: config::Config = serde_json::from_str(config).expect("a configuration of ours");
        Shown {
            store: Store::new(SERIES_MAX, Duration::from_secs(300)),
            settings: Settings::new(&config),
            known: Known::default(),
            reader: PointReader::default(),
        }
    }

    /// Takes a request.
    pub fn take(&mut self, request: &[u8]) -> Result<(), Malformed> {
        let turn = IngestTurn::new(&mut self.store);
        let mut ingest = Ingest::new(turn, &self.settings, &mut self.known, &mut self.reader, Duration::ZERO);
        metrics::walk(request, Strings::Bytes, Order::Any, &mut ingest)?;
        ingest.finish();
        Ok(())
    }

    /// Makes a family with a series for each of these label texts, whether or not ingest would.
    pub fn put(&mut self, meta: Meta, labels: &[String]) {
        let kind = meta.kind;
        if self.store.family(&meta) != store::Found::Nothing {
            return;
        }
        let family = self.store.add_family(meta, String::new()).expect("there is a place");
        let (shape, numbers) = match kind {
            FamilyKind::Summary => (Shape::Quantiles([0.5].into()), vec![1.0_f64.to_bits()]),
            _ => (Shape::Bounds([0.5].into()), vec![1, 1]),
        };
        let compound = Compound { count: 2, sum: Some(1.0), shape, numbers, exemplars: Vec::new() };
        for (number, labels) in (0..).zip(labels) {
            let sample = match kind.is_compound() {
                true => Sample::Compound(&compound, Times { start: 1, end: 2 }),
                false => Sample::Number(Point { value: Value::Integer(1), start_time: 1, time: 2 }, None),
            };
            let stream = Stream::new(u128::from(number) << 32 | u128::from(family));
            let arrival = Arrival { stream, update: Update::Replace, sample, now: 0 };
            self.store.add(family, labels, number, &arrival).joined.expect("there is room");
        }
    }

    /// An answer, rendered in parts of at least so many bytes.
    pub fn answer(&mut self, format: Format, part_bytes: usize) -> Vec<u8> {
        let mut cursor = self.store.cursor(Duration::ZERO, format == Format::OpenMetrics);
        let (mut renderer, mut piece, mut answer) = (Renderer::new(format, false), Piece::default(), Vec::new());
        let mut part = Vec::new();
        while self.store.piece(&mut cursor, &mut piece) {
            let mut next = Some(0);
            while let Some(from) = next {
                next = renderer.render(&mut part, &piece, from, part_bytes);
                assert!(next.is_none_or(|next| next > from), "a part without a series");
                if part.len() >= part_bytes {
                    answer.append(&mut part);
                }
            }
        }
        answer.append(&mut part);
        answer.extend_from_slice(format.end().as_bytes());
        answer
    }
}
