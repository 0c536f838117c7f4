//! Component bodies: typing, expansion, places of errors, bounds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::environment;
use crate::config::resolution::resolve_text;
use crate::config::{ConfigText, Node, Providers};
use crate::contract::duration;

fn node(text: &str) -> Node {
    let providers = Providers { environment: &environment, fetch: &|_| Err("no network".to_owned()) };
    let parsed = resolve_text(&ConfigText { path: Path::new("c.yaml"), text }, &providers);
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    parsed.root.unwrap_or_else(|| panic!("nothing in {text}"))
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    endpoint: String,
    port: u16,
    ratio: f64,
    on: bool,
    tags: Vec<String>,
    grpc: Option<Inner>,
    mode: Mode,
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    limit: Option<u32>,
    pair: (u8, u8),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[serde(default)]
    size: i32,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Basic,
    Share(f32),
    Window {
        size: u8,
    },
}

#[test]
fn scalars_have_the_core_schemas_types() {
    let text = "[~, null, '', true, no, 12, -3, +4, 0x1F, 0o17, 1_000, 18446744073709551615, 1.5, -.5, 1e3, .inf, .nan, \
                '5', 1.2.3, 5s, infinity, '~', !!str 5, 0x, 1_, 017, -0b11, 089, \"a\\tb\"]";
    let expected = json!([
        null,
        null,
        "",
        true,
        "no",
        12,
        -3,
        4,
        31,
        15,
        1000,
        u64::MAX,
        1.5,
        -0.5,
        1000.0,
        "inf",
        "NaN",
        "5",
        "1.2.3",
        "5s",
        "infinity",
        "~",
        "5",
        "0x",
        1,
        15,
        -3,
        89.0,
        "a\tb"
    ]);
    assert_eq!(node(text).to_json(), expected);
}

#[test]
fn a_block_ends_with_a_line_break_where_the_text_has_one() {
    for (text, expected) in [
        ("a: |\n  one\n  two\n", "one\ntwo\n"),
        ("a: |\n  one\n  two", "one\ntwo"),
        ("a: >\n  one\n  two", "one two"),
        ("a: |-\n  one", "one"),
        ("a: |\n  ö", "ö"),
    ] {
        assert_eq!(node(text).to_json(), json!({ "a": expected }), "{text:?}");
    }
    assert_eq!(node("a: |\n  one\nb: |\n  two").to_json(), json!({"a": "one\n", "b": "two"}));
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a]\nd: {<<: [{x: 0, z: 9}, *a]}\n";
    let expected =
        json!({ "a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": [{"x": 1, "y": 2}], "d": {"x": 0, "z": 9, "y": 2} });
    assert_eq!(node(text).to_json(), expected);
}

#[test]
fn a_body_is_parsed() {
    let text = "endpoint: ${env:ZEROS}\nport: ${env:PORT}\nratio: 1\non: true\ntags: [a, b]\ngrpc:\nmode: {window: {size: 5}}\n\
                labels: {a: b}\ninterval: 1m30s\nlimit: 5\npair: [1, 2]\n";
    let expected = Settings {
        endpoint: "007".to_owned(),
        port: 4317,
        ratio: 1.0,
        on: true,
        tags: vec!["a".to_owned(), "b".to_owned()],
        grpc: Some(Inner { size: 0 }),
        mode: Mode::Window { size: 5 },
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        interval: Duration::from_secs(90),
        limit: Some(5),
        pair: (1, 2),
    };
    assert_eq!(node(text).parse::<Settings>().ok(), Some(expected));
    let nothings = node("tags:\nlabels: ~\ngrpc: {}\nmode: basic\n").parse::<Settings>().ok();
    assert_eq!(nothings, Some(Settings { grpc: Some(Inner { size: 0 }), ..Settings::default() }));
}

/// A body, and the line about it.
const MISTAKES: &[(&str, &str)] = &[
    ("endpont: x\n", "c.yaml:1:1: unknown key `endpont`; did you mean `endpoint`?"),
    (
        "a: 1\n",
        "c.yaml:1:1: unknown key `a`; known here: `endpoint`, `port`, `ratio`, `on`, `tags`, `grpc`, `mode`, `labels`, `interval`, `limit`, `pair`",
    ),
    ("grpc:\n  sizes: 1\n", "c.yaml:2:3: unknown key `sizes`; did you mean `size`?"),
    ("port: http\n", "c.yaml:1:7: expected a whole number from 0 to 65535, found the text `http`"),
    ("port: 70000\n", "c.yaml:1:7: expected a whole number from 0 to 65535, found `70000`"),
    ("port: -1\n", "c.yaml:1:7: expected a whole number from 0 to 65535, found `-1`"),
    ("port: [1]\n", "c.yaml:1:7: expected a whole number from 0 to 65535, found a list"),
    ("endpoint: 5\n", "c.yaml:1:11: expected text, found `5`"),
    ("on: yes\n", "c.yaml:1:5: expected `true` or `false`, found the text `yes`"),
    ("ratio: {}\n", "c.yaml:1:8: expected a number, found a mapping"),
    ("limit: x\n", "c.yaml:1:8: expected a whole number, 0 or more, found the text `x`"),
    ("tags: x\n", "c.yaml:1:7: expected a list, found the text `x`"),
    ("tags:\n- a\n- 5\n", "c.yaml:3:3: expected text, found `5`"),
    ("labels: [x]\n", "c.yaml:1:9: expected a mapping, found a list"),
    ("labels:\n  a: {b: c}\n", "c.yaml:2:6: expected text, found a mapping"),
    ("grpc: [1]\n", "c.yaml:1:7: expected a mapping, found a list"),
    ("mode: basics\n", "c.yaml:1:7: unknown value `basics`; did you mean `basic`?"),
    ("mode: 5\n", "c.yaml:1:7: expected one of a fixed set of words, found `5`"),
    ("mode: {}\n", "c.yaml:1:7: expected one of a fixed set of words, found a mapping with more or less than one key"),
    ("mode: share\n", "c.yaml:1:7: `share` needs a value; write `share: ...`"),
    ("mode: {share: x}\n", "c.yaml:1:15: expected a number, found the text `x`"),
    ("mode: {window: {}}\n", "c.yaml:1:16: missing key `size`"),
    ("mode: {basic: 1}\n", "c.yaml:1:15: `basic` takes no value; write `basic` alone"),
    ("interval: 5\n", "c.yaml:1:11: `5`: a duration needs a unit: write `5s`, `200ms` or `1m30s`"),
    ("pair: [1, 2, 3]\n", "c.yaml:1:14: expected a list of 2 items, found 3 items"),
    ("pair: [1]\n", "c.yaml:1:7: expected a list of 2 items, found 1 items"),
    (
        "\"ü\": 1\nport: \"ü\"\n",
        "c.yaml:1:1: unknown key `ü`; known here: `endpoint`, `port`, `ratio`, `on`, `tags`, `grpc`, `mode`, `labels`, `interval`, `limit`, `pair`",
    ),
    ("labels: {\"ü\": 1}\n", "c.yaml:1:15: expected text, found `1`"),
];

#[test]
fn a_bodys_mistakes_have_places() {
    for (text, expected) in MISTAKES {
        let found =
            node(text).parse::<Settings>().map_or_else(|error| error.to_string(), |settings| format!("{settings:?}"));
        assert_eq!(found, *expected, "for {text}");
    }
}

/// As in the Collector. One in a list is none of a key's.
#[test]
fn a_key_without_a_value_has_its_default() {
    let read = |text: &str| node(text).parse::<Settings>().map(|settings| format!("{settings:?}"));
    let expected = read("endpoint: x\n").map_err(|error| error.to_string());
    let found = read("endpoint: x\nport:\nratio: ~\non:\nmode:\ninterval: null\nlimit:\n");
    assert_eq!(found.map_err(|error| error.to_string()), expected);
    let error = read("labels: {a: }\n").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("expected text, found nothing; give it a value"), "{error}");
    let error = read("tags: [a, ~]\n").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("expected text, found nothing"), "{error}");
}

#[test]
fn a_plugins_complaint_is_placed_by_the_names_in_it() {
    let body = node("x:\n  metrcs: [work.done]\n  mode: fast\n  size: 0x10\n  group: 16\n");
    let cases = [
        ("unknown key `metrcs`; known here: `metrics`, `mode`", "c.yaml:2:3"),
        ("`fast` is no mode", "c.yaml:3:9"),
        ("`work.done` is not there, `mode` is", "c.yaml:2:12"),
        ("expected `nothing of this`, found `16`", "c.yaml:4:9"),
        ("no names", "c.yaml:1:1"),
        ("odd ` quote `` there", "c.yaml:1:1"),
    ];
    for (message, place) in cases {
        assert_eq!(body.plugin_error(message).to_string(), format!("{place}: {message}"));
    }
    let body = node(PLUGIN);
    let cases = [
        ("`actions[1].level`: unknown variant `span`, expected `item`", "c.yaml:7:10"),
        ("`actions[1].key`: expected text, found `5`", "c.yaml:6:8"),
        ("`actions[1]`: missing key `action`", "c.yaml:6:3"),
        ("`actions[2]`: expected a mapping", "c.yaml:8:3"),
        ("`logs.exclude`: missing key `match_type`", "c.yaml:13:3"),
        ("`logs.exclude.attributes[0].name`: unknown key `name`; did you mean `key`?", "c.yaml:14:19"),
        ("`logs`: `exclude`: `bodies`: `a(b` is no pattern", "c.yaml:15:20"),
        ("`logs`: `exclude` has nothing to match", "c.yaml:13:3"),
        ("`labels.a.b`: expected text", "c.yaml:16:10"),
        ("`labels.c[0].d`: expected text", "c.yaml:16:23"),
        // Not there: by names, as far as they lead, and what is missing leads nowhere.
        ("`actions[9].level`: unknown variant `item`", "c.yaml:4:10"),
        ("missing key `match_type`", "c.yaml:1:1"),
        ("`actions[one]`, `actions[`, `actions.`, `actions[1]x`, `[1]`", "c.yaml:1:1"),
    ];
    for (message, place) in cases {
        assert_eq!(body.plugin_error(message).to_string(), format!("{place}: {message}"));
    }
}

/// A configuration in which names occur more than once.
const PLUGIN: &str = "actions:
- key: a
  action: delete
  level: item
# The second.
- key: 5
  level: span
- []
logs:
  include:
    match_type: strict
    bodies: [x]
  exclude:
    attributes: [{name: k}]
    bodies: [fine, a(b]
labels: {a.b: 1, c: [{d: 1}]}
";

#[test]
fn a_key_is_found_at_any_depth() {
    let body = node("x:\n  metrcs: [work.done]\n  mode: fast\n");
    assert_eq!(body.locate_key("mode").map(|position| position.to_string()).as_deref(), Some("c.yaml:3:3"));
    assert_eq!(body.locate_key("fast"), None);
}

#[test]
fn trees_are_bounded() {
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        format!("{text}a{n}: &a{n} [{aliases}]\n")
    });
    let chain = (1..100).fold("a0: &a0 []\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{}]\n", n - 1));
    let anchors: String = (0..60).map(|n| format!("&a{n} [")).collect();
    let nested_anchors = format!("{anchors}{}{}\n", "x,".repeat(2000), "]".repeat(60));
    let deep = format!("{}{}\n", "[".repeat(70), "]".repeat(70));
    let very_deep = "- ".repeat(100_000);
    let cases = [
        (bomb, "more than 100000 values once aliases are expanded; use fewer aliases"),
        (nested_anchors, "more than 100000 values once aliases are expanded; use fewer aliases"),
        (format!("[{}]", "x,".repeat(100_000)), "more than 100000 values once aliases are expanded; use fewer aliases"),
        (chain, "nested deeper than 64 levels"),
        (deep, "nested deeper than 64 levels"),
        (very_deep, "nested deeper than 64 levels"),
    ];
    for (text, expected) in cases {
        let found = text.parse::<Node>().map_or_else(|errors| errors.to_string(), |_| "none".to_owned());
        assert!(found.ends_with(expected), "{found} for {}", text.chars().take(40).collect::<String>());
    }
}

#[test]
fn durations() {
    let good = [
        ("0", 0),
        ("5s", 5_000_000_000),
        ("200ms", 200_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("1us", 1_000),
        ("1µs", 1_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("3ns", 3),
        ("0s", 0),
        ("1h0m1s", 3_601_000_000_000),
    ];
    for (text, nanoseconds) in good {
        assert_eq!(duration::parse(text), Ok(Duration::from_nanos(nanoseconds)), "for {text}");
    }
    use duration::DurationError::{Malformed, Negative, NoUnit, TooLong};
    let bad = [
        ("5", NoUnit),
        ("1m30", NoUnit),
        ("-5s", Negative),
        ("", Malformed),
        ("s", Malformed),
        ("5 s", Malformed),
        ("5d", Malformed),
        (".s", Malformed),
        ("1.2.3s", Malformed),
        ("5S", Malformed),
        ("9999999999h", TooLong),
        ("99999999999999999999999999999999999999999h", TooLong),
        ("2562047h2562047h", TooLong),
    ];
    for (text, problem) in bad {
        assert_eq!(duration::parse(text), Err(problem), "for {text}");
    }
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let cases =
        ["a: b\r\nc: [d]\r\n", "\u{feff}a: b\nc: [d]\n", "---\na: b\nc: [d]\n...\n", "%YAML 1.2\n---\na: b\nc: [d]"];
    for text in cases {
        assert_eq!(node(text).to_json(), json!({ "a": "b", "c": ["d"] }), "for {text:?}");
    }
}
