//! From blocks of the configuration to criteria. An error names block, field and entry.

use otelier_sdk::{Attribute, Column, Field, Source};

use super::{AttributeCriterion, LibraryCriterion, SeverityCriterion};
use crate::criteria::{Criteria, Expected, Library, Test};
use crate::matcher::{MatchType, Matcher};
use crate::metrics::NameCriteria;
use crate::numbers::{KINDS, Numbers, STATUSES};
use crate::verdict::Both;

/// Columns of values that the contract has.
const SOURCES_MAX: usize = 16;
/// What the Collector calls a resource without `service.name`.
const NO_SERVICE: &str = "<nil-service-name>";

/// A block of any signal; what a signal does not have is empty.
pub struct Block {
    pub match_type: MatchType,
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
}

impl Block {
    pub fn new(match_type: MatchType) -> Block {
        Block {
            match_type,
            metric_names: Vec::new(),
            services: Vec::new(),
            span_names: Vec::new(),
            span_kinds: Vec::new(),
            status_codes: Vec::new(),
            severity_texts: Vec::new(),
            severity_number: None,
            bodies: Vec::new(),
            attributes: ("attributes", Vec::new()),
            resources: ("resources", Vec::new()),
            libraries: Vec::new(),
        }
    }

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

    /// The names, if the block says nothing else and patterns have no say.
    fn only_names(&self) -> Option<Vec<String>> {
        (self.match_type == MatchType::Strict && !self.metric_names.is_empty()).then(|| self.metric_names.clone())
    }
}

/// What numbers hold.
type Holds = Box<dyn Fn(usize) -> bool>;

/// One block's part of the criteria.
#[derive(Default)]
struct Half {
    names: Option<Matcher>,
    kinds: Option<Holds>,
    statuses: Option<Holds>,
    severities: Option<Holds>,
    tests: Vec<Test>,
}

/// The criteria of both blocks.
pub fn build(include: Option<Block>, exclude: Option<Block>) -> Result<Criteria, String> {
    if include.is_none() && exclude.is_none() {
        return Err("there is neither `include` nor `exclude`".to_owned());
    }
    let has_exclude = exclude.is_some();
    let only = match (&include, &exclude) {
        (None, Some(exclude)) => exclude.only_names(),
        _ => None,
    };
    let mut sources = Vec::new();
    let mut half = |name: &str, block: Option<Block>| match block {
        Some(block) if block.is_empty() => Err(format!("`{name}` has nothing to match; add a list or remove it")),
        Some(block) => half(block, &mut sources).map_err(|problem| format!("`{name}`: {problem}")).map(Some),
        None => Ok(None),
    };
    let (include, exclude) = (half("include", include)?, half("exclude", exclude)?);
    if sources.len() > SOURCES_MAX {
        return Err(format!("{} different attributes and fields; at most {SOURCES_MAX} can be read", sources.len()));
    }
    let (include, exclude) = (include.unwrap_or_default(), exclude.unwrap_or_default());
    let columns = [
        (Column::Kind, include.kinds, exclude.kinds),
        (Column::StatusCode, include.statuses, exclude.statuses),
        (Column::SeverityNumber, include.severities, exclude.severities),
    ];
    let asked = columns.into_iter().filter(|(_, include, exclude)| include.is_some() || exclude.is_some());
    let all = || -> Holds { Box::new(|_| true) };
    let numbers = asked.map(|(column, include, exclude)| {
        Numbers::new(column, &Both { include: include.unwrap_or_else(all), exclude: exclude.unwrap_or_else(all) })
    });
    Ok(Criteria {
        has_exclude,
        numbers: numbers.collect(),
        names: NameCriteria { matchers: Both { include: include.names, exclude: exclude.names }, only },
        sources,
        tests: Both { include: include.tests, exclude: exclude.tests },
    })
}

fn half(block: Block, sources: &mut Vec<Source>) -> Result<Half, String> {
    let how = block.match_type;
    let list = |name: &str, entries: &[String]| {
        let matcher = (!entries.is_empty()).then(|| Matcher::new(how, entries));
        matcher.transpose().map_err(|problem| format!("`{name}`: {problem}"))
    };
    let mut half = Half {
        names: list("metric_names", &block.metric_names)?,
        kinds: kinds(how, &block.span_kinds).map_err(|problem| format!("`span_kinds`: {problem}"))?,
        statuses: statuses(&block.status_codes).map_err(|problem| format!("`status_codes`: {problem}"))?,
        severities: block.severity_number.map(severities),
        tests: Vec::new(),
    };
    let texts = [
        ("services", Source::from(Attribute::resource("service.name")), NO_SERVICE, &block.services),
        ("span_names", Source::from(Field::Name), "", &block.span_names),
        ("severity_texts", Source::from(Field::SeverityText), "", &block.severity_texts),
        ("bodies", Source::from(Field::Body), "", &block.bodies),
    ];
    for (name, source, absent, entries) in texts {
        if let Some(matcher) = list(name, entries)? {
            half.tests.push(Test::Text { source: place(source, sources), absent, matcher });
        }
    }
    type Make = fn(String) -> Attribute;
    let lists: [(_, Make); 2] = [(block.resources, Attribute::resource), (block.attributes, Attribute::item)];
    for ((name, list), attribute) in lists {
        for criterion in list {
            let key = criterion.key.clone();
            let expected = expected(how, criterion).map_err(|problem| format!("`{name}`: {problem}"))?;
            half.tests.push(Test::Attribute { source: place(attribute(key).into(), sources), expected });
        }
    }
    if !block.libraries.is_empty() {
        let any = libraries(how, block.libraries).map_err(|problem| format!("`libraries`: {problem}"))?;
        let (name, version) = (place(Field::ScopeName.into(), sources), place(Field::ScopeVersion.into(), sources));
        half.tests.push(Test::Library { name, version, any });
    }
    Ok(half)
}

/// The place of a source among all; each is read once.
fn place(source: Source, sources: &mut Vec<Source>) -> usize {
    sources.iter().position(|known| *known == source).unwrap_or_else(|| {
        sources.push(source);
        sources.len() - 1
    })
}

fn expected(how: MatchType, criterion: AttributeCriterion) -> Result<Expected, String> {
    let key = criterion.key;
    if key.is_empty() {
        return Err("an attribute needs a key".to_owned());
    }
    match (how, criterion.value) {
        (_, None) => Ok(Expected::Anything),
        (MatchType::Strict, Some(value)) => Ok(Expected::Value(value)),
        (MatchType::Regexp, Some(otelier_sdk::key::AnyValue::String(pattern))) => {
            let pattern = String::from_utf8_lossy(&pattern).into_owned();
            let matcher = Matcher::new(how, &[pattern]).map_err(|problem| format!("`{key}`: {problem}"))?;
            Ok(Expected::Pattern(matcher))
        }
        (MatchType::Regexp, Some(_)) => {
            Err(format!("`{key}`: the value is no string; with `match_type: regexp` it is a pattern: quote it"))
        }
    }
}

fn libraries(how: MatchType, libraries: Vec<LibraryCriterion>) -> Result<Vec<Library>, String> {
    let library = |LibraryCriterion { name, version }| {
        let version = version.map(|version| Matcher::new(how, &[version])).transpose()?;
        Ok(Library { name: Matcher::new(how, &[name])?, version })
    };
    libraries.into_iter().map(library).collect()
}

/// Which kinds of spans match.
fn kinds(how: MatchType, names: &[String]) -> Result<Option<Holds>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let full: Vec<String> = match how {
        MatchType::Strict => named(names, "SPAN_KIND_", &KINDS)?,
        MatchType::Regexp => names.to_vec(),
    };
    let matcher = Matcher::new(how, &full)?;
    // A number that has no name has an empty one.
    Ok(Some(Box::new(move |number| matcher.matches(KINDS.get(number).copied().unwrap_or_default().as_bytes()))))
}

/// Which status codes match. There are three: patterns would say no more.
fn statuses(names: &[String]) -> Result<Option<Holds>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let full = named(names, "STATUS_CODE_", &STATUSES)?;
    Ok(Some(Box::new(move |number| STATUSES.get(number).is_some_and(|known| full.iter().any(|name| name == known)))))
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
