//! Why rows are dropped, counted between flushes and told once at each.

use otelier_sdk::Log;
use otelier_sdk::aggregate::{Ignored, Malformed, TooLarge};

/// What happened to rows that were not simply absorbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A monotonic sum would fall.
    Negative,
    /// NaN or infinite.
    NotFinite,
    /// "No recorded value".
    NoValue,
    /// Neither delta nor cumulative.
    Temporality,
    /// Bounds that do not ascend, or are not finite.
    Bounds,
    /// A number of buckets that does not fit the bounds, or counts that do not add up.
    Buckets,
    /// A scale, a zero threshold or buckets beyond what doubles hold.
    Scale,
    /// More different bounds than can be kept.
    BoundsRoom,
    /// More bucket counts than can be kept.
    BucketsRoom,
    /// A cumulative stream beyond `max_streams`, or beyond the dictionary's bound.
    Untracked,
    /// The same point of a cumulative stream again.
    Repeated,
    /// An old point of a cumulative stream.
    OutOfOrder,
    /// A cumulative point without a time.
    Untimed,
    /// The total would not be finite.
    TooLarge,
    /// Not even the overflow series has room.
    NoRoom,
    /// More output metrics than can be kept.
    Metrics,
    /// Passed on as they are.
    Passed,
    /// Absorbed: a cumulative histogram came with other bounds.
    Rebased,
    /// Absorbed: the sum of a histogram is NaN or infinite, so that of its series is unknown.
    SumUnknown,
    /// Its point was absorbed, an exemplar was not kept.
    Exemplars,
    /// Absorbed, into the overflow series.
    Overflowed,
    /// Absorbed: an integer total became a double.
    Promoted,
}

/// Each reason with what the log says of it.
const TEXTS: [(Reason, &str); 22] = [
    (Reason::Negative, "dropped: negative values of monotonic sums"),
    (Reason::NotFinite, "dropped: values that are NaN or infinite"),
    (Reason::NoValue, "dropped: points without a value"),
    (Reason::Temporality, "dropped: points of sums or histograms that are neither delta nor cumulative"),
    (Reason::Bounds, "dropped: histograms whose bounds do not ascend, or are not finite"),
    (Reason::Buckets, "dropped: histograms whose bucket counts do not fit their bounds or their count"),
    (
        Reason::Scale,
        "dropped: exponential histograms whose scale, zero threshold or buckets are beyond what doubles hold",
    ),
    (Reason::BoundsRoom, "dropped: histograms with bounds beyond the first 4096 different ones; narrow `metrics`"),
    (
        Reason::BucketsRoom,
        "dropped: histograms for whose bucket counts there is no memory; lower `max_series` or `max_streams`",
    ),
    (
        Reason::Untracked,
        "dropped: points of cumulative streams beyond `max_streams` or `dictionary_entries`; raise them",
    ),
    (Reason::Repeated, "dropped: repeated points of cumulative streams"),
    (Reason::OutOfOrder, "dropped: points of cumulative streams that are older than the last one"),
    (Reason::Untimed, "dropped: cumulative points without a time"),
    (Reason::TooLarge, "dropped: values that would make a total infinite, or a count larger than 64 bits"),
    (Reason::NoRoom, "dropped: no room in the dictionary for the overflow series; raise `dictionary_entries`"),
    (Reason::Metrics, "dropped: points of metrics beyond the first 4096; narrow `metrics`"),
    (Reason::Passed, "passed on: points of summaries, which cannot be merged"),
    (
        Reason::Rebased,
        "counted nothing: points of cumulative histograms that came with other bounds than the one before",
    ),
    (
        Reason::SumUnknown,
        "came with a sum that is NaN or infinite: points of histograms, whose series have no sum from here on; counts and buckets add up",
    ),
    (Reason::Exemplars, "not kept: exemplars beyond 16 MiB between two flushes; lower `max_exemplars` or `interval`"),
    (Reason::Overflowed, "went into the overflow series: `max_series` or `dictionary_entries` is reached"),
    (Reason::Promoted, "made an integer total a double: it is beyond 64 bits, and exact to 53 bits from here on"),
];

impl From<Ignored> for Reason {
    fn from(ignored: Ignored) -> Reason {
        match ignored {
            Ignored::Repeated => Reason::Repeated,
            Ignored::OutOfOrder => Reason::OutOfOrder,
            Ignored::Untimed => Reason::Untimed,
            Ignored::NotFinite => Reason::NotFinite,
            Ignored::Negative => Reason::Negative,
        }
    }
}

impl From<Malformed> for Reason {
    fn from(malformed: Malformed) -> Reason {
        match malformed {
            Malformed::Bounds => Reason::Bounds,
            Malformed::Buckets => Reason::Buckets,
            Malformed::Scale => Reason::Scale,
        }
    }
}

impl From<TooLarge> for Reason {
    fn from(_: TooLarge) -> Reason {
        Reason::TooLarge
    }
}

/// Counts since the last report.
#[derive(Debug, Default)]
pub struct Reasons {
    counts: [u64; TEXTS.len()],
}

impl Reasons {
    pub fn count(&mut self, reason: Reason, rows: u64) {
        for ((known, _), count) in TEXTS.iter().zip(&mut self.counts) {
            if *known == reason {
                *count += rows;
            }
        }
    }

    /// One line for each reason that occurred.
    pub fn report(&mut self, log: &mut Log<'_>) {
        for ((_, text), count) in TEXTS.iter().zip(&mut self.counts) {
            if *count > 0 {
                log.warn(&format!("{count} {text}"));
                *count = 0;
            }
        }
    }
}
