//! Points that are more than a number: histograms, exponential histograms, summaries.
//!
//! Each is read with all of its fields but attributes and exemplars, which its reader is told of or which are read again by who
//! wants them. Source: `opentelemetry/proto/metrics/v1/metrics.proto`.

use super::attribute::Strings;
use super::levels::each_child;
use super::message::Message;
use super::packed::Packed;
use super::schema;
use super::wire::{Fault, Field, Reader, Value};

/// What all these points have.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointHeader<'a> {
    /// `start_time_unix_nano`.
    pub start_time: u64,
    /// `time_unix_nano`.
    pub time: u64,
    /// How many observations.
    pub count: u64,
    /// Their sum; `None` where the sender wrote none.
    pub sum: Option<f64>,
    /// `flags`; bit 0 is "no recorded value".
    pub flags: u32,
    /// The whole message, for those who need its attributes or exemplars again.
    pub raw: &'a [u8],
}

impl PointHeader<'_> {
    /// Whether the point says that its series has no value any more (`FLAG_NO_RECORDED_VALUE`).
    pub fn is_stale(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// A `HistogramDataPoint`.
#[derive(Debug, Clone, Default)]
pub struct HistogramPoint<'a> {
    /// Times, count, sum, flags.
    pub header: PointHeader<'a>,
    /// `min`.
    pub min: Option<f64>,
    /// `max`.
    pub max: Option<f64>,
    /// `bucket_counts`, `fixed64`s.
    pub bucket_counts: Packed<'a>,
    /// `explicit_bounds`, doubles.
    pub bounds: Packed<'a>,
}

/// One side of an exponential histogram.
#[derive(Debug, Clone, Default)]
pub struct Buckets<'a> {
    /// The index of the first bucket.
    pub offset: i32,
    /// `bucket_counts`, varints.
    pub counts: Packed<'a>,
}

/// An `ExponentialHistogramDataPoint`.
#[derive(Debug, Clone, Default)]
pub struct ExponentialPoint<'a> {
    /// Times, count, sum, flags.
    pub header: PointHeader<'a>,
    /// `min`.
    pub min: Option<f64>,
    /// `max`.
    pub max: Option<f64>,
    /// `scale`.
    pub scale: i32,
    /// `zero_count`.
    pub zero_count: u64,
    /// `zero_threshold`.
    pub zero_threshold: f64,
    /// Buckets of positive observations.
    pub positive: Buckets<'a>,
    /// Buckets of negative observations.
    pub negative: Buckets<'a>,
}

/// A `SummaryDataPoint`. Its sum is always there.
#[derive(Debug, Clone, Default)]
pub struct SummaryPoint<'a> {
    /// Times, count, sum, flags.
    pub header: PointHeader<'a>,
    /// (quantile, value), in order.
    pub quantiles: Vec<(f64, f64)>,
}

/// Hears of a point's attributes while it is read.
pub trait Attributes<'a> {
    /// One `KeyValue`.
    fn attribute(&mut self, raw: &'a [u8]) -> Result<(), Fault>;
}

/// Which of a point's fields hold its exemplars.
#[derive(Debug, Clone, Copy)]
pub struct ExemplarField(u32);

impl ExemplarField {
    /// Of a `NumberDataPoint`.
    pub const NUMBER: ExemplarField = ExemplarField(5);
    /// Of a `HistogramDataPoint`.
    pub const HISTOGRAM: ExemplarField = ExemplarField(8);
    /// Of an `ExponentialHistogramDataPoint`.
    pub const EXPONENTIAL: ExemplarField = ExemplarField(11);

    /// The field's number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Calls `each` with every exemplar of a point.
    pub fn each<'a>(self, point: &'a [u8], each: impl FnMut(&'a [u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        each_child(point, self.0, each)
    }
}

fn double(field: &Field<'_>) -> Result<f64, Fault> {
    field.value.fixed64(field.raw).map(f64::from_bits)
}

fn zigzag(field: &Field<'_>) -> Result<i32, Fault> {
    let bits = field.value.varint(field.raw)? as u32;
    Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
}

impl<'a> HistogramPoint<'a> {
    /// Reads and checks a point.
    #[inline(always)]
    pub fn read(raw: &'a [u8], strings: Strings, attributes: &mut impl Attributes<'a>) -> Result<Self, Fault> {
        let mut point = HistogramPoint { header: PointHeader { raw, ..PointHeader::default() }, ..Default::default() };
        let mut reader = Reader::new(raw);
        // By the whole tag; what is unusual goes the long way.
        while let [tag, ..] = reader.rest {
            let header = &mut point.header;
            match *tag {
                0x4a => attributes.attribute(reader.delimited_after_tag()?)?,
                0x11 => header.start_time = reader.fixed64_after_tag()?,
                0x19 => header.time = reader.fixed64_after_tag()?,
                0x21 => header.count = reader.fixed64_after_tag()?,
                0x29 => header.sum = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                0x32 => point.bucket_counts.push_packed(reader.delimited_after_tag()?)?,
                0x3a => point.bounds.push_packed(reader.delimited_after_tag()?)?,
                0x59 => point.min = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                0x61 => point.max = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                _ => point.rare_field(&mut reader, strings, attributes)?,
            }
        }
        Ok(point)
    }

    #[inline(never)]
    fn rare_field(
        &mut self,
        reader: &mut Reader<'a>,
        strings: Strings,
        attributes: &mut impl Attributes<'a>,
    ) -> Result<(), Fault> {
        let Some(field) = reader.field()? else { return Ok(()) };
        let at = field.raw;
        let header = &mut self.header;
        match field.number {
            9 => attributes.attribute(field.value.bytes(at)?)?,
            2 => header.start_time = field.value.fixed64(at)?,
            3 => header.time = field.value.fixed64(at)?,
            4 => header.count = field.value.fixed64(at)?,
            5 => header.sum = Some(double(&field)?),
            6 => self.bucket_counts.push_fixed64s(&field)?,
            7 => self.bounds.push_fixed64s(&field)?,
            8 => schema::EXEMPLAR.check(field.value.bytes(at)?, strings)?,
            10 => header.flags = field.value.varint(at)? as u32,
            11 => self.min = Some(double(&field)?),
            12 => self.max = Some(double(&field)?),
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Buckets<'a> {
    /// Takes one piece of the message.
    fn merge(&mut self, piece: &'a [u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(piece);
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.offset = zigzag(&field)?,
                2 => self.counts.push_varints(&field)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> ExponentialPoint<'a> {
    /// Reads and checks a point.
    #[inline(always)]
    pub fn read(raw: &'a [u8], strings: Strings, attributes: &mut impl Attributes<'a>) -> Result<Self, Fault> {
        let mut point =
            ExponentialPoint { header: PointHeader { raw, ..PointHeader::default() }, ..Default::default() };
        let mut reader = Reader::new(raw);
        // By the whole tag; what is unusual goes the long way.
        while let [tag, ..] = reader.rest {
            let header = &mut point.header;
            match *tag {
                0x0a => attributes.attribute(reader.delimited_after_tag()?)?,
                0x11 => header.start_time = reader.fixed64_after_tag()?,
                0x19 => header.time = reader.fixed64_after_tag()?,
                0x21 => header.count = reader.fixed64_after_tag()?,
                0x29 => header.sum = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                0x39 => point.zero_count = reader.fixed64_after_tag()?,
                0x42 => point.positive.merge(reader.delimited_after_tag()?)?,
                0x61 => point.min = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                0x69 => point.max = Some(f64::from_bits(reader.fixed64_after_tag()?)),
                _ => point.rare_field(&mut reader, strings, attributes)?,
            }
        }
        Ok(point)
    }

    #[inline(never)]
    fn rare_field(
        &mut self,
        reader: &mut Reader<'a>,
        strings: Strings,
        attributes: &mut impl Attributes<'a>,
    ) -> Result<(), Fault> {
        let Some(field) = reader.field()? else { return Ok(()) };
        let at = field.raw;
        let header = &mut self.header;
        match field.number {
            1 => attributes.attribute(field.value.bytes(at)?)?,
            2 => header.start_time = field.value.fixed64(at)?,
            3 => header.time = field.value.fixed64(at)?,
            4 => header.count = field.value.fixed64(at)?,
            5 => header.sum = Some(double(&field)?),
            6 => self.scale = zigzag(&field)?,
            7 => self.zero_count = field.value.fixed64(at)?,
            8 => self.positive.merge(field.value.bytes(at)?)?,
            9 => self.negative.merge(field.value.bytes(at)?)?,
            10 => header.flags = field.value.varint(at)? as u32,
            11 => schema::EXEMPLAR.check(field.value.bytes(at)?, strings)?,
            12 => self.min = Some(double(&field)?),
            13 => self.max = Some(double(&field)?),
            14 => self.zero_threshold = double(&field)?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> SummaryPoint<'a> {
    /// Reads and checks a point.
    pub fn read(raw: &'a [u8], attributes: &mut impl Attributes<'a>) -> Result<Self, Fault> {
        let mut point = SummaryPoint { header: PointHeader { raw, ..PointHeader::default() }, ..Default::default() };
        point.header.sum = Some(0.0);
        let mut reader = Reader::new(raw);
        while let Some(field) = reader.field()? {
            let at = field.raw;
            let header = &mut point.header;
            match field.number {
                7 => attributes.attribute(field.value.bytes(at)?)?,
                2 => header.start_time = field.value.fixed64(at)?,
                3 => header.time = field.value.fixed64(at)?,
                4 => header.count = field.value.fixed64(at)?,
                5 => header.sum = Some(double(&field)?),
                6 => point.quantiles.push(quantile(field.value.bytes(at)?)?),
                8 => header.flags = field.value.varint(at)? as u32,
                _ => {}
            }
        }
        Ok(point)
    }
}

/// A `ValueAtQuantile`.
fn quantile(message: &[u8]) -> Result<(f64, f64), Fault> {
    let mut pair = (0.0, 0.0);
    Message::whole(message).each_field(|field| {
        match (field.number, field.value) {
            (1, Value::Fixed64(bits)) => pair.0 = f64::from_bits(bits),
            (2, Value::Fixed64(bits)) => pair.1 = f64::from_bits(bits),
            (1 | 2, _) => return Err(Fault::at(field.raw, "wire type does not fit the field")),
            _ => {}
        }
        Ok(())
    })?;
    Ok(pair)
}
