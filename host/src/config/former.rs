//! Keys as earlier Collectors called them. What stands there is put under its present name before anybody reads it, and told.

use super::node::{Entry, Node, Value};
use super::plan::Component;
use super::problem::Family;
use super::warning::Warning;

/// A key that earlier Collectors called otherwise.
#[derive(Debug, Clone, Copy)]
pub struct FormerKey {
    /// The keys that lead to it.
    pub old: &'static [&'static str],
    /// The keys that lead to what it is now.
    pub new: &'static [&'static str],
    /// What a text or number there is now; `None` leaves the key where it is, for the component to complain of.
    pub value: fn(&str) -> Option<String>,
}

impl FormerKey {
    /// One whose values are what they were.
    pub const fn renamed(old: &'static [&'static str], new: &'static [&'static str]) -> FormerKey {
        FormerKey { old, new, value: |text| Some(text.to_owned()) }
    }
}

impl Component {
    /// Puts what stands under a former name under its present one, unless something stands there already.
    pub fn modernise(&mut self, family: Family, keys: &[FormerKey], warnings: &mut Vec<Warning>) {
        for FormerKey { old, new, value } in keys {
            if is_there(&self.node, new) {
                continue;
            }
            let Some(mut entry) =
                at(&self.node, old).filter(|entry| !matches!(entry.value.value, Value::Null)).cloned()
            else {
                continue;
            };
            if let Some(text) = entry.value.scalar_text() {
                match value(&text) {
                    Some(now) if now == text => {}
                    Some(now) => (entry.value.value, entry.value.expanded) = (Value::Text(now), None),
                    None => continue,
                }
            }
            let (old_name, new_name) = (old.join("."), new.join("."));
            let who = format!("{family} {}", self.id);
            warnings.push(Warning::Former { position: entry.position.clone(), who, old: old_name, new: new_name });
            remove(&mut self.node, old);
            put(&mut self.node, new, entry);
        }
    }
}

fn at<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Entry> {
    let (key, rest) = keys.split_first()?;
    let Value::Map(entries) = &node.value else { return None };
    let entry = entries.iter().find(|entry| entry.key == *key)?;
    if rest.is_empty() { Some(entry) } else { at(&entry.value, rest) }
}

fn is_there(node: &Node, keys: &[&str]) -> bool {
    at(node, keys).is_some()
}

fn remove(node: &mut Node, keys: &[&str]) {
    let (Some((key, rest)), Value::Map(entries)) = (keys.split_first(), &mut node.value) else { return };
    match rest.is_empty() {
        true => entries.retain(|entry| entry.key != *key),
        false => entries.iter_mut().filter(|entry| entry.key == *key).for_each(|entry| remove(&mut entry.value, rest)),
    }
}

/// Mappings on the way are made where there are none.
fn put(node: &mut Node, keys: &[&str], moved: Entry) {
    let Some((key, rest)) = keys.split_first() else { return };
    if matches!(node.value, Value::Null) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return };
    if rest.is_empty() {
        entries.push(Entry { key: (*key).to_owned(), ..moved });
        return;
    }
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
        put(&mut entry.value, rest, moved);
        return;
    }
    let mut value = Node::new(moved.position.clone(), Value::Map(Vec::new()));
    let position = moved.position.clone();
    put(&mut value, rest, moved);
    entries.push(Entry { key: (*key).to_owned(), position, value });
}

#[cfg(test)]
mod tests {
    use super::super::Errors;
    use super::*;

    const KEYS: &[FormerKey] = &[
        FormerKey::renamed(&["insecure"], &["tls", "insecure"]),
        FormerKey::renamed(&["queue", "blocking"], &["queue", "block"]),
        FormerKey {
            old: &["loglevel"],
            new: &["verbosity"],
            value: |text| (text == "debug").then(|| "detailed".into()),
        },
    ];

    fn id() -> crate::contract::ComponentId {
        "x".parse().unwrap_or_else(|_| unreachable!())
    }

    fn modern(text: &str) -> Result<(serde_json::Value, Vec<String>), Errors> {
        let mut component = Component { id: id(), node: text.parse::<Node>()? };
        let mut warnings = Vec::new();
        component.modernise(Family::Exporter, KEYS, &mut warnings);
        Ok((component.node.to_json(), warnings.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn what_stands_under_a_former_name_is_moved_and_told() -> Result<(), Errors> {
        let (json, warnings) = modern("insecure: true\nqueue:\n  blocking: true\n  size: 5\nloglevel: debug\n")?;
        let expected = serde_json::json!({"tls": {"insecure": true}, "queue": {"block": true, "size": 5}, "verbosity": "detailed"});
        assert_eq!(json, expected);
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("2:3") || text.contains("3:3")), "{warnings:?}");
        Ok(())
    }

    #[test]
    fn nothing_is_moved_onto_something_or_changed_into_nothing() -> Result<(), Errors> {
        for text in ["insecure: true\ntls: {insecure: false}\n", "loglevel: loud\n", "insecure:\n", "tls: {}\n"] {
            let (json, warnings) = modern(text)?;
            assert_eq!((json, warnings.len()), (text.parse::<Node>()?.to_json(), 0), "{text}");
        }
        Ok(())
    }
}
