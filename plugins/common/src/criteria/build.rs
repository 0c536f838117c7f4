//! From blocks of the configuration to criteria. An error names block, field and entry.

use otelier_sdk::{Attribute, Column, Field, Source};

use super::read::{AttributeCriterion, LibraryCriterion, SeverityCriterion};
use crate::criteria::metrics::NameCriteria;
use crate::criteria::numbers::{Holds, KINDS, Numbers, STATUSES};
use crate::criteria::verdict::{EXCLUDED, Each, INCLUDED, RESOURCE_EXCLUDED};
use crate::criteria::{Criteria, Expected, Library, Test};
use crate::matcher::{MatchType, Matcher};

/// Columns of values that the contract has.
pub const SOURCES_MAX: usize = 16;
/// What the Collector calls a resource without `service.name`.
const NO_SERVICE: &str = "<nil-service-name>";

/// A block of any signal; what a signal does not have is empty.
#[derive(Debug, Default)]
pub struct Block {
    pub match_type: Option<MatchType>,
    /// In front of the names of fields that only records have.
    pub prefix: &'static str,
    pub metric_names: Vec<String>,
    pub services: Vec<String>,
    pub span_names: Vec<String>,
    pub span_kinds: Vec<String>,
    pub status_codes: Vec<String>,
    pub severity_texts: Vec<String>,
    pub severity_number: Option<SeverityCriterion>,
    pub bodies: Vec<String>,
    /// With the field's name.
    pub attributes: (&'static str, Vec<AttributeCriterion>),
    pub resources: (&'static str, Vec<AttributeCriterion>),
    pub libraries: Vec<LibraryCriterion>,
    /// To the Collector a block without criteria is a mistake, where it is not as good as none.
    pub needs_criteria: bool,
    /// As an `exclude`, its attributes of the resource exclude by themselves.
    pub excludes_resources: bool,
}

impl Block {
    fn is_empty(&self) -> bool {
        let texts = [
            &self.metric_names,
            &self.services,
            &self.span_names,
            &self.span_kinds,
            &self.status_codes,
            &self.severity_texts,
            &self.bodies,
        ];
        texts.iter().all(|list| list.is_empty())
            && self.severity_number.is_none()
            && self.attributes.1.is_empty()
            && self.resources.1.is_empty()
            && self.libraries.is_empty()
    }

    /// The names, if nothing with another name can match and patterns have no say.
    pub fn only_names(&self) -> Option<Vec<String>> {
        let is_strict = self.match_type == Some(MatchType::Strict);
        let are_all = !self.metric_names.is_empty() && self.resources.1.is_empty();
        (is_strict && are_all).then(|| self.metric_names.clone())
    }
}

/// One block's part of the criteria.
#[derive(Default)]
struct Part {
    names: Option<Matcher>,
    kinds: Option<Holds>,
    statuses: Option<Holds>,
    severities: Option<Holds>,
    tests: Vec<Test>,
}

/// What blocks come to.
#[derive(Default)]
pub struct Built {
    /// `None` where there is nothing to match.
    pub criteria: Option<Criteria>,
    /// Blocks that are there without anything to match.
    pub empty: Vec<&'static str>,
}

/// The criteria of both blocks.
pub fn build(include: Option<Block>, exclude: Option<Block>) -> Result<Built, String> {
    let mut built = Built::default();
    let mut with_criteria = |name: &'static str, block: Option<Block>| match block {
        Some(block) if block.is_empty() && block.needs_criteria => {
            Err(format!("`{name}` has nothing to match; add a list or remove it"))
        }
        Some(block) if block.is_empty() => {
            built.empty.push(name);
            Ok(None)
        }
        block => Ok(block),
    };
    let (include, exclude) = (with_criteria("include", include)?, with_criteria("exclude", exclude)?);
    built.criteria = match (include, exclude) {
        (None, None) => None,
        (include, exclude) => Some(criteria(include, exclude)?),
    };
    Ok(built)
}

fn criteria(include: Option<Block>, mut exclude: Option<Block>) -> Result<Criteria, String> {
    let only = match (&include, &exclude) {
        (None, Some(exclude)) => exclude.only_names(),
        _ => None,
    };
    let by_itself = exclude.as_mut().filter(|block| block.excludes_resources).and_then(resources_alone);
    let exclude = exclude.filter(|block| !block.is_empty());
    let mut first = INCLUDED;
    first |= if exclude.is_some() { EXCLUDED } else { 0 };
    first |= if by_itself.is_some() { RESOURCE_EXCLUDED } else { 0 };

    let mut sources = Vec::new();
    let mut part = |name: &str, block: Option<Block>| match block {
        Some(block) => part(block, &mut sources).map_err(|problem| format!("`{name}`: {problem}")),
        None => Ok(Part::default()),
    };
    let mut parts = Each {
        include: part("include", include)?,
        exclude: part("exclude", exclude)?,
        exclude_resources: part("exclude", by_itself)?,
    };
    if sources.len() > SOURCES_MAX {
        return Err(format!("{} different attributes and fields; at most {SOURCES_MAX} can be read", sources.len()));
    }
    let columns = [
        (Column::Kind, parts.each_mut().map(|part| part.kinds.take())),
        (Column::StatusCode, parts.each_mut().map(|part| part.statuses.take())),
        (Column::SeverityNumber, parts.each_mut().map(|part| part.severities.take())),
    ];
    Ok(Criteria {
        first,
        numbers: columns.into_iter().filter_map(|(column, holds)| numbers(column, holds)).collect(),
        names: NameCriteria { matchers: parts.each_mut().map(|part| part.names.take()), only },
        sources,
        tests: parts.map(|part| part.tests),
    })
}

/// Takes the attributes of the resource out of a block, as a block of their own.
fn resources_alone(block: &mut Block) -> Option<Block> {
    let resources = (block.resources.0, std::mem::take(&mut block.resources.1));
    (!resources.1.is_empty()).then(|| Block { match_type: block.match_type, resources, ..Block::default() })
}

/// `None` where no block asks for the column.
fn numbers(column: Column, holds: Each<Option<Holds>>) -> Option<Numbers> {
    let is_asked = holds.verdict(Option::is_some) != 0;
    let all = || -> Holds { Box::new(|_| true) };
    is_asked.then(|| Numbers::new(column, &holds.map(|holds| holds.unwrap_or_else(all))))
}

fn part(block: Block, sources: &mut Vec<Source>) -> Result<Part, String> {
    let how = block.match_type;
    let list = |name: &str, entries: &[String]| {
        let matcher = (!entries.is_empty()).then(|| Matcher::new(needed(how)?, entries));
        matcher.transpose().map_err(|problem| format!("`{name}`: {problem}"))
    };
    let mut part = Part {
        names: list("metric_names", &block.metric_names)?,
        kinds: kinds(how, &block.span_kinds).map_err(|problem| format!("`span_kinds`: {problem}"))?,
        statuses: statuses(&block.status_codes).map_err(|problem| format!("`status_codes`: {problem}"))?,
        severities: block.severity_number.map(severities),
        tests: Vec::new(),
    };
    let (texts, bodies) = (format!("{}severity_texts", block.prefix), format!("{}bodies", block.prefix));
    let texts = [
        ("services", Source::from(Attribute::resource("service.name")), NO_SERVICE, &block.services),
        ("span_names", Source::from(Field::Name), "", &block.span_names),
        (texts.as_str(), Source::from(Field::SeverityText), "", &block.severity_texts),
        (bodies.as_str(), Source::from(Field::Body), "", &block.bodies),
    ];
    for (name, source, absent, entries) in texts {
        if let Some(matcher) = list(name, entries)? {
            part.tests.push(Test::Text { source: place(source, sources), absent, matcher });
        }
    }
    type Make = fn(String) -> Attribute;
    let lists: [(_, Make); 2] = [(block.resources, Attribute::resource), (block.attributes, Attribute::item)];
    for ((name, list), attribute) in lists {
        for criterion in list {
            let key = criterion.key.clone();
            let expected = expected(how, criterion).map_err(|problem| format!("`{name}`: {problem}"))?;
            part.tests.push(Test::Attribute { source: place(attribute(key).into(), sources), expected });
        }
    }
    if let Some(library) = library(how, block.libraries).map_err(|problem| format!("`libraries`: {problem}"))? {
        let (name, version) = (place(Field::ScopeName.into(), sources), place(Field::ScopeVersion.into(), sources));
        part.tests.push(Test::Library { name, version, library });
    }
    Ok(part)
}

fn needed(how: Option<MatchType>) -> Result<MatchType, String> {
    how.ok_or_else(|| "write `match_type: strict` or `match_type: regexp` beside it".to_owned())
}

/// The place of a source among all; each is read once.
fn place(source: Source, sources: &mut Vec<Source>) -> usize {
    sources.iter().position(|known| *known == source).unwrap_or_else(|| {
        sources.push(source);
        sources.len() - 1
    })
}

fn expected(how: Option<MatchType>, criterion: AttributeCriterion) -> Result<Expected, String> {
    let key = criterion.key;
    if key.is_empty() {
        return Err("an attribute needs a key".to_owned());
    }
    let Some(value) = criterion.value else { return Ok(Expected::Anything) };
    match (needed(how)?, value) {
        (MatchType::Strict, value) => Ok(Expected::Value(value)),
        (MatchType::Regexp, otelier_sdk::key::AnyValue::String(pattern)) => {
            let pattern = String::from_utf8_lossy(&pattern).into_owned();
            let matcher =
                Matcher::new(MatchType::Regexp, &[pattern]).map_err(|problem| format!("`{key}`: {problem}"))?;
            Ok(Expected::Pattern(matcher))
        }
        (MatchType::Regexp, _) => {
            Err(format!("`{key}`: the value is no string; with `match_type: regexp` it is a pattern: quote it"))
        }
    }
}

/// The one that is listed, if any is.
fn library(how: Option<MatchType>, mut libraries: Vec<LibraryCriterion>) -> Result<Option<Library>, String> {
    let Some(LibraryCriterion { name, version }) = libraries.pop() else { return Ok(None) };
    if !libraries.is_empty() {
        return Err("several entries are not supported: by its documentation the Collector takes a scope that matches any of them, by its code one that matches all; write one, as a pattern such as `^(a|b)$`".to_owned());
    }
    let how = needed(how)?;
    let version = version.map(|version| Matcher::new(how, &[version])).transpose()?;
    Ok(Some(Library { name: Matcher::new(how, &[name])?, version }))
}

/// Which kinds of spans match.
fn kinds(how: Option<MatchType>, names: &[String]) -> Result<Option<Holds>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let how = needed(how)?;
    let full: Vec<String> = match how {
        MatchType::Strict => named(names, "SPAN_KIND_", &KINDS)?,
        MatchType::Regexp => names.to_vec(),
    };
    let matcher = Matcher::new(how, &full)?;
    // A number that has no name has an empty one.
    let name =
        |number: i64| usize::try_from(number).ok().and_then(|number| KINDS.get(number)).copied().unwrap_or_default();
    Ok(Some(Box::new(move |number| matcher.matches(name(number).as_bytes()))))
}

/// Which status codes match. There are three: patterns would say no more.
fn statuses(names: &[String]) -> Result<Option<Holds>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let full = named(names, "STATUS_CODE_", &STATUSES)?;
    let name = |number: i64| usize::try_from(number).ok().and_then(|number| STATUSES.get(number)).copied();
    Ok(Some(Box::new(move |number| name(number).is_some_and(|known| full.iter().any(|name| name == known)))))
}

/// Full names for names with or without what they begin with, in any case.
fn named(names: &[String], prefix: &str, known: &[&str]) -> Result<Vec<String>, String> {
    let full = |name: &String| {
        let upper = name.to_ascii_uppercase();
        let full = if upper.starts_with(prefix) { upper } else { format!("{prefix}{upper}") };
        let is_known = known.contains(&full.as_str());
        if is_known { Ok(full) } else { Err(format!("`{name}` is none of {}", known.join(", "))) }
    };
    names.iter().map(full).collect()
}

fn severities(criterion: SeverityCriterion) -> Holds {
    Box::new(move |number| match number {
        0 => criterion.match_undefined,
        number => number >= criterion.min,
    })
}
