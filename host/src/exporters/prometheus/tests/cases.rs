//! Small inputs that reports of real users led to, as OTLP/JSON, and what is right.

use super::*;
use crate::otlp::{Strings, json};

impl Bench {
    /// Takes these metrics, of no resource and scope.
    pub fn metrics(&mut self, metrics: &str) -> Consumed {
        self.json(&format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":{metrics}}}]}}]}}"#))
    }

    /// Takes a whole request.
    pub fn json(&mut self, request: &str) -> Consumed {
        let bytes = json::to_protobuf(Signal::Metrics, request.as_bytes(), 1 << 20, Strings::Utf8);
        self.consume_bytes(bytes.unwrap_or_else(|error| panic!("{error}: {request}")).to_vec())
    }
}

/// What both formats show of these metrics.
fn shown(config: &str, metrics: &str) -> (String, String, Bench) {
    let mut bench = Bench::new(config);
    bench.metrics(metrics);
    (bench.text(), bench.open_metrics(), bench)
}

#[test]
fn a_label_of_a_histograms_own_is_renamed() {
    let (text, open_metrics, bench) = shown(
        "{}",
        r#"[{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
              {"count":"1","attributes":[{"key":"le","value":{"stringValue":"x"}}]}]}},
            {"name":"innocent","gauge":{"dataPoints":[{"asInt":"1"}]}}]"#,
    );
    let innocent = "# TYPE innocent gauge\ninnocent 1\n";
    let bucket = "# TYPE h histogram\nh_bucket{exported_le=\"x\",le=\"+Inf\"} 1\n";
    assert_eq!(text, format!("{bucket}h_count{{exported_le=\"x\"}} 1\n{innocent}"));
    assert_eq!(open_metrics, format!("{bucket}{innocent}"));
    assert_eq!(bench.noted("changes", "label_renamed"), 1);
}

#[test]
fn a_label_of_a_summarys_own_is_renamed() {
    let (text, open_metrics, bench) = shown(
        "{}",
        r#"[{"name":"s","summary":{"dataPoints":[{"count":"1","sum":2,"quantileValues":[{"quantile":0.5,"value":2}],
              "attributes":[{"key":"quantile","value":{"stringValue":"x"}}]}]}}]"#,
    );
    let expected = "# TYPE s summary\ns{exported_quantile=\"x\",quantile=\"0.5\"} 2\ns_sum{exported_quantile=\"x\"} 2\n\
                    s_count{exported_quantile=\"x\"} 1\n";
    assert_eq!((text.as_str(), open_metrics.as_str()), (expected, expected));
    assert_eq!(bench.noted("changes", "label_renamed"), 1);
}

#[test]
fn what_the_exporter_would_add_empty_takes_no_part_in_a_join() {
    let metrics = r#"[{"name":"g","gauge":{"dataPoints":[{"asInt":"1","attributes":[
        {"key":"instance","value":{"stringValue":"db-1"}},{"key":"job","value":{"stringValue":"own"}}]}]}}]"#;
    assert_eq!(shown("{}", metrics).0, "# TYPE g gauge\ng{instance=\"db-1\",job=\"own\"} 1\n");
    let fixed = r#"{"const_labels": {"job": "fixed"}}"#;
    assert_eq!(shown(fixed, metrics).0, "# TYPE g gauge\ng{instance=\"db-1\",job=\"fixed\"} 1\n");
}

#[test]
fn equal_values_of_one_label_are_one() {
    let metrics = r#"[{"name":"g","gauge":{"dataPoints":[{"asInt":"1","attributes":[
        {"key":"a.b","value":{"stringValue":"foo"}},{"key":"a_b","value":{"stringValue":"foo"}}]}]}}]"#;
    assert_eq!(shown("{}", metrics).0, "# TYPE g gauge\ng{a_b=\"foo\"} 1\n");
}

#[test]
fn open_metrics_has_no_sum_beside_negative_buckets() {
    let (text, open_metrics, bench) = shown(
        "{}",
        r#"[{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
              {"count":"1","sum":2,"bucketCounts":["0","1"],"explicitBounds":[-1]}]}},
            {"name":"x","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
              {"count":"1","sum":-2,"scale":0,"negative":{"offset":0,"bucketCounts":["1"]}}]}}]"#,
    );
    for line in ["h_sum 2", "h_count 1", "x_sum -2", "x_count 1"] {
        assert!(text.contains(&format!("{line}\n")) && !open_metrics.contains(line), "{text}\n{open_metrics}");
    }
    let lines = "h_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 1\n";
    assert!(open_metrics.contains(lines), "{open_metrics}");
    let omitted = ["invalid_sum", "count_without_sum"].map(|reason| bench.noted("omitted_samples", reason));
    assert_eq!(omitted, [2, 2]);
}

#[test]
fn open_metrics_has_no_counter_that_is_no_count() {
    let counter = |name, value| {
        format!(
            r#"{{"name":"{name}","sum":{{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
                {{"asDouble":{value},"startTimeUnixNano":"1000000000"}}]}}}}"#
        )
    };
    let metrics = format!("[{},{},{}]", counter("c", "\"NaN\""), counter("n", "-1"), counter("z", "0"));
    let (text, open_metrics, bench) = shown("{}", &metrics);
    assert!(text.contains("c_total NaN\n") && text.contains("n_total -1\n"), "{text}");
    let expected = "# TYPE c counter\n# TYPE n counter\n# TYPE z counter\nz_total 0\nz_created 1\n";
    assert_eq!(open_metrics, expected);
    assert_eq!(bench.noted("omitted_samples", "invalid_counter"), 2);
}

#[test]
fn a_counter_rules_out_its_created_gauge_in_open_metrics_with_a_start_and_without() {
    let gauge = r#"{"name":"c.created","gauge":{"dataPoints":[{"asInt":"1"}]}}"#;
    let counter = |start| {
        format!(
            r#"{{"name":"c","sum":{{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
                {{"asInt":"1","startTimeUnixNano":"{start}","timeUnixNano":"1700000001000000000"}}]}}}}"#
        )
    };
    let histogram = r#"{"name":"c","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"1"}]}}"#;
    let summary = r#"{"name":"c","summary":{"dataPoints":[{"count":"1","sum":1}]}}"#;
    for other in [counter("1700000000000000000"), counter("0"), histogram.to_owned(), summary.to_owned()] {
        for metrics in [format!("[{gauge},{other}]"), format!("[{other},{gauge}]")] {
            let (text, open_metrics, bench) = shown("{}", &metrics);
            assert!(text.contains("# TYPE c_created gauge\nc_created 1\n"), "{text}");
            assert!(open_metrics.contains("# TYPE c ") && !open_metrics.contains("gauge"), "{open_metrics}");
            assert_eq!(bench.noted("omitted_samples", "clashing_name"), 1);
        }
    }
}

#[test]
fn a_gauge_beside_a_counter_is_in_the_text_format_alone_whichever_came_first() {
    let gauge = r#"{"name":"classes.loaded","gauge":{"dataPoints":[{"asInt":"1"}]}}"#;
    let counter = r#"{"name":"classes.loaded.total","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
        {"asInt":"2"}]}}"#;
    for metrics in [format!("[{gauge},{counter}]"), format!("[{counter},{gauge}]")] {
        let (text, open_metrics, bench) = shown("{}", &metrics);
        let both = "# TYPE classes_loaded gauge\nclasses_loaded 1\n# TYPE classes_loaded_total counter\nclasses_loaded_total 2\n";
        assert_eq!(text, both);
        assert_eq!(open_metrics, "# TYPE classes_loaded counter\nclasses_loaded_total 2\n");
        assert_eq!((bench.noted("omitted_samples", "clashing_name"), bench.dropped("type_conflict")), (1, 0));
    }
}

#[test]
fn a_target_gauge_takes_only_the_type_of_the_target_info() {
    let mut bench = Bench::new("{}");
    bench.json(
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
            "scopeMetrics":[{"metrics":[{"name":"target","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}"#,
    );
    let expected = "# TYPE target gauge\ntarget{job=\"cart\"} 1\n# HELP target_info Target metadata\n\
                    # TYPE target_info gauge\ntarget_info{job=\"cart\"} 1\n";
    assert_eq!(bench.open_metrics(), expected);
    assert_eq!(bench.noted("omitted_samples", "clashing_name"), 0);
}

#[test]
fn a_scopes_schema_url_is_a_label_and_tells_series_apart() {
    let mut bench = Bench::new("{}");
    let scope = |url, value| {
        format!(
            r#"{{"scope":{{"name":"lib"}},"schemaUrl":"{url}","metrics":[
                {{"name":"g","gauge":{{"dataPoints":[{{"asInt":"{value}"}}]}}}}]}}"#
        )
    };
    bench.json(&format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{},{}]}}]}}"#, scope("u1", 1), scope("u2", 2)));
    let series = |url, value| format!("g{{otel_scope_name=\"lib\",otel_scope_schema_url=\"{url}\"}} {value}\n");
    assert_eq!(bench.text(), format!("# TYPE g gauge\n{}{}", series("u1", 1), series("u2", 2)));
}

#[test]
fn a_series_and_its_target_info_can_be_joined() {
    let mut bench = Bench::new("{}");
    bench.json(
        r#"{"resourceMetrics":[{"resource":{"attributes":[
              {"key":"job","value":{"stringValue":"mine"}},{"key":"service.name","value":{"stringValue":"cart"}},
              {"key":"instance","value":{"stringValue":"i"}},{"key":"service.namespace","value":{"stringValue":"shop"}}]},
            "scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}"#,
    );
    let expected = "# TYPE g gauge\ng{job=\"shop/cart\"} 1\n# HELP target_info Target metadata\n# TYPE target_info gauge\n\
                    target_info{job=\"shop/cart\",resource_instance=\"i\",resource_job=\"mine\"} 1\n";
    assert_eq!((bench.text().as_str(), bench.noted("changes", "label_renamed")), (expected, 2));
}

#[test]
fn an_exemplar_shows_its_filtered_attributes_as_far_as_they_fit() {
    let long = "x".repeat(130);
    let (_, open_metrics, bench) = shown(
        "{}",
        &format!(
            r#"[{{"name":"c","sum":{{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{{"asInt":"1","exemplars":[
                {{"asInt":"1","filteredAttributes":[{{"key":"user.id","value":{{"intValue":"7"}}}},
                  {{"key":"query","value":{{"stringValue":"{long}"}}}}]}}]}}]}}}}]"#
        ),
    );
    assert_eq!(open_metrics, "# TYPE c counter\nc_total 1 # {user_id=\"7\"} 1\n");
    assert_eq!(bench.noted("changes", "exemplar_label_left_out"), 1);
}

#[test]
fn an_exemplar_shows_every_character_that_prometheus_reads() {
    let controls =
        (0_u8..0x20).map(char::from).chain("\u{7f}\u{85}\u{200b}\u{2028}\u{202e}\u{feff}\u{fffd}\u{ffff}\"\\".chars());
    for character in controls {
        let text = serde_json::json!(format!("a{character}b"));
        let (_, open_metrics, _) = shown(
            "{}",
            &format!(
                r#"[{{"name":"c","sum":{{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{{"asInt":"1","exemplars":[
                    {{"asInt":"1","filteredAttributes":[{{"key":{text},"value":{{"stringValue":{text}}}}}]}}]}}]}}}}]"#
            ),
        );
        let read = strict::read(Format::OpenMetrics, &format!("{open_metrics}# EOF\n")).unwrap();
        let labels = &read[0].exemplar.as_ref().unwrap().labels;
        let expected = format!("a{character}b").replace('\0', "\u{fffd}");
        assert_eq!(labels.values().collect::<Vec<_>>(), [&expected], "{character:?}");
    }
}

#[test]
fn a_gauge_of_unknown_type_stays_unknown() {
    let metrics = r#"[{"name":"g","metadata":[{"key":"prometheus.type","value":{"stringValue":"unknown"}}],
        "gauge":{"dataPoints":[{"asInt":"1"}]}}]"#;
    let (text, open_metrics, _) = shown("{}", metrics);
    assert_eq!((text.as_str(), open_metrics.as_str()), ("# TYPE g untyped\ng 1\n", "# TYPE g unknown\ng 1\n"));
}

#[test]
fn a_name_that_is_its_unit_gets_no_suffix_and_one_of_other_characters_is_an_underscore() {
    let gauge =
        |name, unit| format!(r#"{{"name":"{name}","unit":"{unit}","gauge":{{"dataPoints":[{{"asInt":"1"}}]}}}}"#);
    let metrics = format!("[{},{},{}]", gauge("ratio", "1"), gauge("seconds", "s"), gauge("ようこそ", ""));
    let (_, open_metrics, _) = shown("{}", &metrics);
    let expected = "# TYPE _ gauge\n_ 1\n# TYPE ratio gauge\nratio 1\n# TYPE seconds gauge\nseconds 1\n";
    assert_eq!(open_metrics, expected);
}
