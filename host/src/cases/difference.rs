//! What is different between what was expected and what came: item by item and field by field.
//!
//! The order counts where the contract promises one: what passes keeps its order. It promises none for points that are emitted, nor among the
//! attributes of an item; those are compared whatever their order.

use std::collections::BTreeSet;

use serde_json::Value;

use super::came::{Came, Step, Stored};
use super::case::{Action, Case};
use super::items::{Item, items};

/// A line for each difference, with the step it is in.
pub fn of_cases(case: &Case, expected: &Came, got: &Came) -> Vec<String> {
    let mut found: Vec<String> =
        of_steps(&expected.start, &got.start).into_iter().map(|line| format!("start: {line}")).collect();
    let nothing = Step::default();
    for number in 0..expected.steps.len().max(got.steps.len()) {
        let label = case.steps.get(number).map_or("no step of the case", |step| action(&step.action));
        let of = |came: &'_ Came| came.steps.get(number).cloned();
        let lines = match (of(expected), of(got)) {
            (None, Some(came)) if came == nothing => {
                vec!["it is not in expected.json; `--update` writes it".to_owned()]
            }
            (wanted, came) => of_steps(&wanted.unwrap_or_default(), &came.unwrap_or_default()),
        };
        found.extend(lines.into_iter().map(|line| format!("step {} ({label}): {line}", number + 1)));
    }
    found
}

fn action(action: &Action) -> &'static str {
    match action {
        Action::Send(..) | Action::SendFile(..) => "send",
        Action::Flush { .. } => "flush",
        Action::Wait(_) => "wait",
        Action::Restart(_) => "restart",
    }
}

fn of_steps(expected: &Step, got: &Step) -> Vec<String> {
    let mut found = Vec::new();
    if expected.error != got.error {
        let shown = |error: &Option<String>| error.clone().map_or("none".to_owned(), |error| format!("`{error}`"));
        found.push(format!("error: expected {}, got {}", shown(&expected.error), shown(&got.error)));
    }
    scalar("retryable", &expected.retryable, &got.retryable, &mut found);
    scalar("dropped", &expected.dropped, &got.dropped, &mut found);
    scalar("absorbed", &expected.absorbed, &got.absorbed, &mut found);
    requests("output", expected.output.as_ref(), got.output.as_ref(), true, &mut found);
    requests("emitted", expected.emitted.as_ref(), got.emitted.as_ref(), false, &mut found);
    states(expected.state.as_ref(), got.state.as_ref(), &mut found);
    for number in 0..expected.log.len().max(got.log.len()) {
        field(&format!("log[{number}]"), expected.log.get(number), got.log.get(number), &mut found);
    }
    found
}

fn scalar<T: PartialEq + ToString>(name: &str, expected: &T, got: &T, found: &mut Vec<String>) {
    if expected != got {
        found.push(format!("{name}: expected {}, got {}", expected.to_string(), got.to_string()));
    }
}

fn field(path: &str, expected: Option<&String>, got: Option<&String>, found: &mut Vec<String>) {
    if expected != got {
        let shown = |value: Option<&String>| value.map_or("nothing".to_owned(), Clone::clone);
        found.push(format!("{path}: expected {}, got {}", shown(expected), shown(got)));
    }
}

fn states(expected: Option<&Stored>, got: Option<&Stored>, found: &mut Vec<String>) {
    let none = Stored::default();
    let (expected, got) = (expected.unwrap_or(&none), got.unwrap_or(&none));
    let format = |stored: &Stored| stored.format.map_or("none".to_owned(), |format| format.to_string());
    scalar("state format", &format(expected), &format(got), found);
    scalar("state codes", &expected.codes, &got.codes, found);
    let keys: BTreeSet<&String> = expected.entries.keys().chain(got.entries.keys()).collect();
    for key in keys {
        field(&format!("state {key}"), expected.entries.get(key), got.entries.get(key), found);
    }
}

fn requests(what: &str, expected: Option<&Value>, got: Option<&Value>, is_ordered: bool, found: &mut Vec<String>) {
    let of = |request: Option<&Value>| request.map(items).unwrap_or_default();
    let (expected, got) = (of(expected), of(got));
    let mut pairs = Pairs { pairs: Vec::new(), expected: (0..expected.len()).collect(), got: (0..got.len()).collect() };
    pairs.join(|one, other| expected.get(one).zip(got.get(other)).is_some_and(|(one, other)| one == other));
    pairs.join(|one, other| same(&expected, one, &got, other, |item| &item.identity));
    pairs.join(|one, other| same(&expected, one, &got, other, |item| &item.kin));
    pairs.pairs.sort_unstable();
    for (one, other) in &pairs.pairs {
        if let (Some(wanted), Some(came)) = (expected.get(*one), got.get(*other)) {
            of_items(what, wanted, came, found);
        }
    }
    let missing = pairs.expected.iter().filter_map(|at| expected.get(*at));
    found.extend(missing.map(|item| format!("{what}: {} is missing", item.name)));
    let extra = pairs.got.iter().filter_map(|at| got.get(*at));
    found.extend(extra.map(|item| format!("{what}: {} was not expected: {}", item.name, summary(item))));
    let moved = pairs.pairs.windows(2).find(|pair| matches!(pair, [(_, first), (_, second)] if second < first));
    if let Some([(first, _), (second, _)]) = moved.filter(|_| is_ordered)
        && let (Some(first), Some(second)) = (expected.get(*first), expected.get(*second))
    {
        found.push(format!("{what}: order: {} comes before {}, and was expected after it", second.name, first.name));
    }
}

/// What belongs together, by place, and what has no partner yet.
struct Pairs {
    pairs: Vec<(usize, usize)>,
    expected: Vec<usize>,
    got: Vec<usize>,
}

impl Pairs {
    /// Joins what is alike, in order.
    fn join(&mut self, is_alike: impl Fn(usize, usize) -> bool) {
        let (got, pairs) = (&mut self.got, &mut self.pairs);
        self.expected.retain(|one| match got.iter().position(|other| is_alike(*one, *other)) {
            Some(at) => {
                pairs.push((*one, got.remove(at)));
                false
            }
            None => true,
        });
    }
}

fn same(expected: &[Item], one: usize, got: &[Item], other: usize, of: impl Fn(&Item) -> &String) -> bool {
    expected.get(one).zip(got.get(other)).is_some_and(|(one, other)| of(one) == of(other))
}

fn of_items(what: &str, expected: &Item, got: &Item, found: &mut Vec<String>) {
    let paths: BTreeSet<&String> = expected.fields.keys().chain(got.fields.keys()).collect();
    for path in paths {
        let place = format!("{what}: {}: {path}", expected.name);
        field(&place, expected.fields.get(path), got.fields.get(path), found);
    }
}

/// The values of an item that has no partner.
fn summary(item: &Item) -> String {
    let own = item.fields.iter().filter(|(path, _)| !path.starts_with("resource") && !path.starts_with("scope"));
    own.map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>().join(", ")
}
