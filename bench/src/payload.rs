//! What is sent: export requests that are encoded before the clock starts.
//!
//! Points are about 104 bytes on the wire: three attributes (`work.type`, one of 16 or of as many as there are to be series;
//! `work.id`, unique; `host`), a start time, a time and an integer. Delta requests are sent as they are, again and again; where
//! there are many series, one cycle has each of them once, in random order. A cumulative point is a stream of its own (its
//! `work.id`), whose value and time grow with every round through the pool: they are fixed-width fields, written over in a copy
//! of the encoded request.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::load::Source;

/// The metric that is sent.
pub const METRIC: &str = "work.done";
/// The attribute that is kept.
pub const GROUP: &str = "work.type";
/// The attribute that makes every point unique.
pub const UNIQUE: &str = "work.id";
/// Values of [`GROUP`] unless more are asked for: the series that come out.
pub const GROUPS: usize = 16;

const HOSTS: usize = 8;
const UNIQUE_BYTES: std::ops::RangeInclusive<usize> = 8..=36;
const VALUES: std::ops::RangeInclusive<i64> = 1..=9;
/// Distinct delta requests.
const DELTA_POOL: usize = 16;
/// gRPC: not compressed, and the message's length, big endian.
pub const FRAME_BYTES: usize = 5;
/// Between two points: a tag and a length.
const POINT_HEADER_BYTES: usize = 2;
/// Where a point's time stands, and its value; a field's tag is the byte before.
const TIME_OFFSET: usize = 10;
const VALUE_OFFSET: usize = 19;
const TIME_TAG: u8 = 3 << 3 | 1;
const VALUE_TAG: u8 = 6 << 3 | 1;

/// Which kind of sum is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Input {
    /// Delta points.
    Delta,
    /// Cumulative points, each a stream of its own.
    Cumulative,
}

/// One encoded request.
struct Payload {
    /// With the gRPC frame in front.
    framed: Bytes,
    /// Where each point begins in `framed`, and its value; of cumulative points only.
    points: Vec<(usize, i64)>,
    /// Of all values.
    sum: i64,
    /// Delta: how often it was acknowledged. Cumulative: the last acknowledged round.
    acknowledged: u64,
}

/// A request to send.
pub struct Outgoing {
    /// The body of the call.
    pub framed: Bytes,
    /// Names the payload when the answer is there.
    pub ticket: Ticket,
}

/// Which payload was sent, in which round.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// Which of the pool's.
    pub payload: usize,
    /// How often the pool was gone through.
    pub round: u64,
}

/// The requests of one run, and what was acknowledged of them.
pub struct Pool {
    input: Input,
    payloads: Vec<Payload>,
    next: usize,
    round: u64,
    start: u64,
    batch: usize,
}

impl Pool {
    /// Encodes requests of `batch` points. `streams` is the least number of cumulative streams, `series` how many come out.
    pub fn new(input: Input, batch: usize, streams: usize, series: usize) -> Result<Pool> {
        let start = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
        let count = match input {
            Input::Delta => series.div_ceil(batch).max(DELTA_POOL),
            Input::Cumulative => streams.div_ceil(batch),
        };
        let mut random = fastrand::Rng::with_seed(0x07e1_1e12);
        let mut groups = Groups::new(&mut random, series);
        let payload = |_| Payload::encode(&mut random, &mut groups, input, batch, start);
        let payloads = (0..count).map(payload).collect::<Result<_>>()?;
        Ok(Pool { input, payloads, next: 0, round: 1, start, batch })
    }

    /// Which kind of sum it is of.
    pub fn input(&self) -> Input {
        self.input
    }

    /// The total that a receiver of everything acknowledged must have.
    pub fn total(&self) -> i64 {
        self.payloads.iter().map(|payload| payload.sum * payload.acknowledged.cast_signed()).sum()
    }

    /// How much more the total is once that request is acknowledged as well.
    pub fn gain(&self, ticket: Ticket) -> i64 {
        let Some(payload) = self.payloads.get(ticket.payload) else { return 0 };
        let times = match self.input {
            Input::Delta => 1,
            Input::Cumulative => ticket.round.saturating_sub(payload.acknowledged),
        };
        payload.sum * times.cast_signed()
    }

    /// Distinct input streams of cumulative points.
    pub fn streams(&self) -> Option<usize> {
        (self.input == Input::Cumulative).then_some(self.payloads.len() * self.batch)
    }

    /// Requests of one cycle: after it every series and stream has been sent.
    pub fn cycle(&self) -> u64 {
        self.payloads.len() as u64
    }

    /// Bytes of a request for each of its points.
    pub fn bytes_per_point(&self) -> f64 {
        let bytes: usize = self.payloads.iter().map(|payload| payload.framed.len()).sum();
        bytes as f64 / (self.payloads.len() * self.batch) as f64
    }
}

impl Source for Pool {
    fn path(&self) -> &'static str {
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
    }

    fn next(&mut self) -> Outgoing {
        let ticket = Ticket { payload: self.next, round: self.round };
        self.next += 1;
        if self.next == self.payloads.len() {
            (self.next, self.round) = (0, self.round + 1);
        }
        let framed = match (self.input, self.payloads.get(ticket.payload)) {
            (_, None) => Bytes::new(),
            (Input::Delta, Some(payload)) => payload.framed.clone(),
            (Input::Cumulative, Some(payload)) => payload.at(ticket.round, self.start),
        };
        Outgoing { framed, ticket }
    }

    fn acknowledge(&mut self, ticket: Ticket) {
        let Some(payload) = self.payloads.get_mut(ticket.payload) else { return };
        payload.acknowledged = match self.input {
            Input::Delta => payload.acknowledged + 1,
            Input::Cumulative => payload.acknowledged.max(ticket.round),
        };
    }
}

/// Which group each point belongs to: any of a few, or each of many in turn.
struct Groups {
    order: Vec<usize>,
    next: usize,
}

impl Groups {
    fn new(random: &mut fastrand::Rng, series: usize) -> Groups {
        let mut order: Vec<usize> = (0..series).collect();
        random.shuffle(&mut order);
        Groups { order, next: 0 }
    }

    fn name(&mut self, random: &mut fastrand::Rng) -> String {
        if self.order.len() <= GROUPS {
            return format!("type-{:02}", random.usize(..self.order.len()));
        }
        let group = self.order.get(self.next).copied().unwrap_or_default();
        self.next = (self.next + 1) % self.order.len();
        format!("type-{group:07}")
    }
}

impl Payload {
    fn encode(
        random: &mut fastrand::Rng,
        groups: &mut Groups,
        input: Input,
        batch: usize,
        start: u64,
    ) -> Result<Payload> {
        let points: Vec<NumberDataPoint> = (0..batch)
            .map(|_| {
                let group = groups.name(random);
                point(random, group, start)
            })
            .collect();
        let values = points.iter().map(value);
        let sum = values.clone().sum();
        let values: Vec<i64> = values.collect();
        let lengths: Vec<usize> = points.iter().map(Message::encoded_len).collect();
        let first = points.first().context("an empty batch")?.encode_to_vec();
        let request = request(input, points);
        let mut framed = vec![0];
        framed.extend(u32::try_from(request.encoded_len())?.to_be_bytes());
        request.encode(&mut framed)?;
        let points = match input {
            Input::Delta => Vec::new(),
            Input::Cumulative => locate(&framed, &first, &lengths)?.into_iter().zip(values).collect(),
        };
        Ok(Payload { framed: framed.into(), points, sum, acknowledged: 0 })
    }

    /// A copy whose times and values are those of a round, counted from one.
    fn at(&self, round: u64, start: u64) -> Bytes {
        let mut framed = self.framed.to_vec();
        let time = (start + round * 1_000_000).to_le_bytes();
        for (offset, value) in &self.points {
            put(&mut framed, offset + TIME_OFFSET, time);
            put(&mut framed, offset + VALUE_OFFSET, (value * round.cast_signed()).to_le_bytes());
        }
        framed.into()
    }
}

fn put(bytes: &mut [u8], offset: usize, word: [u8; 8]) {
    if let Some(into) = bytes.get_mut(offset..offset + 8) {
        into.copy_from_slice(&word);
    }
}

/// Where each point begins; they stand one behind the other, each behind a tag of one byte and its length.
fn locate(framed: &[u8], first: &[u8], lengths: &[usize]) -> Result<Vec<usize>> {
    let begin = framed.windows(first.len()).position(|window| window == first).context("the first point is missing")?;
    let mut offsets = Vec::with_capacity(lengths.len());
    let mut next = begin;
    for length in lengths {
        let tag = |offset: usize| framed.get(next + offset - 1).copied();
        ensure!(tag(TIME_OFFSET) == Some(TIME_TAG) && tag(VALUE_OFFSET) == Some(VALUE_TAG), "a field is out of place");
        ensure!(prost::length_delimiter_len(*length) == 1, "a point is longer than its header allows");
        offsets.push(next);
        next += length + POINT_HEADER_BYTES;
    }
    Ok(offsets)
}

fn point(random: &mut fastrand::Rng, group: String, start: u64) -> NumberDataPoint {
    let unique_bytes = random.usize(UNIQUE_BYTES);
    let unique: String = (0..unique_bytes).map(|_| random.alphanumeric()).collect();
    let host = format!("h{}", random.usize(..HOSTS));
    NumberDataPoint {
        attributes: vec![attribute(GROUP, group), attribute(UNIQUE, unique), attribute("host", host)],
        start_time_unix_nano: start,
        time_unix_nano: start + 1_000_000,
        value: Some(number_data_point::Value::AsInt(random.i64(VALUES))),
        ..NumberDataPoint::default()
    }
}

/// An integer point's value.
pub fn value(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => value,
        _ => 0,
    }
}

fn attribute(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn request(input: Input, data_points: Vec<NumberDataPoint>) -> ExportMetricsServiceRequest {
    let temporality = match input {
        Input::Delta => AggregationTemporality::Delta,
        Input::Cumulative => AggregationTemporality::Cumulative,
    };
    let sum = Sum { data_points, aggregation_temporality: temporality.into(), is_monotonic: true };
    let metric = Metric { name: METRIC.to_owned(), data: Some(metric::Data::Sum(sum)), ..Metric::default() };
    let scope = InstrumentationScope { name: "bench".to_owned(), ..InstrumentationScope::default() };
    let scope_metrics = ScopeMetrics { scope: Some(scope), metrics: vec![metric], ..ScopeMetrics::default() };
    let resource = Resource { attributes: vec![attribute("service.name", "bench".to_owned())], ..Resource::default() };
    let resource_metrics =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(outgoing: &Outgoing) -> Result<Vec<NumberDataPoint>> {
        let request = ExportMetricsServiceRequest::decode(outgoing.framed.slice(FRAME_BYTES..))?;
        let metrics =
            request.resource_metrics.into_iter().flat_map(|part| part.scope_metrics).flat_map(|part| part.metrics);
        Ok(metrics
            .flat_map(|metric| match metric.data {
                Some(metric::Data::Sum(sum)) => sum.data_points,
                _ => Vec::new(),
            })
            .collect())
    }

    #[test]
    fn cumulative_points_grow_with_the_round_and_nothing_else_changes() -> Result<()> {
        let mut pool = Pool::new(Input::Cumulative, 100, 250, GROUPS)?;
        assert_eq!(pool.streams(), Some(300));
        let first = pool.next();
        (0..2).for_each(|_| drop(pool.next()));
        let second = pool.next();
        let (before, after) = (decoded(&first)?, decoded(&second)?);
        assert_eq!((before.len(), after.len()), (100, 100));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(value(before) * 2, value(after));
            assert!(after.time_unix_nano > before.time_unix_nano);
            assert_eq!(
                (before.start_time_unix_nano, &before.attributes),
                (after.start_time_unix_nano, &after.attributes)
            );
        }
        pool.acknowledge(second.ticket);
        pool.acknowledge(first.ticket);
        assert_eq!(pool.total(), after.iter().map(value).sum::<i64>());
        Ok(())
    }

    #[test]
    fn a_cycle_has_each_of_many_series() -> Result<()> {
        let mut pool = Pool::new(Input::Delta, 100, 0, 2500)?;
        let mut groups = std::collections::HashSet::new();
        for _ in 0..pool.cycle() {
            let points = decoded(&pool.next())?;
            groups.extend(
                points.into_iter().filter_map(|point| point.attributes.into_iter().next()?.value?.value).map(|value| {
                    match value {
                        any_value::Value::StringValue(group) => group,
                        _ => String::new(),
                    }
                }),
            );
        }
        assert_eq!((pool.cycle(), groups.len()), (25, 2500));
        Ok(())
    }

    #[test]
    fn a_delta_point_is_about_104_bytes_and_counts_each_time() -> Result<()> {
        let mut pool = Pool::new(Input::Delta, 1000, 0, GROUPS)?;
        assert!((100.0..108.0).contains(&pool.bytes_per_point()), "{}", pool.bytes_per_point());
        let outgoing = pool.next();
        let sum: i64 = decoded(&outgoing)?.iter().map(value).sum();
        pool.acknowledge(outgoing.ticket);
        pool.acknowledge(outgoing.ticket);
        assert_eq!(pool.total(), 2 * sum);
        Ok(())
    }
}
