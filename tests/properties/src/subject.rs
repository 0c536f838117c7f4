//! The host as the properties see it: calls and types whose shape changes when the host learns more are named here and
//! nowhere else.

use crate::contract::Signal;
use crate::model::{self, Batch};
use crate::oracle;
use crate::otlp::Malformed;
use crate::otlp::columns::{Bitmap, Columns, Run};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::edit::{EditError, Edits, apply};
use crate::otlp::emit::{Emission, Points, encode};
use crate::otlp::key::Level;
use crate::otlp::keying::{Grouping, Keying};
use crate::otlp::metrics::Temporality;
use crate::otlp::projection::{Projection, Projector};

/// Every level of a key, by its number.
pub const LEVELS: [Level; 7] = [
    Level::Resource,
    Level::Scope,
    Level::Item,
    Level::Metadata,
    Level::ScopeIdentity,
    Level::MetricIdentity,
    Level::Field,
];

/// All columns, and a keying of every sort.
pub fn everything() -> Projection {
    let keying = |grouping| Keying { grouping, durable: false };
    let named = |level, name: &str| (level, name.as_bytes().to_vec());
    Projection {
        metrics: vec!["*".to_owned()],
        values: true,
        times: true,
        start_times: true,
        keyings: vec![
            keying(Grouping::Keep(vec![named(Level::Item, "a"), named(Level::Resource, "a"), named(Level::Scope, "")])),
            keying(Grouping::Drop(vec![named(Level::Item, "a"), named(Level::Resource, "b")])),
            keying(Grouping::Drop(Vec::new())),
            keying(Grouping::Stream(None)),
            keying(Grouping::Stream(Some(Temporality::Delta))),
        ],
        ..Projection::default()
    }
}

/// A projector of everything, with dictionaries of at most so many keys.
pub fn projector(entries_max: usize) -> Projector {
    Projector::new(Signal::Metrics, everything(), entries_max)
}

/// What a projection of everything should say; `None` where prost reads no request.
pub fn expected(bytes: &[u8]) -> Option<Batch> {
    let projection = everything();
    let request = oracle::metrics(bytes)?;
    Some(model::project(&request, &projection.metrics, &projection.keyings))
}

pub fn items(columns: &Columns) -> u64 {
    columns.layout.items
}

pub fn rows(columns: &Columns) -> usize {
    columns.layout.rows as usize
}

pub fn runs(columns: &Columns) -> &[Run] {
    &columns.layout.runs
}

/// A request without some of its rows.
pub fn remove(bytes: &[u8], columns: &Columns, removed: &Bitmap) -> Result<Vec<u8>, EditError> {
    apply(Signal::Metrics, bytes, &columns.layout, removed, &Edits::default())
}

/// Points of one metric that a guest emits. All lists are of the same length, but start times may be absent.
pub struct Emitted {
    pub descriptor: Descriptor,
    pub keys: Vec<Box<[u8]>>,
    pub start_times: Vec<u64>,
    pub times: Vec<u64>,
    pub values: Values,
}

pub enum Values {
    Doubles(Vec<f64>),
    Integers(Vec<i64>),
}

/// What a guest emits, as the host takes it.
pub fn emissions(emitted: &[Emitted]) -> Vec<Emission> {
    let emission = |emitted: &Emitted| Emission {
        descriptor: emitted.descriptor.clone(),
        keys: emitted.keys.clone(),
        start_times: emitted.start_times.clone(),
        times: emitted.times.clone(),
        exemplars: Vec::new(),
        points: match &emitted.values {
            Values::Doubles(values) => Points::Doubles(values.clone()),
            Values::Integers(values) => Points::Integers(values.clone()),
        },
    };
    emitted.iter().map(emission).collect()
}

/// The request that emissions become.
pub fn emit(emissions: &[Emission]) -> Result<Vec<u8>, Malformed> {
    encode(emissions)
}
