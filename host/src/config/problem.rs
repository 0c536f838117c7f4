//! What can be wrong with a configuration. Texts name the way out, and the nearest right spelling where one is near.

use std::fmt;

use super::file::FileError;
use super::resolution::location::LocationError;
use super::resolution::providers::RetrieveError;
use crate::contract::IdError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file that is no text of a configuration's size.
    #[error(transparent)]
    File(#[from] FileError),
    /// No value in the whole file.
    #[error("holds nothing; is this the right file?")]
    Empty,
    /// `---` after the first document.
    #[error("a second YAML document starts here; keep one document per file")]
    SecondDocument,
    /// The text is no YAML.
    #[error("invalid YAML: {reason}")]
    Syntax {
        /// The parser's words.
        reason: String,
    },
    /// The same key twice in one mapping.
    #[error("key `{key}` was already given on line {first}; remove one of the two")]
    DuplicateKey {
        /// As written.
        key: String,
        /// Line of the first.
        first: u32,
    },
    /// A mapping key that is a list, a mapping or an alias.
    #[error("a key must be plain text")]
    ComplexKey,
    /// `<<` with something that cannot be merged.
    #[error("`<<` merges a mapping or a list of mappings; write `<<: *anchor`")]
    BadMerge,
    /// `*name` without `&name` before it.
    #[error("no anchor `&{name}` stands before this alias")]
    UnknownAnchor {
        /// Without its star.
        name: String,
    },
    /// `*name` inside the value that `&name` marks.
    #[error("this alias stands inside its own anchor; a value cannot hold itself")]
    RecursiveAlias,
    /// `!tag` that the core schema does not have.
    #[error("tag `{tag}` is not supported; remove it, and quote the value if it is text")]
    UnsupportedTag {
        /// As written.
        tag: String,
    },
    /// More values than a configuration has, usually from nested aliases.
    #[error("more than {limit} values once aliases are expanded; use fewer aliases")]
    TooManyValues {
        /// The bound.
        limit: usize,
    },
    /// Nested deeper than a configuration is.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// A URI, or a reference, that names nothing.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// What a URI or a reference names cannot be read.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    /// `--set` without its `=`.
    #[error("write `--set path.to.key=value`")]
    Set,
    /// A reference whose value is replaced again and again.
    #[error("`${{…}}` leads to itself: what it names has the same reference in it, without an end")]
    EndlessExpansion,
    /// More than a reference may bring in: a Collector takes none from a provider that does not fit 63 bits.
    #[error("`{number}` is too large for a number that a reference brings in; put it in quotes for a text")]
    TooLarge {
        /// The number.
        number: u64,
    },
    /// `${env:a$b}`.
    #[error("`${{{reference}}}` has a `$` in it, which no name can have; write `$$` in front of it for a dollar sign")]
    DollarInUri {
        /// Between the braces.
        reference: String,
    },
    /// A text that grows with every reference.
    #[error("more than {limit} bytes once its `${{…}}` are replaced")]
    TextTooLong {
        /// The bound.
        limit: usize,
    },
    /// More references than a configuration has.
    #[error("more than {limit} `${{…}}` are replaced; use fewer")]
    TooManyReferences {
        /// The bound.
        limit: usize,
    },
    /// A key nobody reads.
    #[error("unknown key `{key}`{hint}")]
    UnknownKey {
        /// As written.
        key: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// One of a fixed set of words was expected.
    #[error("unknown value `{value}`{hint}")]
    UnknownValue {
        /// As written.
        value: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// A key that has its place elsewhere.
    #[error("`{key}` belongs under `{belongs}`; move it there")]
    Misplaced {
        /// As written.
        key: String,
        /// The path of the mapping that has it.
        belongs: &'static str,
    },
    /// A key that must be there.
    #[error("missing key `{key}`")]
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// A value of another type, or out of range.
    #[error("expected {expected}, found {found}")]
    WrongValue {
        /// What belongs there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// What a component's own configuration code says about the value at this place.
    #[error("{reason}")]
    Invalid {
        /// Its words.
        reason: String,
    },
    /// What a plugin says about its configuration.
    #[error("{message}")]
    Plugin {
        /// Its words.
        message: String,
    },
    /// A text that is no component id.
    #[error("`{id}`: {reason}")]
    Id {
        /// As written.
        id: String,
        /// Why not.
        reason: IdError,
    },
    /// No factory has this type.
    #[error("unknown {family} type `{kind}`{hint}")]
    UnknownType {
        /// Receiver, exporter or extension.
        family: Family,
        /// The part of the id before the slash.
        kind: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// A processor whose type the manifest does not have.
    #[error("no plugin `{kind}` {plugins}{hint}")]
    UnknownPlugin {
        /// The part of the id before the slash.
        kind: String,
        /// Where it was looked for.
        plugins: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// A plugin where one of another kind belongs.
    #[error("plugin `{plugin}` is a {is}; define it under `{belongs}`")]
    WrongWorld {
        /// Its name.
        plugin: String,
        /// What it is.
        is: &'static str,
        /// Where such plugins belong.
        belongs: &'static str,
    },
    /// An exporter with a breaker that there is not.
    #[error("exporter `{exporter}` names breaker `{id}`, which is not defined under `extensions`{hint}")]
    UndefinedBreaker {
        /// The exporter's id.
        exporter: String,
        /// As written.
        id: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// An exporter that names another kind of extension.
    #[error(
        "exporter `{exporter}` names `{id}` as its breaker, which is no breaker: its type must be a plugin whose world is `breaker-policy@0.1.0`"
    )]
    NoBreaker {
        /// The exporter's id.
        exporter: String,
        /// As written.
        id: String,
    },
    /// A connector that ends pipelines of a signal and begins none, or the other way round.
    #[error(
        "connector `{id}` stands among the {there} of {signal} pipelines, and among the {missing} of none: list it there too, or remove it here"
    )]
    HalfConnector {
        /// As written.
        id: String,
        /// Of which signal.
        signal: &'static str,
        /// `receivers` or `exporters`.
        there: &'static str,
        /// The other one.
        missing: &'static str,
    },
    /// A plugin among the connectors that does not stand between the pipelines it can connect.
    #[error(
        "connector `{id}` is a plugin, which makes metrics of spans or log records: list it among the exporters of traces or logs pipelines and among the receivers of metrics pipelines, and nowhere else"
    )]
    PluginConnector {
        /// As written.
        id: String,
    },
    /// A pipeline with the name that a connector needs.
    #[error("pipeline `{pipeline}` has the name that the connector `{connector}` has for itself: give it another one")]
    ConnectorsName {
        /// The pipeline's id.
        pipeline: String,
        /// The connector's id.
        connector: String,
    },
    /// Pipelines that feed themselves.
    #[error("pipelines are connected in a circle: {way}; take one of these connectors out")]
    Circle {
        /// Pipelines and connectors, in order.
        way: String,
    },
    /// So many that one request would take too long.
    #[error("a request would go through more than {limit} pipelines by this one's connectors: connect fewer")]
    TooManyWays {
        /// The bound.
        limit: usize,
    },
    /// One id in two families that stand in the same lists.
    #[error("`{id}` is a connector and {} {other} too: give one of them another name, such as `{id}/2`", other.article())]
    Ambiguous {
        /// As written.
        id: String,
        /// The other family.
        other: Family,
    },
    /// A reference to a component that is not defined.
    #[error("{user} names {family} `{id}`, which is not defined under `{}`{hint}", family.section())]
    Undefined {
        /// `pipeline `metrics`` or `service`.
        user: String,
        /// What it should be.
        family: Family,
        /// As written.
        id: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
    /// The same component twice in one list.
    #[error("{user} lists {family} `{id}` twice; remove one of the two")]
    ListedTwice {
        /// `pipeline `metrics`` or `service`.
        user: String,
        /// What it is.
        family: Family,
        /// As written.
        id: String,
    },
    /// One processor with state in two pipelines.
    #[error(
        "processor `{id}` keeps state and stands in two pipelines, `{first}` and `{second}`, which would mix it; \
         give each pipeline its own id such as `{id}{separator}a`, `{id}{separator}b`"
    )]
    SharedProcessor {
        /// Its id.
        id: String,
        /// The pipeline that has it first.
        first: String,
        /// The pipeline that has it as well.
        second: String,
        /// What joins the id and a distinguishing name.
        separator: char,
    },
    /// A pipeline in which nothing can flow.
    #[error("pipeline `{pipeline}` has no {}; name at least one", family.section())]
    EmptyPipeline {
        /// Its id.
        pipeline: String,
        /// Receiver or exporter.
        family: Family,
    },
    /// Nothing to run.
    #[error("no pipelines; define at least one, such as `metrics: {{receivers: [..], exporters: [..]}}`")]
    NoPipelines,
    /// A pipeline for something that is no signal.
    #[error("unknown signal `{signal}` in pipeline id `{pipeline}`{hint}")]
    UnknownSignal {
        /// The part of the id before the slash.
        signal: String,
        /// The pipeline's id.
        pipeline: String,
        /// The right spelling, if one is near.
        hint: Hint,
    },
}

/// The five kinds of components of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Accepts telemetry.
    Receiver,
    /// A plugin in a pipeline.
    Processor,
    /// Sends or shows telemetry.
    Exporter,
    /// Runs beside the pipelines.
    Extension,
    /// Stands between pipelines.
    Connector,
}

impl Family {
    /// The top-level key that defines components of this family.
    pub fn section(self) -> &'static str {
        match self {
            Family::Receiver => "receivers",
            Family::Processor => "processors",
            Family::Exporter => "exporters",
            Family::Extension => "extensions",
            Family::Connector => "connectors",
        }
    }
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 5] =
        [Family::Receiver, Family::Processor, Family::Exporter, Family::Extension, Family::Connector];

    /// `a` or `an`.
    pub fn article(self) -> &'static str {
        match self {
            Family::Receiver | Family::Processor | Family::Connector => "a",
            Family::Exporter | Family::Extension => "an",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section().trim_end_matches('s'))
    }
}

/// The end of a message about an unknown name: the nearest right one, else all of them if they are few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// `; did you mean ...?`
    Nearest(String),
    /// `; known here: ...`
    Known(Vec<String>),
    /// `; ...`: what there is in its place.
    Instead(String),
    /// Nothing is known here, or too much to list.
    None,
}

/// Beyond this many, listing all known names helps nobody.
const KNOWN_NAMES_MAX: usize = 20;

impl Hint {
    /// The right spelling, where one is near.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Hint::Nearest(name) => Some(name),
            _ => None,
        }
    }

    /// The hint for `given` where only `candidates` are right.
    pub fn new<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Hint {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        if let Some(nearest) = nearest(given, &candidates) {
            return Hint::Nearest(nearest.to_owned());
        }
        if candidates.is_empty() || candidates.len() > KNOWN_NAMES_MAX {
            return Hint::None;
        }
        Hint::Known(candidates.into_iter().map(str::to_owned).collect())
    }
}

impl Hint {
    /// The same for a name that has a meaning of its own, such as a component's type: one that only begins like another is none that was
    /// misspelt.
    pub fn misspelt<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Hint {
        match Hint::new(given, candidates) {
            Hint::Nearest(name) if strsim::damerau_levenshtein(&given.to_lowercase(), &name) > MISSPELT_MAX => {
                Hint::None
            }
            hint => hint,
        }
    }
}

/// Edits between a name and how it was written.
const MISSPELT_MAX: usize = 2;

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Nearest(name) => write!(f, "; did you mean `{name}`?"),
            Hint::Known(names) => write!(f, "; known here: `{}`", names.join("`, `")),
            Hint::Instead(words) => write!(f, "; {words}"),
            Hint::None => Ok(()),
        }
    }
}

/// In a name of several words, a word as short as this may have one edit too.
const EDITED_LETTERS_MIN: usize = 3;

/// Whether the edits between two words are within a third of the longer one's letters, or of so many.
fn is_near(a: &str, b: &str, letters_min: usize) -> bool {
    strsim::damerau_levenshtein(a, b) * 3 <= a.chars().count().max(b.chars().count()).max(letters_min)
}

/// The candidate within a third of the longer word's length in edits, swapped neighbours counting as one, and in which no word is another;
/// else one of which `given` is the beginning, or the other way round.
fn nearest<'a>(given: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&given, &candidate.to_lowercase());
    let near = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (given.split('_').collect(), candidate.split('_').collect());
        // `max_age` is not a misspelt `max_idle`, however long what they share is.
        let is_same_word = |a: &str, b: &str| is_near(a, b, EDITED_LETTERS_MIN);
        let has_same_words = ours.len() != theirs.len() || ours.iter().zip(&theirs).all(|(a, b)| is_same_word(a, b));
        is_near(&given, &candidate, 0) && has_same_words
    };
    let extends = |candidate: &str| {
        candidate.len() > 2 && given.len() > 2 && (candidate.starts_with(&given) || given.starts_with(candidate))
    };
    let by_distance = candidates.iter().copied().filter(|c| near(c)).min_by_key(|c| distance(c));
    by_distance.or_else(|| candidates.iter().copied().find(|c| extends(c)))
}
