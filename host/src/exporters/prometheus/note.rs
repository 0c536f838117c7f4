//! What can be shown otherwise than it came, or cannot be told apart, each with its counter and what there is to say of it.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// A sender's label has a name that the exposition writes itself.
    LabelRenamed,
    /// A scope's attribute has the label of the scope's own name, version or schema URL, or a resource's is too long for
    /// `target_info`.
    LabelLeftOut,
    /// An exemplar's attributes do not fit into the 128 characters.
    ExemplarLabelLeftOut,
    /// A delta does not go on from the one before: its total begins anew.
    TotalRestarted,
    /// A metric's unit is too long and was cut.
    UnitCut,
    /// A metric's description is too long and was cut.
    DescriptionCut,
    /// Metrics of different type come to one name; the later one's points are dropped.
    TypeConflict,
    /// Metrics of different unit come to one name.
    UnitConflict,
    /// Metrics of different description come to one name.
    DescriptionConflict,
    /// Two streams are one series.
    SeriesConflict,
    /// OpenMetrics: a family's sample names clash with another one's.
    FamilyOmitted,
    /// OpenMetrics: a counter that is negative or not a number.
    CounterOmitted,
    /// OpenMetrics: a sum that is negative, not a number, or beside negative buckets.
    SumOmitted,
    /// OpenMetrics: a histogram's count without its sum; the last bucket says the same.
    CountOmitted,
    /// OpenMetrics: a negative quantile.
    QuantileOmitted,
}

const CHANGES: (&str, &str, &str) = (
    "otelier_prometheus_changes",
    "What a prometheus exporter shows otherwise than it came: series, attributes or points, by what was changed.",
    "change",
);
pub const CONFLICTS: (&str, &str, &str) = (
    "otelier_prometheus_conflicting_points",
    "Points whose name or series is another metric's or stream's too, by what is in conflict.",
    "conflict",
);
const OMISSIONS: (&str, &str, &str) = (
    "otelier_prometheus_omitted_samples",
    "Samples left out of OpenMetrics answers because OpenMetrics forbids them, at each scrape, by reason.",
    "reason",
);

impl Note {
    /// All of them.
    pub const ALL: [Note; 15] = [
        Note::LabelRenamed,
        Note::LabelLeftOut,
        Note::ExemplarLabelLeftOut,
        Note::TotalRestarted,
        Note::UnitCut,
        Note::DescriptionCut,
        Note::TypeConflict,
        Note::UnitConflict,
        Note::DescriptionConflict,
        Note::SeriesConflict,
        Note::FamilyOmitted,
        Note::CounterOmitted,
        Note::SumOmitted,
        Note::CountOmitted,
        Note::QuantileOmitted,
    ];

    /// Name and help of its counter, and the label that tells the notes of one counter apart.
    pub fn metric(self) -> (&'static str, &'static str, &'static str) {
        use Note::{CountOmitted, CounterOmitted, FamilyOmitted, QuantileOmitted, SumOmitted};
        use Note::{DescriptionConflict, SeriesConflict, TypeConflict, UnitConflict};
        match self {
            TypeConflict | UnitConflict | DescriptionConflict | SeriesConflict => CONFLICTS,
            FamilyOmitted | CounterOmitted | SumOmitted | CountOmitted | QuantileOmitted => OMISSIONS,
            _ => CHANGES,
        }
    }

    /// The label's value, and what there is to say.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Note::LabelRenamed => (
                "label_renamed",
                "an attribute has the name of a label that the exporter writes: it is `exported_<name>`, `resource_<name>` or \
                 `point_<name>` now",
            ),
            Note::LabelLeftOut => (
                "label_left_out",
                "a scope's attribute has the label of the scope's own name, version or schema URL, or a resource's is too \
                 long for `target_info`: a name may have 1 KiB, a value 8 KiB, all together 64 KiB",
            ),
            Note::ExemplarLabelLeftOut => {
                ("exemplar_label_left_out", "an exemplar's labels may have 128 characters together: some were left out")
            }
            Note::TotalRestarted => (
                "total_restarted",
                "a delta does not begin where the one before ended, or has other bounds: its total begins anew",
            ),
            Note::UnitCut => {
                ("unit_cut", "a unit may have 256 bytes: it was cut, and so is the name that ends with it")
            }
            Note::DescriptionCut => ("description_cut", "a description may have 4 KiB: it was cut"),
            Note::TypeConflict => (
                "type",
                "metrics of different type come to the same names in Prometheus: the first one is shown, the other one's \
                 points are dropped; give one of them another name or unit where it is made (a view of its SDK), or send it \
                 to a prometheus exporter with another `namespace`",
            ),
            Note::UnitConflict => (
                "unit",
                "metrics of different unit come to one name in Prometheus: both are shown, the first one's unit stands; give \
                 one of them another name where it is made (a view of its SDK)",
            ),
            Note::DescriptionConflict => (
                "description",
                "metrics of one name differ in their description: both are shown, the first one's description stands",
            ),
            Note::SeriesConflict => (
                "series",
                "two streams are one series in Prometheus: deltas are added up, of other values the newest is shown; let \
                 them differ in an attribute (`service.instance.id` for two processes), or sum them with a processor such \
                 as `aggregate`",
            ),
            Note::FamilyOmitted => (
                "clashing_name",
                "OpenMetrics allows no two metrics whose sample names clash: one is left out of its answers, and is in \
                 those of the text format; rename one of them",
            ),
            Note::CounterOmitted => ("invalid_counter", "OpenMetrics allows no counter that is negative or NaN"),
            Note::SumOmitted => {
                ("invalid_sum", "OpenMetrics allows no sum that is negative, NaN, or beside negative buckets")
            }
            Note::CountOmitted => ("count_without_sum", "OpenMetrics allows no count of a histogram without its sum"),
            Note::QuantileOmitted => ("negative_quantile", "OpenMetrics allows no negative quantile"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_listed_in_the_order_of_their_numbers() {
        for (index, note) in Note::ALL.into_iter().enumerate() {
            assert_eq!(note as usize, index);
        }
    }
}
