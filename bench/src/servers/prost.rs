//! What a collector that decodes does: the generated structs of prost, and hash maps keyed by strings. In memory, nothing stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use bytes::{Buf, Bytes};
use h2::RecvStream;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, metric};
use prost::Message;

use super::http2::{self, Service};
use crate::payload::{FRAME_BYTES, GROUP, METRIC, UNIQUE, value};

/// Totals by group, and the last value of each cumulative stream.
#[derive(Default)]
struct Totals {
    groups: HashMap<String, i64>,
    streams: HashMap<String, i64>,
}

#[derive(Default)]
struct Decoding(Mutex<Totals>);

impl Service for Decoding {
    async fn receive(&self, body: RecvStream) -> Result<()> {
        let mut message = collect(body).await?;
        message.advance(FRAME_BYTES);
        let request = ExportMetricsServiceRequest::decode(message)?;
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics).filter(|metric| metric.name == METRIC) {
            totals.add(metric);
        }
        Ok(())
    }

    fn total(&self) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).groups.values().sum()
    }
}

impl Totals {
    fn add(&mut self, metric: &Metric) {
        let Some(metric::Data::Sum(sum)) = &metric.data else { return };
        let cumulative = sum.aggregation_temporality == i32::from(AggregationTemporality::Cumulative);
        for point in &sum.data_points {
            let increase = if cumulative { self.increase(point) } else { value(point) };
            let Some(group) = attribute(point, GROUP) else { continue };
            match self.groups.get_mut(group) {
                Some(total) => *total += increase,
                None => drop(self.groups.insert(group.to_owned(), increase)),
            }
        }
    }

    /// Late points add nothing. The name alone stands for the stream here: less than a real identity.
    fn increase(&mut self, point: &NumberDataPoint) -> i64 {
        let (Some(stream), value) = (attribute(point, UNIQUE), value(point)) else { return 0 };
        match self.streams.get_mut(stream) {
            Some(last) => {
                let increase = (value - *last).max(0);
                *last += increase;
                increase
            }
            None => {
                self.streams.insert(stream.to_owned(), value);
                value
            }
        }
    }
}

fn attribute<'p>(point: &'p NumberDataPoint, key: &str) -> Option<&'p str> {
    let attribute = point.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Most messages arrive in one piece; what does not is joined.
async fn collect(mut body: RecvStream) -> Result<Bytes> {
    let mut message = Bytes::new();
    let mut joined = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        if message.is_empty() {
            message = data;
        } else {
            joined.extend_from_slice(&data);
        }
    }
    if joined.is_empty() { Ok(message) } else { Ok([&message[..], &joined].concat().into()) }
}

/// Serves until standard input closes.
pub fn run() -> Result<()> {
    http2::run(Decoding::default())
}
