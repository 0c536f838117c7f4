//! Texts of any length: what is too long is cut or dropped, and counted.

use super::request::{COUNTER, GAUGE, Group, HISTOGRAM, Histogram, Metric, Request, integer, one, one_encoded};
use super::*;
use crate::contract::Remark;

#[test]
fn a_metric_with_a_long_name_is_dropped_and_counted() {
    let mut bench = Bench::new("{}");
    let (fits, too_long) = ("n".repeat(1024), "n".repeat(1025));
    assert_eq!(bench.consume(one(Metric { name: &fits, ..GAUGE }, &[integer(&[], 1)])).items, 1);
    for name in [too_long, "n".repeat(70_000), "é".repeat(70_000)] {
        let points = [integer(&[], 1), integer(&[("a", "b")], 1)];
        assert_eq!(bench.consume(one(Metric { name: &name, ..GAUGE }, &points)).dropped, 2);
    }
    assert_eq!(bench.dropped("name_limit"), 6);
    assert_eq!(bench.text(), format!("# TYPE {fits} gauge\n{fits} 1\n"));
}

#[test]
fn a_long_description_is_cut_and_counted() {
    let mut bench = Bench::new("{}");
    for help in ["é".repeat(2048), "é".repeat(40_000), format!("{}\u{1F600}", "x".repeat(4094))] {
        bench.consume(one(Metric { name: "g", help: &help, ..GAUGE }, &[integer(&[], 1)]));
    }
    let expected = format!("# HELP g {}\n# TYPE g gauge\ng 1\n", "é".repeat(2048));
    assert_eq!((bench.text(), bench.open_metrics()), (expected.clone(), expected));
    // Cut, the second one is the first.
    assert_eq!((bench.noted("changes", "description_cut"), bench.noted("conflicting_points", "description")), (2, 1));
}

#[test]
fn a_long_unit_is_cut_and_counted() {
    let mut bench = Bench::new("{}");
    for unit in ["u".repeat(256), "u".repeat(70_000)] {
        assert_eq!(bench.consume(one(Metric { name: "g", unit: &unit, ..GAUGE }, &[integer(&[], 1)])).items, 1);
    }
    let unit = "u".repeat(256);
    assert_eq!(bench.text(), format!("# TYPE g_{unit} gauge\ng_{unit} 1\n"));
    assert_eq!(bench.noted("changes", "unit_cut"), 1);
}

#[test]
fn a_label_with_a_long_name_or_value_makes_no_series() {
    let mut bench = Bench::new("{}");
    let (name, value) = ("n".repeat(1024), "v".repeat(8192));
    let (long_name, long_value) = (format!("{name}n"), format!("{value}v"));
    let metric = Metric { name: "g", ..GAUGE };
    assert_eq!(bench.consume(one(metric, &[integer(&[(&name, &value)], 1)])).items, 1);
    for pair in [(long_name.as_str(), "v"), ("n", &long_value)] {
        assert_eq!(bench.consume(one(metric, &[integer(&[pair], 1)])).dropped, 1, "a point's");
        let resource = Group::default().resource(&[("service.name", &long_value)]).metric(metric, &[integer(&[], 1)]);
        assert_eq!(bench.consume(Request::default().group(resource)).dropped, 1, "a resource's");
        let scope = Group::default().scope("lib", "", &[pair]).metric(metric, &[integer(&[], 1)]);
        assert_eq!(bench.consume(Request::default().group(scope)).dropped, 1, "a scope's");
    }
    assert_eq!(bench.dropped("labels_limit"), 6);
    assert_eq!(bench.text(), format!("# TYPE g gauge\ng{{{name}=\"{value}\"}} 1\n"));
}

#[test]
fn the_target_leaves_out_attributes_that_are_too_long_and_counts_them() {
    let mut bench = Bench::new("{}");
    let (name, value) = ("n".repeat(1025), "v".repeat(8193));
    let group = Group::default()
        .resource(&[("service.name", "cart"), ("host.name", "h"), ("command", &value), (&name, "x")])
        .metric(Metric { name: "g", ..GAUGE }, &[integer(&[], 1)]);
    bench.consume(Request::default().group(group));
    let text = bench.text();
    assert!(text.ends_with("target_info{host_name=\"h\",job=\"cart\"} 1\n") && text.contains("g{job=\"cart\"} 1\n"));
    assert_eq!(bench.noted("changes", "label_left_out"), 2);
    // Each of them fits, all together do not.
    let long = "v".repeat(8192);
    let keys: Vec<String> = (0..9).map(|number| format!("k{number}")).collect();
    let pairs = keys.iter().map(|key| (key.as_str(), long.as_str())).chain([("service.name", "till")]);
    let group = Group::default().resource(&pairs.collect::<Vec<_>>()).metric(GAUGE, &[]);
    bench.consume(Request::default().group(group));
    let text = bench.text();
    let target = text.lines().find(|line| line.contains("job=\"till\"")).unwrap();
    assert!(target.len() < 66_000 && target.contains("k0=") && !target.contains("k8="), "{} bytes", target.len());
    assert_eq!(bench.noted("changes", "label_left_out"), 4);
}

#[test]
fn a_histogram_that_would_repeat_long_labels_too_often_is_dropped() {
    let mut bench = Bench::new("{}");
    let (many, few) = ((1..=2000).map(f64::from).collect::<Vec<_>>(), vec![1.0]);
    let mut send = |value: &str, bounds: &[f64]| {
        let (pairs, counts) = ([("a", value)], vec![1; bounds.len() + 1]);
        let count = counts.iter().sum();
        let point = Histogram { pairs: &pairs, count, counts: &counts, bounds, time: 1, ..Default::default() };
        bench.consume(one_encoded(Metric { name: "h", ..HISTOGRAM }, &[point.encode()])).dropped
    };
    // Buckets, the last bucket, sum and count; `{a=""}` is around the value.
    let most = (4 << 20) / 2003 - 6;
    let (fits, too_long) = ("v".repeat(most), "v".repeat(most + 1));
    assert_eq!([send(&fits, &many), send(&too_long, &many)], [0, 1]);
    // One that is known, and grows.
    assert_eq!([send(&too_long, &few), send(&too_long, &many)], [0, 1]);
    assert_eq!(bench.dropped("bucket_limit"), 2);
    assert!(bench.text().len() < 6 << 20);
}

#[test]
fn what_is_told_is_one_line_of_bounded_length() {
    let mut bench = Bench::new(r#"{"add_metric_suffixes": false}"#);
    let remarks = bench.exporter.remarks().unwrap();
    let forged = "\u{1b}[2K\rjobs\n2026-01-01 ERROR forged\u{202e}\u{2028}";
    let long = "v".repeat(8000);
    let from = |metric| {
        let group = Group::default().resource(&[("service.name", "cart"), (forged, forged)]).scope(&long, "", &[]);
        Request::default().group(group.metric(metric, &[integer(&[(forged, forged), ("long", &long)], 1)]))
    };
    for metric in [COUNTER, GAUGE, Metric { unit: "s", ..COUNTER }, Metric { unit: forged, ..COUNTER }] {
        bench.consume(from(Metric { name: forged, ..metric }));
    }
    let remarks = remarks();
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    for Remark { text: remark, .. } in remarks {
        assert!(remark.contains("jobs") && remark.len() < 2500, "{} bytes: {remark}", remark.len());
        assert!(!remark.contains(|c: char| c.is_control() || "\u{202e}\u{2028}".contains(c)), "{remark:?}");
    }
}
