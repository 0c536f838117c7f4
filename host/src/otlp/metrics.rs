//! `ExportMetricsServiceRequest` in place: one walk, front to back, that tells a visitor what it passes.
//!
//! Whatever the order of fields, a visitor hears of a metric's name, kind and temporality before its points; see [`Order`] for
//! what that takes. Source: `opentelemetry/proto/metrics/v1/metrics.proto`.

use super::attribute::{Attribute, Strings};
use super::levels::{self, Levels, Order, UNUSUAL};
use super::message::Message;
pub use super::metric_kind::MetricKind;
use super::parts::{POINTS_MAX, TOO_MANY_POINTS, one_more};
use super::points::{Attributes, ExponentialPoint, HistogramPoint, SummaryPoint};
use super::schema;
use super::wire::{Fault, Field, Malformed, Reader};

/// What `AggregationTemporality` a metric has; other numbers than the specified ones count as unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Temporality {
    /// 0, unknown, or a kind that has none.
    Unspecified,
    /// 1.
    Delta,
    /// 2.
    Cumulative,
}

/// A metric without its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetricHeader<'a> {
    /// `name`, as bytes.
    pub name: &'a [u8],
    /// `unit`, as bytes.
    pub unit: &'a [u8],
    /// `description`, as bytes.
    pub description: &'a [u8],
    /// `None` when no data is set: such a metric has no points.
    pub kind: Option<MetricKind>,
    /// Of sums and histograms.
    pub temporality: Temporality,
    /// Of sums.
    pub monotonic: bool,
}

/// The value of a `NumberDataPoint`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Neither `as_double` nor `as_int`.
    None,
    /// `as_double`.
    Double(f64),
    /// `as_int`.
    Integer(i64),
}

/// A `NumberDataPoint` without its attributes, which were visited before it.
#[derive(Debug, Clone, Copy)]
pub struct NumberPoint<'a> {
    /// `start_time_unix_nano`.
    pub start_time: u64,
    /// `time_unix_nano`.
    pub time: u64,
    /// The value.
    pub value: Number,
    /// `flags`; bit 0 is "no recorded value".
    pub flags: u32,
    /// Whether there are exemplars, which stand in `raw`.
    pub has_exemplars: bool,
    /// The whole message, for those who need its attributes again.
    pub raw: &'a [u8],
}

impl NumberPoint<'_> {
    /// Whether the point says that its series has no value any more (`FLAG_NO_RECORDED_VALUE`).
    pub fn is_stale(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// What to do with a metric's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Report each point and its attributes.
    Points,
    /// Check and count them only.
    Skip,
}

/// Hears what a walk passes, parents before children.
pub trait MetricsVisitor<'a> {
    /// A `ResourceMetrics` begins; `resource` may be absent.
    fn resource(&mut self, _resource: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }

    /// The schema URL of the scope that is told next; empty where there is none, and always in [`Order::Usual`].
    fn scope_schema_url(&mut self, _url: &'a [u8]) {}

    /// A `ScopeMetrics` begins; `scope` may be absent.
    fn scope(&mut self, _scope: &Message<'a>) -> Result<(), Fault> {
        Ok(())
    }

    /// An entry of the `metadata` of the metric that is told next: the whole `KeyValue`.
    fn metric_metadata(&mut self, _entry: &'a [u8]) {}

    /// A metric begins.
    fn metric(&mut self, metric: &MetricHeader<'a>) -> Result<Visit, Fault>;

    /// Points were skipped, as [`metric`](Self::metric) asked: how many.
    fn skipped(&mut self, _points: u64) {}

    /// An attribute of the point that will be reported next: its key, and the whole `KeyValue`.
    fn attribute(&mut self, _key: &'a [u8], _raw: &'a [u8]) -> Result<(), Fault> {
        Ok(())
    }

    /// A gauge's or sum's point ends.
    fn number(&mut self, _point: &NumberPoint<'a>) -> Result<(), Fault> {
        Ok(())
    }

    /// A histogram's point ends.
    fn histogram(&mut self, _point: &HistogramPoint<'a>) -> Result<(), Fault> {
        Ok(())
    }

    /// An exponential histogram's point ends.
    fn exponential(&mut self, _point: &ExponentialPoint<'a>) -> Result<(), Fault> {
        Ok(())
    }

    /// A summary's point ends.
    fn summary(&mut self, _point: &SummaryPoint<'a>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Walks a whole request, checking every byte of it, and returns how many data points of any kind it has.
pub fn walk<'a, V: MetricsVisitor<'a>>(
    request: &'a [u8],
    strings: Strings,
    order: Order,
    visitor: &mut V,
) -> Result<u64, Malformed> {
    let mut walk = Walk { strings, order, visitor, points: 0 };
    levels::walk(request, strings, order, &mut walk).map_err(|fault| fault.within(request))?;
    Ok(walk.points)
}

struct Walk<'v, V> {
    strings: Strings,
    order: Order,
    visitor: &'v mut V,
    points: u64,
}

impl<'a, V: MetricsVisitor<'a>> Levels<'a> for Walk<'_, V> {
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault> {
        self.visitor.resource(resource)
    }

    fn scope_schema_url(&mut self, url: &'a [u8]) {
        self.visitor.scope_schema_url(url);
    }

    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault> {
        self.visitor.scope(scope)
    }

    fn child(&mut self, metric: &'a [u8]) -> Result<(), Fault> {
        self.metric(metric)
    }
}

impl<'a, V: MetricsVisitor<'a>> Attributes<'a> for Walk<'_, V> {
    fn attribute(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        Walk::attribute(self, raw)
    }
}

impl<'a, V: MetricsVisitor<'a>> Walk<'_, V> {
    fn metric(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let visitor = &mut *self.visitor;
        let (mut header, data) = read_own_and(message, self.strings, |entry| visitor.metric_metadata(entry))?;
        let Some(kind) = header.kind else { return self.visitor.metric(&header).map(drop) };
        let beside = match (self.order, data.one_piece()) {
            (Order::Usual, Some(piece)) => Beside::guess(kind, piece),
            _ => Beside::read(kind, &data)?,
        };
        header.temporality = beside.temporality;
        header.monotonic = beside.monotonic;
        let found = match (self.visitor.metric(&header)?, kind) {
            (Visit::Skip, _) => self.skip(kind, &data)?,
            (Visit::Points, MetricKind::Gauge | MetricKind::Sum) => self.numbers(kind, &data)?,
            (Visit::Points, _) => self.points(kind, &data)?,
        };
        if found == beside { Ok(()) } else { Err(Fault::at(message, UNUSUAL)) }
    }

    fn skip(&mut self, kind: MetricKind, data: &Message<'a>) -> Result<Beside, Fault> {
        schema::of_kind(kind).check_pieces(data, self.strings)?;
        let (mut points, mut beside) = (0, Beside::none(kind));
        data.each_field(|field| match field.number {
            1 => {
                points += 1;
                Ok(())
            }
            _ => beside.field(&field),
        })?;
        self.points += points;
        if self.points > POINTS_MAX {
            return Err(Fault::at(data.one_piece().unwrap_or_default(), TOO_MANY_POINTS));
        }
        self.visitor.skipped(points);
        Ok(beside)
    }

    fn points(&mut self, kind: MetricKind, data: &Message<'a>) -> Result<Beside, Fault> {
        let mut beside = Beside::none(kind);
        data.each_field(|field| match field.number {
            1 => self.point(kind, field.value.bytes(field.raw)?),
            _ => beside.field(&field),
        })?;
        Ok(beside)
    }

    fn point(&mut self, kind: MetricKind, raw: &'a [u8]) -> Result<(), Fault> {
        let strings = self.strings;
        one_more(&mut self.points, POINTS_MAX, raw, TOO_MANY_POINTS)?;
        match kind {
            MetricKind::Gauge | MetricKind::Sum => self.number(raw),
            MetricKind::Histogram => {
                let point = HistogramPoint::read(raw, strings, self)?;
                self.visitor.histogram(&point)
            }
            MetricKind::ExponentialHistogram => {
                let point = ExponentialPoint::read(raw, strings, self)?;
                self.visitor.exponential(&point)
            }
            MetricKind::Summary => {
                let point = SummaryPoint::read(raw, self)?;
                self.visitor.summary(&point)
            }
        }
    }

    fn numbers(&mut self, kind: MetricKind, data: &Message<'a>) -> Result<Beside, Fault> {
        let mut beside = Beside::none(kind);
        for piece in data.pieces() {
            let mut reader = Reader::new(piece);
            while let [first, ..] = reader.rest {
                if *first == 0x0a {
                    let point = reader.delimited_after_tag()?;
                    one_more(&mut self.points, POINTS_MAX, point, TOO_MANY_POINTS)?;
                    self.number(point)?;
                    continue;
                }
                let Some(field) = reader.field()? else { break };
                if field.number == 1 {
                    one_more(&mut self.points, POINTS_MAX, field.raw, TOO_MANY_POINTS)?;
                    self.number(field.value.bytes(field.raw)?)?;
                } else {
                    beside.field(&field)?;
                }
            }
        }
        Ok(beside)
    }

    #[inline]
    fn number(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let mut point =
            NumberPoint { start_time: 0, time: 0, value: Number::None, flags: 0, has_exemplars: false, raw };
        let mut reader = Reader { rest: self.usual_front(raw, &mut point) };
        while let [tag, ..] = reader.rest {
            match *tag {
                0x3a => self.attribute(reader.delimited_after_tag()?)?,
                0x11 => point.start_time = reader.fixed64_after_tag()?,
                0x19 => point.time = reader.fixed64_after_tag()?,
                0x21 => point.value = Number::Double(f64::from_bits(reader.fixed64_after_tag()?)),
                0x31 => point.value = Number::Integer(reader.fixed64_after_tag()?.cast_signed()),
                _ => self.rare_point_field(&mut reader, &mut point)?,
            }
        }
        self.visitor.number(&point)
    }

    /// Most encoders begin a point with its two times and its value: taken in one step. Returns what is left to read.
    #[inline(always)]
    fn usual_front(&self, raw: &'a [u8], point: &mut NumberPoint<'a>) -> &'a [u8] {
        let Some((front, rest)) = raw.split_first_chunk::<27>() else { return raw };
        let [0x11, a0, a1, a2, a3, a4, a5, a6, a7, 0x19, b0, b1, b2, b3, b4, b5, b6, b7, tag, value @ ..] = *front
        else {
            return raw;
        };
        let value = u64::from_le_bytes(value);
        point.value = match tag {
            0x31 => Number::Integer(value.cast_signed()),
            0x21 => Number::Double(f64::from_bits(value)),
            _ => return raw,
        };
        point.start_time = u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]);
        point.time = u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
        rest
    }

    /// Only slices go through: a value that had to be assembled on the side would stall every one.
    #[inline(always)]
    fn attribute(&mut self, raw: &'a [u8]) -> Result<(), Fault> {
        let key = Attribute::read_key(raw, self.strings)?;
        self.visitor.attribute(key, raw)
    }

    #[cold]
    fn rare_point_field(&mut self, reader: &mut Reader<'a>, point: &mut NumberPoint<'a>) -> Result<(), Fault> {
        let Some(field) = reader.field()? else { return Ok(()) };
        let at = field.raw;
        match field.number {
            2 => point.start_time = field.value.fixed64(at)?,
            3 => point.time = field.value.fixed64(at)?,
            4 => point.value = Number::Double(f64::from_bits(field.value.fixed64(at)?)),
            5 => {
                point.has_exemplars = true;
                schema::EXEMPLAR.check(field.value.bytes(at)?, self.strings)?;
            }
            6 => point.value = Number::Integer(field.value.fixed64(at)?.cast_signed()),
            7 => {
                self.attribute(field.value.bytes(at)?)?;
            }
            8 => point.flags = field.value.varint(at)? as u32,
            _ => {}
        }
        Ok(())
    }
}

/// Reads a `Metric`'s own fields and gathers the pieces of the data variant that is in force.
pub fn read_metric<'a>(message: &'a [u8], strings: Strings) -> Result<(MetricHeader<'a>, Message<'a>), Fault> {
    let (mut header, data) = read_own(message, strings)?;
    if let Some(kind) = header.kind {
        let beside = Beside::read(kind, &data)?;
        header.temporality = beside.temporality;
        header.monotonic = beside.monotonic;
    }
    Ok((header, data))
}

/// The same but for temporality and monotonicity.
pub(super) fn read_own<'a>(message: &'a [u8], strings: Strings) -> Result<(MetricHeader<'a>, Message<'a>), Fault> {
    read_own_and(message, strings, |_| {})
}

/// The same, with a look at each entry of the metric's metadata.
fn read_own_and<'a>(
    message: &'a [u8],
    strings: Strings,
    mut metadata: impl FnMut(&'a [u8]),
) -> Result<(MetricHeader<'a>, Message<'a>), Fault> {
    let mut header = MetricHeader {
        name: &[],
        unit: &[],
        description: &[],
        kind: None,
        temporality: Temporality::Unspecified,
        monotonic: false,
    };
    let mut data = Message::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        let at = field.raw;
        match field.number {
            1 => header.name = strings.text(field.value, at)?,
            2 => header.description = strings.text(field.value, at)?,
            3 => header.unit = strings.text(field.value, at)?,
            12 => {
                let entry = field.value.bytes(at)?;
                schema::KEY_VALUE.check(entry, strings)?;
                metadata(entry);
            }
            number => {
                let Some(kind) = MetricKind::of_field(number) else { continue };
                let piece = field.value.bytes(at)?;
                if header.kind.is_some_and(|before| before != kind) {
                    // The variant that is replaced was still part of the request: it has to be well formed.
                    header.kind.map_or(Ok(()), |before| schema::of_kind(before).check_pieces(&data, strings))?;
                    data.clear();
                }
                header.kind = Some(kind);
                data.push(piece);
            }
        }
    }
    Ok((header, data))
}

/// Temporality and monotonicity, which stand beside the points: before or, as encoders write them, behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beside {
    kind: MetricKind,
    temporality: Temporality,
    monotonic: bool,
}

impl Beside {
    fn none(kind: MetricKind) -> Beside {
        Beside { kind, temporality: Temporality::Unspecified, monotonic: false }
    }

    fn has_temporality(self) -> bool {
        matches!(self.kind, MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram)
    }

    /// One of the fields that are no points.
    fn field(&mut self, field: &Field<'_>) -> Result<(), Fault> {
        match field.number {
            2 if self.has_temporality() => self.temporality = temporality(field.value.varint(field.raw)?),
            3 if self.kind == MetricKind::Sum => self.monotonic = field.value.varint(field.raw)? != 0,
            _ => {}
        }
        Ok(())
    }

    /// What the last bytes look like. They may be part of a point: who goes by this compares it with what he finds.
    fn guess(kind: MetricKind, data: &[u8]) -> Beside {
        let mut guess = Beside::none(kind);
        let rest = match data {
            [rest @ .., 0x18, monotonic @ 0..=1] if kind == MetricKind::Sum => {
                guess.monotonic = *monotonic == 1;
                rest
            }
            _ => data,
        };
        if let ([.., 0x10, number @ 0..=2], true) = (rest, guess.has_temporality()) {
            guess.temporality = temporality(u64::from(*number));
        }
        guess
    }

    /// From all fields, stepping over the points.
    fn read(kind: MetricKind, data: &Message<'_>) -> Result<Beside, Fault> {
        let mut beside = Beside::none(kind);
        if !beside.has_temporality() {
            return Ok(beside);
        }
        for piece in data.pieces() {
            let mut reader = Reader::new(piece);
            while let [first, ..] = reader.rest {
                if *first == 0x0a {
                    reader.delimited_after_tag()?;
                } else if let Some(field) = reader.field()? {
                    beside.field(&field)?;
                }
            }
        }
        Ok(beside)
    }
}

fn temporality(number: u64) -> Temporality {
    // An enum is a 32-bit integer on the wire; the upper half of the varint is cut, as the generated parsers do.
    match number as u32 {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}
