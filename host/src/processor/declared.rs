//! What a plugin declares inside `describe`.

use crate::otlp::descriptors::{PatternError, Patterns};
use crate::otlp::key::Level;
use crate::otlp::keying::{Grouping, Keying};
use crate::otlp::metrics::Temporality;
use crate::otlp::projection::Projection;

const PATTERNS_MAX: usize = 1024;
const KEYINGS_MAX: usize = 8;
const PATTERN_MAX: usize = 1024;
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

/// A declaration that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// Too many patterns.
    #[error("more than {PATTERNS_MAX} metric patterns, or one of more than {PATTERN_MAX} bytes")]
    Patterns,
    /// A pattern that is no glob.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Too many keyings.
    #[error("more than {KEYINGS_MAX} keyings")]
    Keyings,
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
        Patterns::new(&patterns)?;
        self.projection.metrics.extend(patterns);
        Ok(())
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
        let keying = Keying { grouping, durable };
        if durable && keyings.iter().any(|other| other.durable && other.identity() == keying.identity()) {
            return Err(DeclareError::Twice);
        }
        keyings.push(keying);
        Ok(keyings.len() as u32 - 1)
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
    Ok(attributes.into_iter().map(|(level, key)| (level, key.into_bytes())).collect())
}
