//! Criteria as they are tested: each on the values of some sources.
//!
//! A configuration has a block of criteria for what is included, for what is excluded, or both ([`build`]). Each criterion belongs to something
//! that can be asked once for many rows: a metric's name for all its points, a number by a table, the rest for each entry of a dictionary. Only
//! what differs from row to row (a body, or a key that has no code) is asked row by row. A row's verdict is a few bits, and what every criterion
//! says is combined by `and` ([`judge`]): the loops over rows are loops over columns and nothing else.

pub mod build;
mod group;
pub mod judge;
pub mod metrics;
pub mod numbers;
pub mod read;
pub mod verdict;

use otelier_sdk::Source;
use otelier_sdk::key::AnyValue;

use crate::criteria::metrics::NameCriteria;
use crate::criteria::numbers::Numbers;
use crate::criteria::verdict::{Each, Verdict};
use crate::matcher::Matcher;
use crate::text;

/// Both blocks for one signal.
#[derive(Debug)]
pub struct Criteria {
    /// The verdict for a row that nothing is said of.
    pub first: Verdict,
    pub names: NameCriteria,
    pub numbers: Vec<Numbers>,
    /// What tests read; they name it by its place here.
    pub sources: Vec<Source>,
    pub tests: Each<Vec<Test>>,
}

/// One criterion. A value is encoded, and `None` where the source is absent.
#[derive(Debug)]
pub enum Test {
    /// The text matches; an absent one is `absent`.
    Text { source: usize, absent: &'static str, matcher: Matcher },
    /// The attribute is there, and is what is expected.
    Attribute { source: usize, expected: Expected },
    /// Name and version of the scope match.
    Library { name: usize, version: usize, library: Library },
}

/// What an attribute should be.
#[derive(Debug)]
pub enum Expected {
    Anything,
    Value(AnyValue),
    Pattern(Matcher),
}

/// A scope to match.
#[derive(Debug)]
pub struct Library {
    pub name: Matcher,
    pub version: Option<Matcher>,
}

impl Test {
    /// The sources it reads.
    pub fn sources(&self) -> Vec<usize> {
        match self {
            Test::Text { source, .. } | Test::Attribute { source, .. } => vec![*source],
            Test::Library { name, version, .. } => vec![*name, *version],
        }
    }

    /// Whether it holds, given the value of each source.
    pub fn holds<'v>(&self, value: impl Fn(usize) -> Option<&'v [u8]>) -> bool {
        let is_text = |source: usize, absent: &str, matcher: &Matcher| match value(source) {
            Some(value) => text::any(value).is_some_and(|text| matcher.matches(&text)),
            None => matcher.matches(absent.as_bytes()),
        };
        match self {
            Test::Text { source, absent, matcher } => is_text(*source, absent, matcher),
            Test::Attribute { source, expected } => value(*source).is_some_and(|value| match expected {
                Expected::Anything => true,
                Expected::Value(expected) => expected.matches(value),
                Expected::Pattern(matcher) => text::attribute(value).is_some_and(|text| matcher.matches(&text)),
            }),
            Test::Library { name, version, library } => {
                let is_version = |matcher: &Matcher| is_text(*version, "", matcher);
                is_text(*name, "", &library.name) && library.version.as_ref().is_none_or(is_version)
            }
        }
    }
}
