//! A guest that emits histograms and exemplars that are none.

use otelier_sdk::bindings::otelier::plugin::output;
use otelier_sdk::{
    Batch, Blob, Descriptor, ExponentialBuckets, ExponentialHistograms, Failure, Histograms, MetricKind, NO_BOUNDS,
    NO_KEY,
};
use serde::Deserialize;
use tally::{Shown, Tally, Vice, rows_seen};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Bounds of which the second is less than the first.
    #[default]
    BoundsDescending,
    /// Bounds of which one is no number.
    BoundsNan,
    /// One bound more than may be.
    BoundsTooMany,
    /// Bounds that were never described.
    UnknownBounds,
    /// Points of which the second's buckets end before the first's.
    EndsDescending,
    /// Points whose buckets are said to be more than there are.
    EndsBeyond,
    /// The same in an exponential histogram.
    ExponentialEnds,
    /// As many buckets as bounds.
    OneBucketTooFew,
    /// Buckets without bounds.
    BucketsWithoutBounds,
    /// No sum in the row after the last.
    NoSumBeyond,
    /// Histograms of a metric that is a sum.
    Numbers,
    /// An exemplar of the row after the last.
    ExemplarBeyond,
    /// Exemplars of the second row, then of the first.
    ExemplarsDescending,
    /// An exemplar that is no message.
    ExemplarMalformed,
    /// An exemplar before anything was emitted.
    ExemplarAlone,
}

impl Vice for Way {
    fn after_work(&self, _: &mut Batch<'_>, shown: &Shown) -> Result<(), Failure> {
        let keying = shown.keying.number();
        let emit = |points: &Histograms| output::emit_histograms(output::describe(&histogram()), keying, points);
        let exemplars = |rows: &[u32], entry: &[u8]| {
            output::exemplars(rows, &rows.iter().map(|_| entry).collect::<Blob>());
        };
        match self {
            Way::BoundsDescending => describe(&[2.0, 1.0]),
            Way::BoundsNan => describe(&[f64::NAN]),
            Way::BoundsTooMany => describe(&(0..4097).map(f64::from).collect::<Vec<_>>()),
            Way::UnknownBounds => emit(&Histograms { bounds: vec![999, 999], ..points() }),
            Way::EndsDescending => emit(&Histograms { bucket_ends: vec![5, 4], ..points() }),
            Way::EndsBeyond => emit(&Histograms { bucket_ends: vec![2, u32::MAX], ..points() }),
            Way::ExponentialEnds => {
                let metric = output::describe(&Descriptor { kind: MetricKind::ExponentialHistogram, ..histogram() });
                output::emit_exponential_histograms(metric, keying, &exponential());
            }
            Way::OneBucketTooFew => {
                emit(&Histograms { bucket_ends: vec![1, 2], bucket_counts: vec![1, 1], ..points() });
            }
            Way::BucketsWithoutBounds => emit(&Histograms { bounds: vec![NO_BOUNDS, NO_BOUNDS], ..points() }),
            Way::NoSumBeyond => emit(&Histograms { no_sum: vec![1 << 2], ..points() }),
            Way::Numbers => output::emit_histograms(output::describe(&rows_seen()), keying, &points()),
            Way::ExemplarAlone => exemplars(&[0], &[]),
            Way::ExemplarBeyond | Way::ExemplarsDescending | Way::ExemplarMalformed => {
                emit(&points());
                match self {
                    Way::ExemplarBeyond => exemplars(&[2], &[]),
                    Way::ExemplarsDescending => exemplars(&[1, 0], &[]),
                    _ => exemplars(&[0], &[0xff]),
                }
            }
        }
        Ok(())
    }
}

fn describe(bounds: &[f64]) {
    output::bounds(bounds);
}

fn histogram() -> Descriptor {
    Descriptor { name: "sizes".to_owned(), kind: MetricKind::Histogram, monotonic: false, ..rows_seen() }
}

/// Two points as they should be, with one bound.
fn points() -> Histograms {
    let bounds = output::bounds(&[1.0]);
    Histograms {
        keys: vec![NO_KEY; 2],
        start_times: Vec::new(),
        times: vec![1; 2],
        counts: vec![2; 2],
        sums: vec![2.0; 2],
        no_sum: Vec::new(),
        mins: Vec::new(),
        maxs: Vec::new(),
        bounds: vec![bounds; 2],
        bucket_ends: vec![2, 4],
        bucket_counts: vec![1; 4],
    }
}

/// A point whose buckets are said to be more than there are.
fn exponential() -> ExponentialHistograms {
    let side = |end| ExponentialBuckets { offsets: vec![0], ends: vec![end], counts: vec![1] };
    ExponentialHistograms {
        keys: vec![NO_KEY],
        start_times: Vec::new(),
        times: vec![1],
        counts: vec![2],
        sums: vec![2.0],
        no_sum: Vec::new(),
        mins: Vec::new(),
        maxs: Vec::new(),
        scales: vec![0],
        zero_counts: vec![0],
        zero_thresholds: vec![0.0],
        positive: side(1),
        negative: side(2),
    }
}

otelier_sdk::export!(Tally<Way>);
