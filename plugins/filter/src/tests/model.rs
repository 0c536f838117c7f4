//! Any configuration decides as plain questions to each record do, from dictionaries and without.

use fastrand::Rng;
use otelier_sdk::Signal;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes, LogRecord};

use super::started;

const WORDS: [&str; 5] = ["", "a", "ab", "b", "ca"];
const KEYS: [&str; 3] = ["k", "l", "service.name"];

/// A block as the configuration has it, and what it asks.
struct Block {
    json: String,
    ask: Vec<Ask>,
    is_strict: bool,
}

type TextOf = fn(&LogRecord) -> String;

enum Ask {
    Severity(u64, bool),
    /// Of the severity text, the body or the scope's name.
    Text(TextOf, Vec<&'static str>),
    Attribute(bool, &'static str, Option<&'static str>),
}

fn word(rng: &mut Rng) -> &'static str {
    WORDS[rng.usize(..5)]
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn body(record: &LogRecord) -> String {
    match &record.body {
        AnyValue::String(text) => String::from_utf8(text.clone()).unwrap(),
        AnyValue::Integer(number) => number.to_string(),
        AnyValue::Array(_) => "[1,\"a\"]".to_owned(),
        _ => String::new(),
    }
}

fn block(rng: &mut Rng) -> Block {
    let is_strict = rng.bool();
    let (mut fields, mut ask) = (Vec::new(), Vec::new());
    if rng.u8(..4) == 0 {
        let (min, undefined) = (rng.u64(1..=24), rng.bool());
        fields.push(format!(r#""severity_number": {{"min": {min}, "match_undefined": {undefined}}}"#));
        ask.push(Ask::Severity(min, undefined));
    }
    let texts: [(&str, TextOf); 2] = [("severity_texts", |record| record.severity_text.clone()), ("bodies", body)];
    for (name, text) in texts {
        if rng.bool() {
            let words: Vec<&str> = (0..rng.usize(1..4)).map(|_| word(rng)).collect();
            fields.push(format!(r#""{name}": [{}]"#, list(&words)));
            ask.push(Ask::Text(text, words));
        }
    }
    for (name, is_resource) in [("record_attributes", false), ("resource_attributes", true)] {
        let mut criteria = Vec::new();
        for _ in 0..rng.usize(..3) {
            let (key, value) = (KEYS[rng.usize(..3)], rng.bool().then(|| word(rng)));
            let value_json = value.map(|value| format!(r#", "value": "{value}""#)).unwrap_or_default();
            criteria.push(format!(r#"{{"key": "{key}"{value_json}}}"#));
            ask.push(Ask::Attribute(is_resource, key, value));
        }
        fields.push(format!(r#""{name}": [{}]"#, criteria.join(", ")));
    }
    if ask.is_empty() || rng.u8(..4) == 0 {
        let word = word(rng);
        fields.push(format!(r#""libraries": [{{"name": "{word}"}}]"#));
        ask.push(Ask::Text(|record| record.scope_name.clone(), vec![word]));
    }
    let match_type = if is_strict { "strict" } else { "regexp" };
    let json = format!(r#"{{"match_type": "{match_type}", {}}}"#, fields.join(", "));
    Block { json, ask, is_strict }
}

impl Block {
    fn matches(&self, record: &LogRecord) -> bool {
        // The words have no special characters: as a pattern each is what the text contains.
        let is = |text: &str, word: &str| if self.is_strict { text == word } else { text.contains(word) };
        self.ask.iter().all(|ask| match ask {
            Ask::Severity(_, undefined) if record.severity_number == 0 => *undefined,
            Ask::Severity(min, _) => record.severity_number >= *min,
            Ask::Text(text, words) => words.iter().any(|word| is(&text(record), word)),
            Ask::Attribute(is_resource, key, value) => {
                let attributes = if *is_resource { &record.resource } else { &record.attributes };
                attributes.get(*key).is_some_and(|there| match (value, there) {
                    (None, _) => true,
                    (Some(value), AnyValue::String(text)) => is(std::str::from_utf8(text).unwrap(), value),
                    (Some(value), AnyValue::Integer(number)) => !self.is_strict && is(&number.to_string(), value),
                    _ => false,
                })
            }
        })
    }
}

fn value(rng: &mut Rng) -> AnyValue {
    match rng.u8(..6) {
        0 => AnyValue::from(5),
        1 => AnyValue::Array(vec![AnyValue::from(1), AnyValue::from("a")]),
        2 => AnyValue::Empty,
        _ => AnyValue::from(word(rng)),
    }
}

fn record(rng: &mut Rng) -> LogRecord {
    let attributes = |rng: &mut Rng| -> Attributes {
        let keys = KEYS.iter().filter(|_| rng.bool()).collect::<Vec<_>>();
        keys.into_iter().map(|key| ((*key).to_owned(), value(rng))).collect()
    };
    LogRecord {
        resource: attributes(rng),
        attributes: attributes(rng),
        severity_number: rng.u64(..26),
        severity_text: word(rng).to_owned(),
        scope_name: word(rng).to_owned(),
        body: value(rng),
        ..LogRecord::default()
    }
}

#[test]
fn any_configuration_decides_as_plain_questions_do() {
    let (mut kept, mut dropped) = (0, 0);
    for seed in 0..1000 {
        let mut rng = Rng::with_seed(seed);
        let include = (rng.u8(..3) > 0).then(|| block(&mut rng));
        let exclude = (include.is_none() || rng.bool()).then(|| block(&mut rng));
        let named = |(name, block): (&str, &Option<Block>)| Some(format!(r#""{name}": {}"#, block.as_ref()?.json));
        let blocks: Vec<String> =
            [("include", &include), ("exclude", &exclude)].into_iter().filter_map(named).collect();
        let config = format!(r#"{{"logs": {{{}}}}}"#, blocks.join(", "));
        let mut harness = started(Signal::Logs, &config);
        harness.host().dictionary_entries = [1_000_000, 2, 0][rng.usize(..3)];
        for batch in 0..4 {
            let records: Vec<LogRecord> = (0..20).map(|_| record(&mut rng)).collect();
            let is_kept = |record: &&LogRecord| {
                include.as_ref().is_none_or(|block| block.matches(record))
                    && !exclude.as_ref().is_some_and(|block| block.matches(record))
            };
            let expected: Vec<_> = records
                .iter()
                .filter(is_kept)
                .map(|record| (record.resource.clone(), record.attributes.clone()))
                .collect();
            let outcome = harness.process_logs(&records, 1).unwrap();
            let sent: Vec<_> = outcome.sent.into_iter().map(|item| (item.resource, item.attributes)).collect();
            assert_eq!(sent, expected, "seed {seed}, batch {batch}: {config}");
            kept += sent.len();
            dropped += outcome.dropped;
        }
    }
    assert!(kept > 10_000 && dropped > 10_000, "{kept} kept, {dropped} dropped: both occur");
}
