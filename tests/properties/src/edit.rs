//! Removing rows from bytes is removing points from the decoded structs.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric::Data};
use prost::Message;

use crate::contract::Signal;
use crate::memory::bounded;
use crate::oracle;
use crate::otlp::columns::Bitmap;
use crate::otlp::{self, Strings};
use crate::subject;

/// The output, and the one that is being written at each level.
const FACTOR: usize = 100;
const BASE: usize = 4 << 10;

pub fn check(bytes: &[u8]) {
    let Ok(columns) = subject::projector(0).project(bytes, Strings::Bytes) else { return };
    let choices: [fn(usize) -> bool; 4] = [|_| false, |_| true, |row| row % 2 == 0, |row| row % 3 != 0];
    for chosen in choices {
        let mut removed = Bitmap::default();
        (0..subject::rows(&columns)).filter(|row| chosen(*row)).for_each(|row| removed.set(row));
        let edited = bounded(bytes.len(), FACTOR, BASE, || subject::remove(bytes, &columns, &removed));
        let left = edited.expect("what was projected can be edited");
        assert!(left.len() <= bytes.len(), "removing adds nothing");
        let items = otlp::check(Signal::Metrics, &left, Strings::Bytes);
        assert_eq!(items, Ok(subject::items(&columns) - removed.count()));
        if let Some(request) = oracle::metrics(bytes) {
            let found = oracle::metrics(&left).expect("an edited request is one");
            assert_eq!(found.encode_to_vec(), without(request, &removed).encode_to_vec());
        }
    }
}

/// Removes rows; a parent that loses its last child this way goes with it, one that had none stays.
fn without(mut request: ExportMetricsServiceRequest, removed: &Bitmap) -> ExportMetricsServiceRequest {
    let mut row = 0;
    request.resource_metrics.retain_mut(|resource_metrics| {
        keep(&mut resource_metrics.scope_metrics, |scope_metrics| {
            keep(&mut scope_metrics.metrics, |metric| match &mut metric.data {
                Some(Data::Gauge(gauge)) => keep_points(&mut gauge.data_points, &mut row, removed),
                Some(Data::Sum(sum)) => keep_points(&mut sum.data_points, &mut row, removed),
                _ => true,
            })
        })
    });
    request
}

fn keep_points(points: &mut Vec<NumberDataPoint>, row: &mut usize, removed: &Bitmap) -> bool {
    keep(points, |_| {
        *row += 1;
        !removed.get(*row - 1)
    })
}

/// Keeps some children, and says whether the parent stays.
fn keep<T>(children: &mut Vec<T>, stays: impl FnMut(&mut T) -> bool) -> bool {
    let had_some = !children.is_empty();
    children.retain_mut(stays);
    !had_some || !children.is_empty()
}
