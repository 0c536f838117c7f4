//! The paths that a source names: those of its `use` declarations, and those that stand anywhere else, in attributes too.

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its parts, such as `super`, `tree` and `Node`.
    pub parts: Vec<String>,
    /// What a `use` calls it.
    pub alias: Option<String>,
}

/// Every path of a source without comments, in the order of the text.
pub fn named(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let (mut reader, mut found) = (Reader { tokens: &tokens, at: 0 }, Vec::new());
    while let Some(token) = reader.next() {
        let is_begun = reader.at > 1 && matches!(tokens[reader.at - 2], "::" | ".");
        match token {
            "use" => reader.tree(&[], &mut found),
            name if is_name(name) && !is_begun => found.extend(reader.path(name)),
            _ => {}
        }
    }
    found
}

/// Names, `::`, and whatever else is not white space, a character each.
fn tokens(code: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), code);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if is_of_name(first) => rest.find(|c| !is_of_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        tokens.extend((!first.is_whitespace()).then_some(token));
        rest = behind;
    }
    tokens
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Reader<'t> {
    tokens: &'t [&'t str],
    at: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_it = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(is_it);
        is_it
    }

    /// A path of several parts, of which this is the first.
    fn path(&mut self, first: &str) -> Option<Named> {
        let mut parts = vec![first.to_owned()];
        while let Some(name) = self.tokens.get(self.at + 1).filter(|name| is_name(name))
            && self.takes("::")
        {
            parts.push((*name).to_owned());
            self.at += 1;
        }
        (parts.len() > 1).then_some(Named { parts, alias: None })
    }

    /// A part of a `use`: a path, or what stands in the braces behind one.
    fn tree(&mut self, prefix: &[String], found: &mut Vec<Named>) {
        let mut parts = prefix.to_vec();
        loop {
            match self.next() {
                Some("{") => {
                    while self.at < self.tokens.len() && !self.takes("}") {
                        self.tree(&parts, found);
                        self.takes(",");
                    }
                    return;
                }
                Some(name) => parts.push(name.to_owned()),
                None => return,
            }
            if !self.takes("::") {
                break;
            }
        }
        // `a::{self}` is `a`.
        if parts.len() > 1 {
            parts.pop_if(|last| last == "self");
        }
        let alias = if self.takes("as") { self.next().map(str::to_owned) } else { parts.last().cloned() };
        found.push(Named { parts, alias });
    }
}

/// The test's own eyes.
#[test]
fn paths_are_found_in_every_form() {
    let code = "use crate::config::{self, Plan};\npub use crate::{clock::Clock as Time, storage::{Store, Write}};\n\
                fn f(x: &crate::telemetry::Counter) -> Vec<tree::Node> { x.y::<super::A>() }\n\
                #[serde(deserialize_with = \"super::limits::mib\")]";
    let written = |named: Named| {
        let alias = named.alias.map(|alias| format!(" as {alias}")).unwrap_or_default();
        format!("{}{alias}", named.parts.join("::"))
    };
    let found: Vec<String> = named(code).into_iter().map(written).collect();
    let expected = [
        "crate::config as config",
        "crate::config::Plan as Plan",
        "crate::clock::Clock as Time",
        "crate::storage::Store as Store",
        "crate::storage::Write as Write",
        "crate::telemetry::Counter",
        "tree::Node",
        "super::A",
        "super::limits::mib",
    ];
    assert_eq!(found, expected);
}
