//! Lists of strings or patterns: what matches any of them matches.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::pattern::{from_go, from_go_with_groups, text};

/// Entries of one list.
const ENTRIES_MAX: usize = 1024;
/// Bytes of one entry.
const ENTRY_BYTES_MAX: usize = 4096;
/// Of one list's patterns, compiled; and what its automaton may keep of what it met.
const COMPILED_BYTES_MAX: usize = 2 << 20;

/// More than the patterns that are written here nest.
const NEST_MAX: u32 = 1000;

/// How strings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchType {
    /// They are equal.
    Strict,
    /// A pattern is found somewhere in them.
    Regexp,
}

/// A list, ready to match.
#[derive(Debug)]
pub enum Matcher {
    Strict(BTreeSet<Vec<u8>>),
    Regexp(RegexSet),
}

impl Matcher {
    /// A list of the configuration. An error names the entry.
    pub fn new(match_type: MatchType, entries: &[String]) -> Result<Matcher, String> {
        if entries.len() > ENTRIES_MAX {
            return Err(format!("{} entries; at most {ENTRIES_MAX} are possible", entries.len()));
        }
        if let Some(entry) = entries.iter().find(|entry| entry.len() > ENTRY_BYTES_MAX) {
            let start: String = entry.chars().take(40).collect();
            return Err(format!("`{start}…` has more than {ENTRY_BYTES_MAX} bytes"));
        }
        match match_type {
            MatchType::Strict => Ok(Matcher::Strict(entries.iter().map(|entry| entry.clone().into_bytes()).collect())),
            MatchType::Regexp => compile(entries).map(Matcher::Regexp),
        }
    }

    /// Whether any entry does.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Matcher::Strict(entries) => entries.contains(bytes),
            Matcher::Regexp(patterns) => patterns.is_match(&text(bytes)),
        }
    }
}

/// A pattern alone.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// Of its groups; an empty one has none.
    pub names: Vec<String>,
}

impl Pattern {
    /// One of the configuration, in Go's syntax.
    pub fn new(pattern: &str) -> Result<Pattern, String> {
        if pattern.len() > ENTRY_BYTES_MAX {
            return Err(format!("it has more than {ENTRY_BYTES_MAX} bytes"));
        }
        let no_pattern = |reason: String| format!("`{pattern}` is no pattern: {reason}");
        let (text, names) = from_go_with_groups(pattern).map_err(|refusal| no_pattern(refusal.to_string()))?;
        let mut builder = RegexBuilder::new(&text);
        builder.nest_limit(NEST_MAX).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX);
        let regex = builder.build().map_err(|error| no_pattern(reason(&error)))?;
        Ok(Pattern { regex, names })
    }

    /// Whether it is found somewhere in a text.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(&text(bytes))
    }

    /// What its groups find in the first match, in their order: nothing where a group has no part in it. `None` where there is no match.
    pub fn find(&self, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let text = text(bytes);
        let found = self.regex.captures(&text)?;
        let of_group = |group| found.get(group).map_or(Vec::new(), |found| found.as_str().as_bytes().to_vec());
        Some((1..=self.names.len()).map(of_group).collect())
    }
}

fn compile(entries: &[String]) -> Result<RegexSet, String> {
    let translated = |entry: &String| from_go(entry).map_err(|refusal| format!("`{entry}` is no pattern: {refusal}"));
    let patterns = entries.iter().map(translated).collect::<Result<Vec<String>, String>>()?;
    build(&patterns).map_err(|together| {
        // A set does not say whose mistake it is.
        let alone = entries.iter().zip(&patterns);
        let mut alone = alone.filter_map(|(entry, pattern)| Some((entry, build(std::slice::from_ref(pattern)).err()?)));
        match alone.next() {
            Some((entry, error)) => format!("`{entry}` is no pattern: {}", reason(&error)),
            None => format!("the patterns are too large together ({}); use several processors", reason(&together)),
        }
    })
}

/// A set of patterns that were written for the `regex` crate.
pub fn build(patterns: &[String]) -> Result<RegexSet, regex::Error> {
    let mut builder = RegexSetBuilder::new(patterns);
    builder.nest_limit(NEST_MAX).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).build()
}

/// The last line of the crate's drawing of the place.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("compiled, it takes more than {limit} bytes"),
        other => {
            let text = other.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}
