//! The record of a histogram series, and how moments are stored.

use otelier_sdk::aggregate::Moments;
use otelier_sdk::table::{Fields, Record};
use otelier_sdk::{NO_BOUNDS, NO_KEY};

use super::words::Span;

/// A series' metric number in a slot that is free.
const FREE: u32 = u32::MAX;
/// One series. Moments, buckets and start time are stored together and go on together.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The output metric, or [`FREE`].
    pub metric: u32,
    /// The group's code.
    pub key: u32,
    /// Whether this is its metric's series for what found no room.
    pub is_overflow: bool,
    /// The own number of its bounds; [`NO_BOUNDS`] for an exponential one.
    pub bounds: u32,
    /// Its buckets.
    pub span: Span,
    pub moments: Moments,
    /// Since when it counts.
    pub start: u64,
    /// When it last took a point, by the steady clock.
    pub updated: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            metric: FREE,
            key: NO_KEY,
            is_overflow: false,
            bounds: NO_BOUNDS,
            span: Span::default(),
            moments: Moments::EMPTY,
            start: 0,
            updated: 0,
        }
    }
}

pub fn write_moments(moments: &Moments, out: &mut Vec<u8>) {
    out.extend(moments.count.to_le_bytes());
    for value in [moments.sum, moments.min, moments.max] {
        out.extend(value.to_bits().to_le_bytes());
    }
}

pub fn read_moments(fields: &mut Fields<'_>) -> Option<Moments> {
    let count = fields.u64()?;
    let mut double = || fields.u64().map(f64::from_bits);
    Some(Moments { count, sum: double()?, min: double()?, max: double()? })
}

impl Record for Histogram {
    const SIZE: usize = 4 + 4 + 1 + 3 * 4 + 4 * 8 + 2 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.metric.to_le_bytes());
        out.extend(self.key.to_le_bytes());
        out.push(u8::from(self.is_overflow));
        for word in [self.bounds, self.span.first, self.span.chunks] {
            out.extend(word.to_le_bytes());
        }
        write_moments(&self.moments, out);
        out.extend(self.start.to_le_bytes());
        out.extend(self.updated.to_le_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Option<Histogram> {
        Some(Histogram {
            metric: fields.u32()?,
            key: fields.u32()?,
            is_overflow: fields.u8()? != 0,
            bounds: fields.u32()?,
            span: Span { first: fields.u32()?, chunks: fields.u32()? },
            moments: read_moments(fields)?,
            start: fields.u64()?,
            updated: fields.u64()?,
        })
    }
}

impl Histogram {
    pub fn is_free(&self) -> bool {
        self.metric == FREE
    }
}
