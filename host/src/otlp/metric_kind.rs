//! The kinds of metrics, by their fields in `Metric`.

/// Which variant of `Metric.data` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricKind {
    /// Field 5.
    Gauge,
    /// Field 7.
    Sum,
    /// Field 9.
    Histogram,
    /// Field 10.
    ExponentialHistogram,
    /// Field 11.
    Summary,
}

impl MetricKind {
    /// Each of them, by its number.
    pub const ALL: [MetricKind; 5] = {
        use MetricKind::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
        [Gauge, Sum, Histogram, ExponentialHistogram, Summary]
    };

    /// As reports and the log have it.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Gauge => "gauge",
            MetricKind::Sum => "sum",
            MetricKind::Histogram => "histogram",
            MetricKind::ExponentialHistogram => "exponential_histogram",
            MetricKind::Summary => "summary",
        }
    }

    /// Whether its points are `NumberDataPoint`s.
    pub fn has_numbers(self) -> bool {
        matches!(self, MetricKind::Gauge | MetricKind::Sum)
    }

    /// The number of its field in `Metric`.
    pub fn field(self) -> u32 {
        match self {
            MetricKind::Gauge => 5,
            MetricKind::Sum => 7,
            MetricKind::Histogram => 9,
            MetricKind::ExponentialHistogram => 10,
            MetricKind::Summary => 11,
        }
    }

    /// The number of attributes in its points.
    pub fn attributes(self) -> u32 {
        match self {
            MetricKind::Gauge | MetricKind::Sum | MetricKind::Summary => 7,
            MetricKind::Histogram => 9,
            MetricKind::ExponentialHistogram => 1,
        }
    }

    /// The kind behind a field of `Metric`.
    pub fn of_field(number: u32) -> Option<MetricKind> {
        MetricKind::ALL.into_iter().find(|kind| kind.field() == number)
    }
}
