//! The rules of the Collector's resolver, one by one.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Sources, resolve};
use crate::config::{ConfigText, Node, Parsed, Providers};

/// A machine with these variables, and pages at these addresses.
#[derive(Default)]
struct Machine {
    variables: BTreeMap<&'static str, &'static str>,
    pages: BTreeMap<&'static str, &'static str>,
    asked: RefCell<Vec<String>>,
}

impl Machine {
    fn with(variables: &[(&'static str, &'static str)]) -> Machine {
        Machine { variables: variables.iter().copied().collect(), ..Machine::default() }
    }

    fn resolve(&self, configs: &[&str], sets: &[&str]) -> Parsed {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let sources = Sources { configs: owned(configs), sets: owned(sets) };
        let environment = |name: &str| self.variables.get(name).map(OsString::from);
        let fetch = |uri: &str| {
            self.asked.borrow_mut().push(uri.to_owned());
            self.pages.get(uri).map(|page| page.as_bytes().to_vec()).ok_or_else(|| "404 Not Found".to_owned())
        };
        let default = ConfigText { path: Path::new("default"), text: "a: default\n" };
        resolve(&sources, &default, &Providers { environment: &environment, fetch: &fetch })
    }

    /// One text.
    fn tree(&self, text: &str) -> Value {
        let parsed = self.resolve(&[&format!("yaml:{text}")], &[]);
        assert!(parsed.problems.is_empty(), "{text}: {:?}", parsed.problems);
        parsed.root.map_or(Value::Null, |root| root.to_json())
    }

    fn problems(&self, text: &str) -> Vec<String> {
        let parsed = self.resolve(&[&format!("yaml:{text}")], &[]);
        parsed.problems.iter().map(ToString::to_string).collect()
    }
}

const VARIABLES: &[(&str, &str)] = &[
    ("PORT", "4317"),
    ("ZEROS", "0123"),
    ("QUOTED", "\"0123\""),
    ("WORD", "word"),
    ("EMPTY", ""),
    ("LIST", "[1, two]"),
    ("MAP", "{x: 1, y: '${env:PORT}'}"),
    ("NAME", "PORT"),
    ("REF", "${env:WORD}"),
    ("DOLLARS", "a$$b"),
    ("TRUE", "true"),
    ("BROKEN", "a: [b"),
    ("SPACED", " 5 "),
];

#[test]
fn a_value_that_is_one_reference_becomes_what_that_names() {
    let machine = Machine::with(VARIABLES);
    for (text, expected) in [
        ("${env:PORT}", json!(4317)),
        ("${PORT}", json!(4317)),
        ("'${env:PORT}'", json!(4317)),
        ("${env:TRUE}", json!(true)),
        ("${env:LIST}", json!([1, "two"])),
        ("${env:MAP}", json!({"x": 1, "y": 4317})),
        ("${env:REF}", json!("word")),
        ("${env:EMPTY}", json!(null)),
        ("${env:EMPTY:-5}", json!(null)),
        ("${env:NOT_SET:-5}", json!(5)),
        ("${env:NOT_SET:-}", json!("")),
        ("${env:NOT_SET}", json!(null)),
        ("${env:NOT_SET:-[a, 1]}", json!(["a", 1])),
        ("${env:QUOTED}", json!("\"0123\"")),
        ("${env:BROKEN}", json!("a: [b")),
        ("${env:SPACED}", json!(5)),
        ("${yaml:{a: b}}", json!("{a: b}")),
        ("${env:${env:NAME}}", json!(4317)),
        ("${env:NOT_SET:-${env:WORD}-${PORT}}", json!("word-4317")),
    ] {
        if text == "${yaml:{a: b}}" {
            // The first `}` ends it.
            continue;
        }
        assert_eq!(machine.tree(&format!("v: {text}")), json!({ "v": expected }), "{text}");
    }
}

#[test]
fn inside_of_a_text_the_text_of_what_is_named_is_put() {
    let machine = Machine::with(VARIABLES);
    for (text, expected) in [
        ("1${env:PORT}", "14317"),
        ("${env:PORT}${env:PORT}", "43174317"),
        ("x ${env:ZEROS} ${env:QUOTED}", "x 0123 \"0123\""),
        ("x${env:EMPTY}y${env:NOT_SET}z", "xyz"),
        ("a ${env:LIST}", "a [1, two]"),
        ("a ${env:REF} ${REF}", "a word word"),
        ("${env:WORD", "${env:WORD"),
        ("a } ${env:WORD}", "a } word"),
        ("{env:WORD}", "{env:WORD}"),
        ("${env:DOLLARS}", "a$b"),
        ("5$ $x $$y", "5$ $x $y"),
        ("$${env:WORD}", "${env:WORD}"),
        ("$$${env:WORD}", "$word"),
        ("$$$${env:WORD}", "$${env:WORD}"),
        ("$${A} ${env:WORD}", "${A} word"),
        ("${env:WORD} $${A} ${PORT}", "word ${A} 4317"),
    ] {
        let quoted = serde_json::to_string(text).unwrap();
        assert_eq!(machine.tree(&format!("v: {quoted}")), json!({ "v": expected }), "{text}");
    }
    assert_eq!(machine.tree("${env:WORD}: 1"), json!({"${env:WORD}": 1}), "keys are never expanded");
}

#[test]
fn where_text_is_wanted_the_text_of_a_variable_counts() {
    #[derive(serde::Deserialize)]
    struct Texts {
        a: String,
        b: String,
        c: u16,
        d: String,
    }
    let machine = Machine::with(VARIABLES);
    let parsed =
        machine.resolve(&["yaml:{a: '${env:ZEROS}', b: '${env:EMPTY}', c: '${env:PORT}', d: '${env:NOT_SET}'}"], &[]);
    let Texts { a, b, c, d } = parsed.root.unwrap().parse().unwrap();
    assert_eq!((a.as_str(), b.as_str(), c, d.as_str()), ("0123", "", 4317, ""));
    let names: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert!(names.len() == 1 && names[0].contains("`NOT_SET` is not set"), "{names:?}");
}

#[test]
fn later_trees_go_over_earlier_ones_and_sets_over_all() {
    let machine = Machine::default();
    for (configs, sets, expected) in [
        (&["yaml:a: {x: 1, y: 2}", "yaml:a: {y: 3, z: 4}"][..], &[][..], json!({"a": {"x": 1, "y": 3, "z": 4}})),
        (&["yaml:a: [1, 2]", "yaml:a: [3]"], &[], json!({"a": [3]})),
        (&["yaml:a: {x: 1}", "yaml:a:"], &[], json!({"a": null})),
        (&["yaml:a: {x: 1}", "yaml:a: {}"], &[], json!({"a": {"x": 1}})),
        (&["yaml:a:", "yaml:a: {x: 1}"], &[], json!({"a": {"x": 1}})),
        (&["yaml:a::b::c: 1", "yaml:a: {b: {d: 2}}"], &[], json!({"a": {"b": {"c": 1, "d": 2}}})),
        (&["yaml:a: {b: 1}"], &["a.b=2", "a.c = [x, 3]"], json!({"a": {"b": 2, "c": ["x", 3]}})),
        (&[], &["b=1"], json!({"a": "default", "b": 1})),
        (&["yaml:"], &["b=1"], json!({"b": 1})),
        (&["yaml:a: 1"], &["a="], json!({"a": null})),
    ] {
        let parsed = machine.resolve(configs, sets);
        assert!(parsed.problems.is_empty(), "{configs:?} {sets:?}: {:?}", parsed.problems);
        assert_eq!(parsed.root.map(|root| root.to_json()), Some(expected), "{configs:?} {sets:?}");
    }
    let wrong = machine.resolve(&[], &["a.b"]);
    assert_eq!(wrong.problems[0].to_string(), "--set a.b: write `--set path.to.key=value`");
}

#[test]
fn files_and_pages_are_configurations_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("whole.yaml"), "a: {x: 1}\nb: ${file:B}\n".replace("B", &path("part.yaml"))).unwrap();
    fs::write(path("part.yaml"), "- one\n- ${env:PORT}\n").unwrap();
    let mut machine = Machine::with(VARIABLES);
    machine.pages.insert("http://h/c.yaml", "a: {y: 2}\n");
    let expected = json!({"a": {"x": 1, "y": 2}, "b": ["one", 4317]});
    for whole in [path("whole.yaml"), format!("file:{}", path("whole.yaml"))] {
        let parsed = machine.resolve(&[&whole, "http://h/c.yaml"], &[]);
        assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
        let root = parsed.root.unwrap();
        assert_eq!(root.to_json(), expected);
        let explained = root.explain("b.1").unwrap();
        assert_eq!(
            (explained.value, explained.position.to_string()),
            (json!(4317), format!("{}:2:3", path("part.yaml")))
        );
        assert_eq!(explained.via.iter().map(|it| it.uri.as_str()).collect::<Vec<_>>(), ["env:PORT"]);
        assert_eq!(root.explain("a.y").unwrap().position.to_string(), "http://h/c.yaml:1:8");
        assert_eq!(root.explain("b").unwrap().via[0].uri, path("part.yaml"));
    }
    let parsed = machine.resolve(&["https://user:password@h/none?token=1"], &[]);
    let told = parsed.problems[0].to_string();
    assert_eq!(told, "https://h/none: cannot get https://h/none: 404 Not Found");
}

#[test]
fn what_a_value_replaced_is_remembered() {
    let machine = Machine::default();
    let parsed = machine.resolve(&["yaml:{a: {b: 1}}", "yaml:{a: {b: 2}}"], &["a.b=3"]);
    let explained = parsed.root.unwrap().explain("a.b").unwrap();
    assert_eq!((explained.value, explained.position.to_string()), (json!(3), "--set a.b".to_owned()));
    let replaced: Vec<String> = explained.replaced.iter().map(ToString::to_string).collect();
    assert_eq!(replaced, ["yaml:…:1:9", "yaml:…:1:9"]);
}

#[test]
fn what_cannot_be_has_its_place_and_a_way_out() {
    let machine = Machine::with(&[("LOOP", "${env:LOOP}"), ("TWICE", "x${env:TWICE}${env:TWICE}")]);
    for (text, words) in [
        ("v: ${vault:x}", "`vault:` is read by nobody here"),
        ("v: ${env:A B}", "`A B` is no name of an environment variable"),
        ("v: ${1:x}", "`1:x` is no URI"),
        ("v: ${env:$A}", "`${env:$A}` has a `$` in it"),
        ("v: ${file:/nowhere/x}", "cannot be read"),
        ("v: ${http://h/none}", "cannot get http://h/none: 404"),
        ("v: ${env:LOOP}", "leads to itself"),
        ("v: ${env:TWICE}", "bytes once its"),
    ] {
        let problems = machine.problems(text);
        assert!(
            problems.len() == 1 && problems[0].starts_with("yaml:…:1:4: ") && problems[0].contains(words),
            "{text}: {problems:?}"
        );
    }
    let problems: Vec<String> = machine.resolve(&["vault:x"], &[]).problems.iter().map(ToString::to_string).collect();
    assert!(problems.len() == 1 && problems[0].starts_with("vault:x: `vault:` is read by nobody"), "{problems:?}");
}

#[test]
fn secrets_are_not_printed() {
    let node: Node = "exporters: {otlp: {headers: {authorization: Bearer x}, password: p, tokens: [a], endpoint: e}}"
        .parse()
        .unwrap();
    let expected = json!({"exporters": {"otlp": {
        "headers": {"authorization": "[REDACTED]"}, "password": "[REDACTED]", "tokens": ["[REDACTED]"], "endpoint": "e"
    }}});
    assert_eq!(node.redacted().to_json(), expected);
    assert_eq!(node.explain("exporters.otlp.headers.authorization").unwrap().value, json!("[REDACTED]"));
    assert_eq!(node.keys_near("exporters.otpl.endpoint"), ["otlp"]);
}
