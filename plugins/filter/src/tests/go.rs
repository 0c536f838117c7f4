//! What Go and the Collector's own code said, from the tables in `go/`.

use otelier_sdk::key::AnyValue;
use plugin_common::matcher::build;
use plugin_common::{pattern, text};
use serde_json::Value as Json;

fn table(json: &str) -> Json {
    serde_json::from_str(json).unwrap()
}

fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap_or_else(|| panic!("{json} is no list"))
}

fn string(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("{json} is no string"))
}

/// A string, or strings and bytes in turns.
fn bytes(json: &Json) -> Vec<u8> {
    let piece =
        |piece: &Json| piece.as_u64().map_or_else(|| string(piece).as_bytes().to_vec(), |byte| vec![byte as u8]);
    json.as_array().map_or_else(|| piece(json), |pieces| pieces.iter().flat_map(piece).collect())
}

/// Go 1.25 and 1.26 refuse the names of scripts that have a `_` or a second capital letter in them; RE2, Go before and Go's documentation do not.
fn is_script_that_go_misses(pattern: &str) -> bool {
    let name = pattern.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(name, _)| name);
    let is_upper = |character: char| character == '_' || character.is_ascii_uppercase();
    let is_name = pattern == format!("\\p{{{name}}}") || pattern == format!("^\\P{{{name}}}$");
    is_name && name.len() > 4 && name.chars().skip(1).any(is_upper) && !name.contains([' ', '='])
}

#[test]
fn patterns_are_refused_or_found_where_go_does() {
    let table = table(include_str!("../../go/patterns.json"));
    let texts: Vec<Vec<u8>> = list(&table["texts"]).iter().map(bytes).collect();
    let (mut wrong, mut refused, mut missed) = (Vec::new(), 0, 0);
    for entry in list(&table["patterns"]) {
        let pattern = string(&entry[0]);
        let translated = match (pattern::from_go(pattern), entry.get(1)) {
            (Err(_), None) => {
                refused += 1;
                continue;
            }
            (Ok(_), None) if is_script_that_go_misses(pattern) => {
                missed += 1;
                continue;
            }
            (Err(refusal), Some(_)) => {
                wrong.push(format!("{pattern:?} is refused: {refusal}"));
                continue;
            }
            (Ok(_), None) => {
                wrong.push(format!("{pattern:?} is accepted"));
                continue;
            }
            (Ok(translated), Some(_)) => translated,
        };
        let set = build(std::slice::from_ref(&translated));
        let set = set.unwrap_or_else(|error| panic!("{pattern:?} becomes {translated}: {error}"));
        let found = string(&entry[1]);
        for (place, text) in texts.iter().enumerate() {
            let digit = found.as_bytes()[place / 4] as char;
            let expected = digit.to_digit(16).unwrap() & (8 >> (place % 4)) != 0;
            if set.is_match(&pattern::text(text)) != expected {
                wrong.push(format!("{pattern:?} is {} in {text:?}", if expected { "found" } else { "not found" }));
            }
        }
    }
    assert!(wrong.is_empty(), "Go says otherwise:\n{}", wrong.join("\n"));
    assert!(refused > 500, "{refused} patterns are refused");
    assert_eq!(missed, 2 * 46, "scripts with more than one word in their names");
}

#[test]
fn patterns_nest_no_deeper_than_they_can_be_compiled() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")*".repeat(depth));
    let deep = pattern::from_go(&nested(200)).unwrap();
    assert!(build(&[deep]).unwrap().is_match("b"));
    let refusal = pattern::from_go(&nested(201)).unwrap_err();
    assert_eq!(refusal.to_string(), "at character 201: groups nest more than 200 deep");
}

#[test]
fn a_refusal_names_place_and_reason() {
    let cases = [
        (r"(a)\1", "at character 4: references to groups are not possible"),
        ("(?x)a b", "at character 3: `x` in `(?`: there are the flags `i`, `m`, `s` and `U`"),
        ("(?-u)a", "at character 4: `u` in `(?`"),
        ("a**", "at character 3: `*` repeats a repetition"),
        ("é**", "at character 3: `*` repeats a repetition"),
        ("*", "at character 1: `*` has nothing to repeat"),
        ("a{1001}", "at character 2: `{1001}`: at most 1000 repetitions are possible"),
        ("(a{10}){101}", "at character 8: `{101}`: with those inside it takes more than 1000 repetitions"),
        ("a{3,2}", "at character 2: `{3,2}`: the second number is less than the first"),
        (r"x\u0041", r"at character 2: `\u` is no escape of Go's regular expressions"),
        (r"\x{110000}", "at character 1: after `\\x` follow two hexadecimal digits"),
        ("a(b", "at character 2: this `(` is not closed"),
        ("a)", "at character 2: this `)` closes nothing"),
        ("a[b", "at character 2: this `[` is not closed"),
        ("[z-a]", "at character 2: this range ends before it begins"),
        ("[[:foo:]]", "at character 2: `[:foo:]` is none of alnum, alpha"),
        (r"\p{Grek}", "at character 1: `Grek` is no category and no script of Unicode"),
        (r"\p{sc=Greek}", "at character 1: `sc=Greek` is no category"),
        ("(?P<n.m>a)", "at character 1: a group's name has letters"),
        ("(?=a)", "at character 3: `=` in `(?`"),
        ("a\\", "at character 2: nothing follows this backslash"),
    ];
    for (pattern, expected) in cases {
        let message = pattern::from_go(pattern).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{pattern}\n  gives    {message}\n  expected {expected}");
    }
}

fn hexadecimal(json: &Json) -> Vec<u8> {
    let digits = string(json).as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn value(json: &Json) -> AnyValue {
    let Some((kind, value)) = json.as_object().and_then(|object| object.iter().next()) else { return AnyValue::Empty };
    match kind.as_str() {
        "string" => AnyValue::String(hexadecimal(value)),
        "bool" => AnyValue::Bool(value.as_bool().unwrap()),
        "integer" => AnyValue::Integer(string(value).parse().unwrap()),
        "double" => AnyValue::Double(f64::from_bits(u64::from_str_radix(string(value), 16).unwrap())),
        "bytes" => AnyValue::Bytes(hexadecimal(value)),
        "array" => AnyValue::Array(list(value).iter().map(self::value).collect()),
        "map" => {
            AnyValue::Map(list(value).iter().map(|entry| (hexadecimal(&entry[0]), self::value(&entry[1]))).collect())
        }
        other => panic!("{other} is no type"),
    }
}

#[test]
fn values_are_the_text_that_the_collector_makes_of_them() {
    let table = table(include_str!("../../go/values.json"));
    let entries = list(&table["values"]);
    for entry in entries {
        let encoded = value(&entry[0]).encode();
        let written = |text: Option<&[u8]>| text.map(|text| String::from_utf8_lossy(text).into_owned());
        let any = text::any(&encoded);
        assert_eq!(written(any.as_deref()), written(Some(&hexadecimal(&entry[1]))), "{}", entry[0]);
        assert_eq!(any.as_deref(), Some(hexadecimal(&entry[1]).as_slice()), "{}", entry[0]);
        let expected = entry[2].is_string().then(|| hexadecimal(&entry[2]));
        assert_eq!(text::attribute(&encoded).as_deref(), expected.as_deref(), "{}", entry[0]);
    }
    assert!(entries.len() > 800, "{} values", entries.len());
}
