//! Every fault of a component's configuration. serde stops at the first one, so what is wrong is taken out and the rest read again.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::error::Error;
use super::node::{Node, Value};
use super::position::Position;
use super::problem::Problem;

/// Nobody mends more than so many in one place before he looks again.
const FAULTS_MAX: usize = 32;

impl Node {
    /// Everything that keeps this from being read as a `T`. What only follows from another fault is left out: that a key is missing whose
    /// value was wrong, or that the rest makes no sense without it.
    pub fn faults<T: DeserializeOwned>(&self) -> Vec<Error> {
        let (mut rest, mut errors, mut lacking) = (self.clone(), Vec::new(), HashSet::new());
        for _ in 0..FAULTS_MAX {
            let Err(error) = rest.parse::<T>() else { break };
            let position = error.position.clone();
            // One that is near a known one was meant to be that, which lacks then.
            let is_needless = matches!(&error.problem, Problem::UnknownKey { hint, .. } if hint.nearest().is_none());
            let is_unknown = matches!(error.problem, Problem::UnknownKey { .. });
            if is_unknown || !lacking.contains(&position) {
                errors.push(error);
            }
            let mut above = Vec::new();
            if !rest.take_out(&position, &mut above) {
                break;
            }
            let leaves_nothing = above.first().is_some_and(|parent| rest.is_empty_at(parent));
            if !is_needless || leaves_nothing {
                lacking.extend(above);
            }
        }
        errors
    }

    /// Whether the text is wrong at this place, or somewhere in the value that stands there.
    pub(super) fn spoils(&self, position: &Position, spoilt: &HashSet<Position>) -> bool {
        spoilt.contains(position) || self.at(position).is_some_and(|node| node.has_one_of(spoilt))
    }

    /// The outermost value that stands at a place.
    fn at(&self, position: &Position) -> Option<&Node> {
        match () {
            () if self.position == *position => Some(self),
            () => self.children().find_map(|child| child.at(position)),
        }
    }

    fn has_one_of(&self, places: &HashSet<Position>) -> bool {
        places.contains(&self.position) || self.children().any(|child| child.has_one_of(places))
    }

    fn is_empty_at(&self, position: &Position) -> bool {
        self.at(position).is_some_and(|node| node.children().next().is_none())
    }

    /// Takes out the innermost value or key at a place below this one; false where nothing is there. `above` gets the places of what it was in.
    fn take_out(&mut self, position: &Position, above: &mut Vec<Position>) -> bool {
        let is_found = match &mut self.value {
            Value::Map(entries) => {
                let is_there = entries.iter_mut().any(|entry| entry.value.take_out(position, above));
                is_there || {
                    let before = entries.len();
                    entries.retain(|entry| entry.position != *position && entry.value.position != *position);
                    entries.len() < before
                }
            }
            Value::List(items) => {
                let is_there = items.iter_mut().any(|item| item.take_out(position, above));
                is_there || {
                    let before = items.len();
                    items.retain(|item| item.position != *position);
                    items.len() < before
                }
            }
            _ => false,
        };
        if is_found {
            above.push(self.position.clone());
        }
        is_found
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Node;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        _size: u32,
        #[serde(default)]
        _inner: Vec<Inner>,
        #[serde(default)]
        _pair: Option<Pair>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        _name: String,
        #[serde(default)]
        _on: bool,
    }

    #[derive(Deserialize)]
    #[serde(try_from = "RawPair")]
    struct Pair;

    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct RawPair {
        one: u32,
        other: u32,
    }

    impl TryFrom<RawPair> for Pair {
        type Error = &'static str;

        fn try_from(RawPair { one, other }: RawPair) -> Result<Pair, &'static str> {
            if one + other == 0 { Err("one of both is needed") } else { Ok(Pair) }
        }
    }

    fn faults(text: &str) -> Result<Vec<String>, super::super::Errors> {
        let errors = text.parse::<Node>()?.faults::<Config>();
        Ok(errors.iter().map(|error| error.to_string().replace("inline:", "")).collect())
    }

    #[test]
    fn each_is_told_once_and_nothing_that_follows_from_it() -> Result<(), super::super::Errors> {
        assert_eq!(faults("_size: 1")?, [""; 0]);
        let wrong = "_size: large\n_sise: 1\n_inner:\n  - {_name: a, _on: 5, x: 1}\n  - {_on: true}\n  - 7\n_pair: {one: a, two: 2}\n";
        let told = faults(wrong)?;
        assert_eq!(
            told,
            [
                "1:8: expected a whole number, 0 or more, found the text `large`",
                "2:1: unknown key `_sise`; did you mean `_size`?",
                "4:21: expected `true` or `false`, found `5`",
                "4:24: unknown key `x`; known here: `_name`, `_on`",
                "5:5: missing key `_name`",
                "6:5: expected a mapping, found `7`",
                "7:14: expected a whole number, 0 or more, found the text `a`",
                "7:17: unknown key `two`; known here: `one`, `other`",
            ]
        );
        assert_eq!(faults("_size: 1\n_pair: {one: 0, xyz: 1}")?.len(), 2, "an unknown key takes nothing away");
        assert_eq!(
            faults("_size: 1\n_pair: {onne: 1}")?.len(),
            1,
            "one that is misspelt takes away what it was meant to be"
        );
        assert_eq!(faults("_size: 1\n_inner: [{xyz: 1}]")?.len(), 1, "so does one that is alone");
        assert_eq!(faults("[1, 2]")?.len(), 1);
        Ok(())
    }
}
