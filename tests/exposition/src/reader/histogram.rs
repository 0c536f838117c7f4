//! OpenMetrics, "Histogram" and "GaugeHistogram".

use anyhow::{Context, Result, ensure};

use super::points::{Point, count, integer, threshold};
use crate::exposition::Kind;

/// Checks one point of either.
pub fn check(point: &Point<'_>, kind: Kind) -> Result<()> {
    let (sum, counted) = match kind {
        Kind::GaugeHistogram => ("_gsum", "_gcount"),
        _ => ("_sum", "_count"),
    };
    let buckets = buckets(point)?;
    let (last, total) = *buckets.last().context("no bucket")?;
    ensure!(last == f64::INFINITY, "no bucket with le=\"+Inf\" at the end");
    let (sum, counted) = (point.value(sum), point.value(counted));
    ensure!(sum.is_some() == counted.is_some(), "a sum and a count are there together or not at all");
    if let Some(counted) = counted {
        ensure!(counted == total, "the count is {counted}, the last bucket {total}");
    }
    let is_negative = buckets.iter().any(|(threshold, _)| *threshold < 0.0);
    match (kind, sum) {
        (_, None) => Ok(()),
        (Kind::GaugeHistogram, Some(sum)) if is_negative => {
            ensure!(!sum.is_nan(), "the sum is NaN");
            Ok(())
        }
        (_, Some(sum)) => {
            ensure!(!is_negative, "a sum beside buckets with negative thresholds");
            count("a histogram's sum", sum)
        }
    }
}

/// Thresholds and values, which both have to increase.
fn buckets(point: &Point<'_>) -> Result<Vec<(f64, f64)>> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for sample in point.suffixed("_bucket") {
        let threshold = threshold(sample, "le")?;
        integer("a bucket", sample.value)?;
        if let Some((before, counted)) = buckets.last() {
            ensure!(*before < threshold, "buckets are not sorted by le: {before}, then {threshold}");
            ensure!(*counted <= sample.value, "buckets are not cumulative: {counted}, then {}", sample.value);
        }
        if let Some(exemplar) = &sample.exemplar {
            ensure!(exemplar.value <= threshold, "an exemplar of {} in the bucket {threshold}", exemplar.value);
        }
        buckets.push((threshold, sample.value));
    }
    Ok(buckets)
}
