//! Exemplars that are kept between two flushes.

use otelier_sdk::testing::{Emitted, Metric, Point, Shape};

use super::{at, of_type, started};

const KEEP: &str =
    r#"{"metrics": ["work.*"], "group_by": ["work.type"], "exemplars": "keep", "max_exemplars": 2, "max_series": 3}"#;

fn batch(marks: &[&str]) -> Vec<Metric> {
    let histogram = super::histograms::of(&[1.0], &[1, 2], 3.0, [0.5, 2.0]);
    let with = |point: Point| marks.iter().fold(of_type(point, "a"), |point, mark| point.with_exemplar(mark));
    vec![
        Metric::delta_sum(
            "work.done",
            vec![with(Point::integer(1)), of_type(Point::integer(-1), "a").with_exemplar("no")],
        ),
        Metric::gauge("work.load", vec![with(Point::double(0.5))]),
        Metric::shaped(Shape::DeltaHistogram, "work.time", vec![with(Point::histogram(histogram))]),
        Metric::shaped(Shape::Summary, "work.summary", vec![of_type(Point::default(), "a").with_exemplar("no")]),
    ]
}

fn shown(emitted: &[Emitted]) -> Vec<Vec<&str>> {
    let points = emitted.iter().flat_map(|metric| &metric.points);
    points.map(|point| point.exemplars.iter().map(String::as_str).collect()).collect()
}

#[test]
fn the_latest_go_out_once_with_every_kind() {
    let mut harness = started(KEEP);
    harness.process(&batch(&["1"]), at(1)).unwrap();
    harness.process(&batch(&["2", "3"]), at(2)).unwrap();
    harness.process(&batch(&[]), at(3)).unwrap();
    assert_eq!(shown(&harness.flush(at(5)).unwrap()), [["3", "2"]; 3]);
    assert_eq!(shown(&harness.flush(at(10)).unwrap()), [[""; 0]; 3]);
    let other = Metric::delta_sum("work.done", vec![of_type(Point::integer(1), "b").with_exemplar("4")]);
    harness.process(&[other], at(11)).unwrap();
    // The series that found no room comes first.
    assert_eq!(shown(&harness.flush(at(15)).unwrap()), [vec!["4"], vec![], vec![], vec![]]);
}

#[test]
fn a_crash_loses_them_and_nothing_else() {
    let mut harness = started(KEEP);
    harness.process(&batch(&["1"]), at(1)).unwrap();
    harness.commit();
    harness.crash(at(2)).unwrap();
    let emitted = harness.flush(at(5)).unwrap();
    assert_eq!(shown(&emitted), [[""; 0]; 3]);
}

#[test]
fn without_the_setting_they_are_dropped() {
    let mut harness = started(super::BY_TYPE);
    harness.process(&batch(&["1"]), at(1)).unwrap();
    assert_eq!(shown(&harness.flush(at(5)).unwrap()), [[""; 0]; 3]);
}
