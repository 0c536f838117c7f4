//! Removing rows from bytes is removing points from the decoded structs.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric::Data};
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::remove_rows;
use otelier::otlp::{Strings, columns::Columns};
use otelier_tests::generate::{chance, metrics, pick, schema, vary};
use prost::Message;

use crate::projections::{projection, projector};
use crate::{model, seeds};

/// Removes rows; a parent that loses its last child goes with it, one that had none stays.
fn without(
    mut request: ExportMetricsServiceRequest,
    batch: &model::Batch,
    removed: &Bitmap,
) -> ExportMetricsServiceRequest {
    let mut ordinal = 0;
    request.resource_metrics.retain_mut(|resource_metrics| {
        let had_scopes = !resource_metrics.scope_metrics.is_empty();
        resource_metrics.scope_metrics.retain_mut(|scope_metrics| {
            let had_metrics = !scope_metrics.metrics.is_empty();
            scope_metrics.metrics.retain_mut(|metric| {
                let run = batch.runs.iter().position(|run| run.ordinal == ordinal);
                ordinal += 1;
                let Some(run) = run else { return true };
                let first = if run == 0 { 0 } else { batch.runs[run - 1].end };
                match &mut metric.data {
                    Some(Data::Gauge(gauge)) => keep(&mut gauge.data_points, first, removed),
                    Some(Data::Sum(sum)) => keep(&mut sum.data_points, first, removed),
                    _ => true,
                }
            });
            !had_metrics || !scope_metrics.metrics.is_empty()
        });
        !had_scopes || !resource_metrics.scope_metrics.is_empty()
    });
    request
}

fn keep(points: &mut Vec<NumberDataPoint>, first: usize, removed: &Bitmap) -> bool {
    let had_points = !points.is_empty();
    let mut rows = first..;
    points.retain(|_| rows.next().is_some_and(|row| !removed.get(row)));
    !had_points || !points.is_empty()
}

#[test]
fn removed_rows_are_gone_and_nothing_else_is() {
    seeds::check(4000, |rng| {
        let request = metrics::request(rng);
        let plain = request.encode_to_vec();
        let bytes = vary(rng, &schema::METRICS, &plain);
        let projection = projection(rng);
        let columns = projector(&projection, 1000).project(&bytes, Strings::Utf8).unwrap();
        let batch = model::project(&request, &projection.metrics, &projection.keyings);
        let percent = pick(rng, &[0, 10, 50, 90, 100]);
        let mut removed = Bitmap::default();
        (0..batch.rows.len()).filter(|_| chance(rng, percent)).for_each(|row| removed.set(row));

        let left = remove_rows(&bytes, &columns, &removed).unwrap();
        let left: ExportMetricsServiceRequest = model::decode(&left);
        let expected = without(request, &batch, &removed);
        assert_eq!(left.encode_to_vec(), expected.encode_to_vec(), "{removed:?} of {bytes:02x?}");
    });
}

#[test]
fn removing_nothing_from_a_plain_request_copies_it() {
    seeds::check(500, |rng| {
        let plain = metrics::request(rng).encode_to_vec();
        let columns = projector(&projection(rng), 1000).project(&plain, Strings::Utf8).unwrap();
        assert_eq!(remove_rows(&plain, &columns, &Bitmap::default()).unwrap(), plain);
    });
}

/// A guest chooses the bitmap, and a bug of ours might pair columns with other bytes: neither may panic.
#[test]
fn a_bitmap_or_columns_that_do_not_fit_are_harmless() {
    seeds::check(500, |rng| {
        let [bytes, other] = [metrics::request(rng), metrics::request(rng)].map(|request| request.encode_to_vec());
        let columns = projector(&projection(rng), 1000).project(&other, Strings::Utf8).unwrap();
        let removed = Bitmap::from_words((0..rng.usize(..6)).map(|_| rng.u64(..)).collect());
        for columns in [columns, Columns::default()] {
            if let Ok(left) = remove_rows(&bytes, &columns, &removed) {
                let _: ExportMetricsServiceRequest = model::decode(&left);
            }
        }
    });
}
