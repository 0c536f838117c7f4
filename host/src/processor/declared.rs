//! What a plugin declares inside `describe`.

use crate::contract::Signal;
use crate::otlp::columns::Word;
use crate::otlp::field::Field;
use crate::otlp::key::Level;
use crate::otlp::keying::{Grouping, Keying, Source};
use crate::otlp::metrics::{MetricKind, Temporality};
use crate::otlp::projection::Projection;

const PATTERNS_MAX: usize = 1024;
const KEYINGS_MAX: usize = 8;
const PATTERN_MAX: usize = 1024;
const VALUES_OF_MAX: usize = 16;
const ATTRIBUTES_MAX: usize = 1024;
const FLUSH_MIN_MS: u32 = 10;

/// The declarations of one instance.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// What is read.
    pub projection: Projection,
    /// The format of the state it keeps, if it keeps any.
    pub state_format: Option<u32>,
    /// How often `flush` is called.
    pub flush_every_ms: Option<u32>,
}

/// A source as the contract has it.
#[derive(Debug, Clone)]
pub enum AnySource {
    /// An attribute.
    Attribute(Level, String),
    /// A field, by its name.
    Field(String),
}

impl AnySource {
    fn resolve(self, signal: Signal) -> Result<Source, DeclareError> {
        match self {
            AnySource::Attribute(level, key) => Ok(Source::Attribute(available(level)?, key.into_bytes())),
            AnySource::Field(name) => {
                let field = Field::of(name.as_bytes()).filter(|field| field.place(signal).is_some());
                field.map(Source::Field).ok_or(DeclareError::Field { signal, name })
            }
        }
    }
}

/// A declaration that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// Too many patterns.
    #[error("more than {PATTERNS_MAX} metric patterns, or one of more than {PATTERN_MAX} bytes")]
    Patterns,
    /// A column that batches of the signal do not have.
    #[error("{signal} have no column `{name}`")]
    Column {
        /// The signal.
        signal: Signal,
        /// What was asked for.
        name: String,
    },
    /// A field that items of the signal do not have.
    #[error("{signal} have no field `{name}`")]
    Field {
        /// The signal.
        signal: Signal,
        /// What was asked for.
        name: String,
    },
    /// What receivers keep of headers reaches no plugin yet.
    #[error("attributes of the request's metadata cannot be read")]
    Metadata,
    /// Too many columns of values.
    #[error("more than {VALUES_OF_MAX} columns of values")]
    ValuesOf,
    /// Too many keyings.
    #[error("more than {KEYINGS_MAX} keyings")]
    Keyings,
    /// A number that no keying has.
    #[error("there is no keying {0}")]
    Keying(u32),
    /// Too many attributes in one keying.
    #[error("more than {ATTRIBUTES_MAX} attributes in a keying")]
    Attributes,
    /// Two stored dictionaries under one name.
    #[error("the same durable keying declared twice")]
    Twice,
    /// A stored dictionary without state.
    #[error("a durable keying without `projection.state`")]
    NoState,
    /// Too often.
    #[error("a flush interval of less than {FLUSH_MIN_MS} ms")]
    Interval,
}

impl Declared {
    /// `projection.metrics`.
    pub fn metrics(&mut self, patterns: Vec<String>) -> Result<(), DeclareError> {
        let too_long = patterns.iter().any(|pattern| pattern.len() > PATTERN_MAX);
        if too_long || self.projection.metrics.len() + patterns.len() > PATTERNS_MAX {
            return Err(DeclareError::Patterns);
        }
        self.projection.metrics.extend(patterns);
        Ok(())
    }

    /// `projection.values`.
    pub fn values(&mut self, signal: Signal) -> Result<(), DeclareError> {
        if signal != Signal::Metrics {
            return Err(DeclareError::Column { signal, name: "values".to_owned() });
        }
        self.projection.values = true;
        Ok(())
    }

    /// `projection.kinds`.
    pub fn kinds(&mut self, kinds: &[MetricKind]) {
        let before = self.projection.kinds.unwrap_or_default();
        self.projection.kinds = Some(kinds.iter().fold(before, |all, kind| all.with(*kind)));
    }

    /// `projection.column`.
    pub fn column(&mut self, signal: Signal, name: String) -> Result<(), DeclareError> {
        const LEVELS: [&str; 3] = ["resource.attributes", "scope.attributes", "attributes"];
        if let Some(place) = LEVELS.iter().position(|known| *known == name) {
            self.projection.attributes.iter_mut().skip(place).take(1).for_each(|wanted| *wanted = true);
            return Ok(());
        }
        let histograms = &mut self.projection.histograms;
        let wanted = match name.as_str() {
            "buckets" => &mut histograms.buckets,
            "exponential_buckets" => &mut histograms.exponential_buckets,
            "quantiles" => &mut histograms.quantiles,
            "exemplars" => &mut histograms.exemplars,
            "metrics_without_points" => &mut self.projection.bare_metrics,
            "unnumbered_metrics" => &mut self.projection.unnumbered_metrics,
            _ => {
                let word = Word::of(&name).filter(|word| word.belongs_to(signal));
                self.projection.words.insert(word.ok_or(DeclareError::Column { signal, name })?);
                return Ok(());
            }
        };
        if signal != Signal::Metrics {
            return Err(DeclareError::Column { signal, name });
        }
        *wanted = true;
        Ok(())
    }

    /// `projection.value-of`.
    pub fn value_of(&mut self, signal: Signal, source: AnySource) -> Result<u32, DeclareError> {
        let columns = self.projection.values_of.len();
        if columns >= VALUES_OF_MAX {
            return Err(DeclareError::ValuesOf);
        }
        self.projection.values_of.push(source.resolve(signal)?);
        Ok(columns as u32)
    }

    /// `projection.key-by`.
    pub fn key_by(&mut self, signal: Signal, sources: Vec<AnySource>, durable: bool) -> Result<u32, DeclareError> {
        if sources.len() > ATTRIBUTES_MAX {
            return Err(DeclareError::Attributes);
        }
        let element = |source: AnySource| match source.resolve(signal)? {
            Source::Attribute(level, key) => Ok((level, key)),
            Source::Field(field) => Ok((Level::Field, field.name().as_bytes().to_vec())),
        };
        let elements = sources.into_iter().map(element).collect::<Result<_, _>>()?;
        self.keying(Grouping::Keep(elements), durable)
    }

    /// `projection.keep`.
    pub fn keep(&mut self, attributes: Vec<(Level, String)>, durable: bool) -> Result<u32, DeclareError> {
        self.keying(Grouping::Keep(named(attributes)?), durable)
    }

    /// `projection.drop`.
    pub fn drop_attributes(&mut self, attributes: Vec<(Level, String)>, durable: bool) -> Result<u32, DeclareError> {
        self.keying(Grouping::Drop(named(attributes)?), durable)
    }

    /// `projection.stream`.
    pub fn stream(&mut self, only: Option<Temporality>, durable: bool) -> Result<u32, DeclareError> {
        self.keying(Grouping::Stream(only), durable)
    }

    fn keying(&mut self, grouping: Grouping, durable: bool) -> Result<u32, DeclareError> {
        let keyings = &mut self.projection.keyings;
        if keyings.len() >= KEYINGS_MAX {
            return Err(DeclareError::Keyings);
        }
        let keying = Keying { grouping, durable, alike: false };
        if durable && keyings.iter().any(|other| other.durable && other.identity() == keying.identity()) {
            return Err(DeclareError::Twice);
        }
        keyings.push(keying);
        Ok(keyings.len() as u32 - 1)
    }

    /// `projection.alike`.
    pub fn alike(&mut self, keying: u32) -> Result<(), DeclareError> {
        let declared = self.projection.keyings.get_mut(keying as usize).ok_or(DeclareError::Keying(keying))?;
        declared.alike = true;
        Ok(())
    }

    /// What holds of the declarations together, once `describe` has returned.
    pub fn check(&self) -> Result<(), DeclareError> {
        let durable = self.projection.keyings.iter().any(|keying| keying.durable);
        if durable && self.state_format.is_none() { Err(DeclareError::NoState) } else { Ok(()) }
    }

    /// `projection.flush-every`.
    pub fn flush_every(&mut self, interval_ms: u32) -> Result<(), DeclareError> {
        if interval_ms < FLUSH_MIN_MS {
            return Err(DeclareError::Interval);
        }
        self.flush_every_ms = Some(interval_ms);
        Ok(())
    }
}

fn named(attributes: Vec<(Level, String)>) -> Result<Vec<(Level, Vec<u8>)>, DeclareError> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(DeclareError::Attributes);
    }
    attributes.into_iter().map(|(level, key)| Ok((available(level)?, key.into_bytes()))).collect()
}

fn available(level: Level) -> Result<Level, DeclareError> {
    if level == Level::Metadata { Err(DeclareError::Metadata) } else { Ok(level) }
}
