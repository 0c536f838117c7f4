//! Where a plugin's complaint about its configuration belongs. A plugin has read JSON and knows no places; what it names, it
//! names between backquotes: paths such as `actions[2].level`, keys and values.

use super::error::Error;
use super::node::{Node, Value};
use super::position::Position;
use super::problem::Problem;

/// The words of plugins before the name of a key that is not there: it may be that of another one.
const MISSING: &str = "missing key ";

impl Node {
    /// A plugin's complaint: where the paths lead that it begins with, else at the first name in it that is a key or a value
    /// here, else at the node.
    pub fn plugin_error(&self, message: &str) -> Error {
        // What is between backquotes, and what stands before it.
        let pieces: Vec<&str> = message.split('`').collect();
        let names: Vec<(&str, &str)> = pieces
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[before, name]| (*before, *name))
            .filter(|(_, name)| !name.is_empty())
            .collect();
        let position = self.at_path(&names).or_else(|| self.at_name(&names));
        let problem = Problem::Plugin { message: message.to_owned() };
        Error::new(position.as_ref().unwrap_or(&self.position), problem)
    }

    /// At the end of a path, or of several one below the other, such as `` `logs`: `exclude`: `bodies`: ``. A value that is
    /// named next is more exact.
    fn at_path(&self, names: &[(&str, &str)]) -> Option<Position> {
        let ((_, first), rest) = names.split_first()?;
        let (mut position, mut node) = self.follow(first)?;
        for (before, name) in rest {
            if let (": ", Some(below)) = (*before, node.follow(name)) {
                (position, node) = below;
                continue;
            }
            let is_said_of_it = before.starts_with(':') && !before.ends_with(MISSING);
            let value = is_said_of_it.then(|| node.locate_value(name)).flatten();
            return Some(value.unwrap_or_else(|| position.clone()));
        }
        Some(position.clone())
    }

    fn at_name(&self, names: &[(&str, &str)]) -> Option<Position> {
        let mut present = names.iter().filter(|(before, _)| !before.ends_with(MISSING));
        present.find_map(|(_, name)| self.locate_key(name).or_else(|| self.locate_value(name)))
    }

    /// What a path leads to, and the place of its key or of the entry of a list. List entries count from zero; keys may have
    /// dots themselves.
    fn follow(&self, path: &str) -> Option<(&Position, &Node)> {
        match &self.value {
            Value::List(items) => {
                let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
                let item = items.get(number.parse::<usize>().ok()?)?;
                item.end_of(rest, &item.position)
            }
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let rest = path.strip_prefix('.').unwrap_or(path).strip_prefix(&entry.key)?;
                entry.value.end_of(rest, &entry.position)
            }),
            _ => None,
        }
    }

    fn end_of<'n>(&'n self, rest: &str, position: &'n Position) -> Option<(&'n Position, &'n Node)> {
        match rest.chars().next() {
            None => Some((position, self)),
            Some('.' | '[') => self.follow(rest),
            Some(_) => None,
        }
    }
}
