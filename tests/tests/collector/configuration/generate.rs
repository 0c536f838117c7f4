//! Configurations that are made up: small trees of scalars in every form, and texts of the pieces that references are made of.

use fastrand::Rng;
use otelier_tests::generate::{chance, pick};

use super::{Case, VARIABLES};

/// Where `a::b` and `a` say different things, chance decides in the Collector: so no key is in front of another one's delimiter.
const KEYS: &[&str] =
    &["a", "b", "c", "m::n", "m::o::p", "x.y", "'${env:WORD}'", "\"1\"", "1", "texts", "numbers", "flags"];

const SCALARS: &[&str] = &[
    "1",
    "0",
    "-1",
    "+7",
    "0123",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1.0",
    "1.5",
    "-0.0",
    "1e3",
    "1E-2",
    ".5",
    "1.",
    "+.5",
    "12345678901234567890",
    "123456789012345678901234567890",
    "true",
    "True",
    "TRUE",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "t",
    "~",
    "null",
    "Null",
    "NULL",
    "''",
    "\"\"",
    "'1'",
    "\"true\"",
    "word",
    "two words",
    "a:b",
    "127.0.0.1:4317",
    "5s",
    "1m30s",
    "0.0.0.0",
    "1:30",
    "2001-02-03x",
    "08",
    "09.5",
    "0x",
    "0b2",
    "_1",
    "1__0",
    "1e",
    "e1",
    "-",
    "--1",
    "- 1",
    "@x",
    "%x",
    "*x",
    "&x y",
    "!!str 5",
    "!!int '5'",
    "\"a\\nb\"",
    "'it''s'",
    "|\n  text",
    ">\n  folded\n  text",
    "[]",
    "{}",
    "[1, '2', ~]",
    "{k: v}",
    "\"\\u00e4\"",
    "ä",
];

const PIECES: &[&str] = &[
    "$",
    "$$",
    "${",
    "}",
    "${env:",
    "${file:",
    ":-",
    "::",
    ":",
    " ",
    "x",
    "word",
    "-",
    "env",
    "{",
    "#",
    "5",
    "WORD",
    "PORT",
    "${}",
    "${:}",
    "${env:}",
    "${WORD}",
    "${env:WORD}",
    "$${env:WORD}",
    "$$${env:WORD}",
    "${env:NOT_SET}",
    "${env:NOT_SET:-7}",
    "${env:NOT_SET:-}",
    "${env:NOT_SET:-${env:WORD}}",
    "${env:${env:NAME}}",
    "${file:scalar.yaml}",
    "${file:map.yaml}",
    "${file:list.yaml}",
    "${file:nowhere.yaml}",
    "${yaml:5}",
    "${yaml:[a, 1]}",
    "${nope:x}",
    "${env:1X}",
    "${env:A B}",
    "${e:x}",
];

/// A tree in one to three parts, with up to two `--set`.
pub fn case(rng: &mut Rng) -> Case {
    let parts = 1 + rng.usize(..3).saturating_sub(1);
    Case {
        texts: (0..parts).map(|_| mapping(rng, 0)).collect(),
        sets: (0..rng.usize(..3).saturating_sub(1))
            .map(|_| format!("{}={}", pick(rng, &["a", "a.b", "c", "a.b.c", "d"]), inline(rng)))
            .collect(),
    }
}

fn mapping(rng: &mut Rng, depth: usize) -> String {
    let mut keys: Vec<&str> = Vec::new();
    let count = if chance(rng, 4) { 0 } else { 1 + rng.usize(..3) };
    for _ in 0..count {
        let key = pick(rng, KEYS);
        let is_of_types = matches!(key, "texts" | "numbers" | "flags");
        // What a component would refuse hides what is resolved.
        if !keys.contains(&key) && (!is_of_types || (depth == 0 && chance(rng, 30))) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return "{}".to_owned();
    }
    let entries: Vec<String> = keys.iter().map(|key| entry(rng, key, depth)).collect();
    entries.join("\n")
}

fn entry(rng: &mut Rng, key: &str, depth: usize) -> String {
    match key {
        "texts" | "numbers" | "flags" => format!("{key}: {{k: {}}}", wanted(rng, key)),
        _ if depth < 2 && chance(rng, 30) => format!("{key}:\n{}", indented(&mapping(rng, depth + 1))),
        _ if depth < 2 && chance(rng, 15) => {
            let items: Vec<String> = (0..=rng.usize(..2)).map(|_| format!("- {}", inline(rng))).collect();
            format!("{key}:\n{}", indented(&items.join("\n")))
        }
        _ => format!("{key}: {}", indented(&inline(rng)).trim_start()),
    }
}

/// Something that may be of the type that is wanted.
fn wanted(rng: &mut Rng, key: &str) -> String {
    let name = |rng: &mut Rng| pick(rng, VARIABLES).0;
    match (key, rng.u32(..3)) {
        ("texts", 0) => quoted(&text(rng)),
        (_, 1) => quoted(&format!("${{env:{}}}", name(rng))),
        ("texts", _) => quoted(&format!("x${{env:{}}}", name(rng))),
        ("numbers", _) => pick(rng, &["5", "'5'", "5.0", "5.5", "~", "true", "1e2", "five"]).to_owned(),
        (_, _) => pick(rng, &["true", "false", "'true'", "1", "~", "yes", "t"]).to_owned(),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn inline(rng: &mut Rng) -> String {
    match rng.u32(..10) {
        0..4 => pick(rng, SCALARS).to_owned(),
        4..6 => quoted(&format!("${{env:{}}}", pick(rng, VARIABLES).0)),
        _ => quoted(&text(rng)),
    }
}

fn text(rng: &mut Rng) -> String {
    (0..=rng.usize(..5)).map(|_| pick(rng, PIECES)).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
