//! Any list of actions does what the same list does to plain maps, one action and one item at a time.

use fastrand::Rng;
use otelier_sdk::key::AnyValue;
use otelier_sdk::testing::{Attributes as Map, LogRecord, Sent};
use otelier_sdk::{Level, Signal};

use super::started;
use plugin_common::editing::hash::hash;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const LEVELS: [(&str, Level); 3] = [("item", Level::Item), ("resource", Level::Resource), ("scope", Level::Scope)];

/// An action of the model and as the configuration has it.
struct Action {
    verb: &'static str,
    level: Level,
    key: &'static str,
    /// Of a copy: where from. Of a rename: the new key.
    other: Option<(Level, &'static str)>,
    value: i64,
    json: String,
}

fn action(rng: &mut Rng) -> Action {
    // Mostly one level, so that actions meet.
    let level = |rng: &mut Rng| if rng.u8(..4) == 0 { LEVELS[rng.usize(..3)] } else { LEVELS[0] };
    let (level_name, at) = level(rng);
    let key = KEYS[rng.usize(..4)];
    let verb = ["insert", "update", "upsert", "delete", "hash", "rename"][rng.usize(..6)];
    let value = rng.i64(0..3);
    let (mut other, mut more) = (None, String::new());
    match verb {
        "insert" | "update" | "upsert" if rng.bool() => {
            let (from_level_name, from_level) = level(rng);
            let from = KEYS[rng.usize(..4)];
            other = Some((from_level, from));
            more = format!(r#", "from_attribute": {{"key": "{from}", "level": "{from_level_name}"}}"#);
        }
        "insert" | "update" | "upsert" => more = format!(r#", "value": {value}"#),
        "rename" => {
            let to = KEYS.into_iter().cycle().skip_while(|known| *known != key).nth(rng.usize(1..4)).unwrap();
            other = Some((at, to));
            more = format!(r#", "new_key": "{to}""#);
        }
        _ => {}
    }
    let json = format!(r#"{{"key": "{key}", "action": "{verb}", "level": "{level_name}"{more}}}"#);
    Action { verb, level: at, key, other, value, json }
}

fn apply(action: &Action, item: &mut Sent) {
    let key = action.key.to_owned();
    if action.verb == "rename" {
        let attributes = item.level(action.level);
        if let (Some(value), Some((_, to))) = (attributes.remove(&key), action.other) {
            attributes.insert(to.to_owned(), value);
        }
        return;
    }
    let value = match action.other {
        Some((level, from)) => item.level(level).get(from).cloned(),
        None => Some(AnyValue::from(action.value)),
    };
    let attributes = item.level(action.level);
    let is_there = attributes.contains_key(&key);
    match (action.verb, value) {
        ("delete", _) => drop(attributes.remove(&key)),
        ("hash", _) => {
            if let Some(value) = attributes.get_mut(&key) {
                *value = AnyValue::decode(&hash(&value.encode())).unwrap();
            }
        }
        ("insert", Some(value)) if !is_there => drop(attributes.insert(key, value)),
        ("update", Some(value)) if is_there => drop(attributes.insert(key, value)),
        ("upsert", Some(value)) => drop(attributes.insert(key, value)),
        _ => {}
    }
}

fn attributes(rng: &mut Rng) -> Map {
    let mut attributes = Map::new();
    for key in KEYS {
        let value = match rng.u8(..9) {
            0 => AnyValue::from("text"),
            1 => AnyValue::from(""),
            2 => AnyValue::from(rng.bool()),
            3 => AnyValue::from(rng.i64(0..4)),
            4 => AnyValue::from(1.5),
            5 => AnyValue::Array(vec![AnyValue::from(1)]),
            6 => AnyValue::Empty,
            _ => continue,
        };
        attributes.insert(key.to_owned(), value);
    }
    attributes
}

#[test]
fn any_list_of_actions_does_what_it_does_to_maps() {
    for seed in 0..1000 {
        let mut rng = Rng::with_seed(seed);
        let actions: Vec<Action> = (0..rng.usize(1..9)).map(|_| action(&mut rng)).collect();
        let mut json: Vec<&str> = actions.iter().map(|action| action.json.as_str()).collect();
        // With it, attributes are read as a whole: every way does the same.
        if seed % 2 == 1 {
            json.push(r#"{"pattern": "^never$", "action": "delete"}"#);
        }
        let config = format!(r#"{{"actions": [{}]}}"#, json.join(", "));
        let mut harness = started(Signal::Logs, &config);
        // With room for all, for few and for none.
        harness.host().dictionary_entries = [1_000_000, 3, 0][rng.usize(..3)];
        for batch in 1..6 {
            let record = |_| LogRecord {
                resource: attributes(&mut rng),
                scope: attributes(&mut rng),
                attributes: attributes(&mut rng),
                ..LogRecord::default()
            };
            let records: Vec<LogRecord> = (0..10).map(record).collect();
            let outcome = harness.process_logs(&records, batch).unwrap();
            let expected: Vec<Sent> = records
                .into_iter()
                .map(|LogRecord { resource, scope, attributes, .. }| {
                    let mut item = Sent { resource, scope, attributes, ..Sent::default() };
                    actions.iter().for_each(|action| apply(action, &mut item));
                    item
                })
                .collect();
            assert_eq!(outcome.sent, expected, "seed {seed}, batch {batch}: {config}");
        }
    }
}
