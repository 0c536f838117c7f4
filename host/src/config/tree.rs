//! From YAML text to [`Node`]s, with references in it as they stand. The only code that sees the parser.
//!
//! It goes by the parser's events and not through serde, because they have places, and because one pass can then report every duplicate key,
//! not only the first.
//!
//! Bounded: depth, and the number of values after aliases are expanded, so that a file of nested aliases cannot grow
//! beyond them. The size of the text is the caller's bound.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag,
};

use super::error::Error;
use super::file::ConfigText;
use super::node::{Entry, Node, Value};
use super::position::Position;
use super::problem::Problem;
use super::scalar;
use super::warning::Warning;

/// Collections within collections, at the most.
pub(super) const DEPTH_MAX: usize = 64;
/// Values in a file, counted again for each anchor and alias, at the most.
pub(super) const VALUES_MAX: usize = 100_000;

/// Reads a text's only document. The node is `None` when the text is no YAML or holds nothing; problems that leave the tree whole, such as a
/// key that stands twice, come beside it.
pub(super) fn read(source: &ConfigText<'_>) -> (Option<Node>, Vec<Error>, Vec<Warning>) {
    let file: Arc<str> = source.path.display().to_string().into();
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(source.text, options),
        file,
        anchors: HashMap::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        values: 0,
        open_end: (!source.text.ends_with('\n')).then(|| source.text.chars().count()),
    };
    match reader.document() {
        Ok(node) => (node, reader.problems, reader.warnings),
        Err(Stop(error)) => {
            reader.problems.push(error);
            (None, reader.problems, reader.warnings)
        }
    }
}

/// A problem after which the rest of the text cannot be understood.
struct Stop(Error);

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: Arc<str>,
    /// By the parser's anchor number; an anchor is here only once its value is complete.
    anchors: HashMap<usize, Node>,
    problems: Vec<Error>,
    warnings: Vec<Warning>,
    values: usize,
    /// The characters of a text that does not end its last line.
    open_end: Option<usize>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut document = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if document.is_some() => return Err(Stop(self.error(span, Problem::SecondDocument))),
                event => document = Some(self.value(event, span, None, 0)?),
            }
        }
        Ok(document.filter(|node| !matches!(node.value, Value::Null)))
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stop> {
        self.events.next_event().transpose().map_err(|error| Stop(self.syntax(&error)))
    }

    /// The value that starts with `event`. `key` is where its key stands, if it has one.
    fn value(&mut self, event: Event<'a>, span: Span, key: Option<&Position>, depth: usize) -> Result<Node, Stop> {
        self.grow(1, depth, span)?;
        let here = self.position(span);
        let at_key = || key.unwrap_or(&here).clone();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser says `~` where nothing is written, and ends a block with a line break that the end of the text lacks.
                let is_cut = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && self.is_last(span);
                let whole = if is_cut { text.strip_suffix('\n').unwrap_or(&text) } else { &text };
                let (text, position) = if span.is_empty() { ("", at_key()) } else { (whole, here) };
                let node = self.scalar(text, style, tag.as_deref(), position);
                self.anchor(anchor, node, span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &here, "seq");
                let position = if style == StructureStyle::Block { at_key() } else { here };
                let items = self.list(depth)?;
                self.anchor(anchor, Node::new(position, Value::List(items)), span)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &here, "map");
                let position = if style == StructureStyle::Block { at_key() } else { here };
                let entries = self.map(depth)?;
                self.anchor(anchor, Node::new(position, Value::Map(entries)), span)
            }
            Event::Alias(anchor) => self.alias(anchor, here, span, depth),
            Event::UnresolvedAlias(name) => {
                self.report(&here, Problem::UnknownAnchor { name: name.into_owned() });
                Ok(Node::new(here, Value::Null))
            }
            _ => Ok(Node::new(here, Value::Null)),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.value(event, span, None, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries = Vec::new();
        let mut merged = Vec::new();
        let mut lines = HashMap::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let position = self.position(span);
            let key = self.key(event, span, depth)?;
            let Some((event, value_span)) = self.next()? else { break };
            let value = self.value(event, value_span, Some(&position), depth + 1)?;
            let Some((key, is_merge)) = key else { continue };
            if let Some(first) = lines.insert(key.clone(), line_of(span)) {
                lines.insert(key.clone(), first);
                self.report(&position, Problem::DuplicateKey { key, first });
            } else if is_merge {
                merged.extend(self.merge(value));
            } else {
                entries.push(Entry { key, position, value });
            }
        }
        // What is written here wins over what is merged in, and the first merged over later ones.
        for entry in merged {
            if lines.insert(entry.key.clone(), 0).is_none() {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The text of a key, and whether it is the merge key; `None` for one that cannot be used, which is reported.
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Option<(String, bool)>, Stop> {
        if let Event::Scalar(text, style, _, _) = &event {
            if *style != ScalarStyle::Plain {
                return Ok(Some((text.clone().into_owned(), false)));
            }
            let key = scalar::as_key(if span.is_empty() { "" } else { text });
            return Ok(Some((key, text == "<<")));
        }
        let position = self.position(span);
        self.report(&position, Problem::ComplexKey);
        self.value(event, span, None, depth + 1)?;
        Ok(None)
    }

    fn merge(&mut self, value: Node) -> Vec<Entry> {
        match value.value {
            Value::Map(entries) => return entries,
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
                return items.into_iter().flat_map(|item| self.merge(item)).collect();
            }
            _ => self.report(&value.position, Problem::BadMerge),
        }
        Vec::new()
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, position: Position) -> Node {
        let bare = is_bare(text).then(|| Warning::Variable { position: position.clone() });
        self.warnings.extend(bare);
        let value = match tag.map(|tag| scalar::tagged(text, |name| tag.is_yaml_core_schema_tag(name))) {
            None if style == ScalarStyle::Plain => scalar::typed(text),
            None => Value::Text(text.to_owned()),
            Some(Some(value)) => value,
            Some(None) => {
                let tag = tag.map(Tag::original).unwrap_or_default();
                self.report(&position, Problem::UnsupportedTag { tag });
                Value::Text(text.to_owned())
            }
        };
        Node::new(position, value)
    }

    fn alias(&mut self, anchor: usize, here: Position, span: Span, depth: usize) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.report(&here, Problem::RecursiveAlias);
            return Ok(Node::new(here, Value::Null));
        };
        self.grow(node.count() - 1, depth + node.height(), span)?;
        Ok(node)
    }

    /// Keeps a copy of an anchored value; copies count, since anchors within anchors would multiply them.
    fn anchor(&mut self, anchor: usize, node: Node, span: Span) -> Result<Node, Stop> {
        // Zero is the parser's word for none.
        if anchor != 0 {
            self.grow(node.count(), 0, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, position: &Position, allowed: &str) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(allowed)) {
            self.report(position, Problem::UnsupportedTag { tag: tag.original() });
        }
    }

    fn grow(&mut self, values: usize, depth: usize, span: Span) -> Result<(), Stop> {
        self.values += values;
        if self.values > VALUES_MAX {
            return Err(Stop(self.error(span, Problem::TooManyValues { limit: VALUES_MAX })));
        }
        if depth > DEPTH_MAX {
            return Err(Stop(self.error(span, Problem::TooDeep { limit: DEPTH_MAX })));
        }
        Ok(())
    }

    fn report(&mut self, position: &Position, problem: Problem) {
        self.problems.push(Error::new(position, problem));
    }

    fn error(&self, span: Span, problem: Problem) -> Error {
        Error::new(&self.position(span), problem)
    }

    fn syntax(&self, error: &ScanError) -> Error {
        let marker = error.marker();
        let position = Position::at(self.file.clone(), bounded(marker.line()), bounded(marker.col() + 1));
        Error::new(&position, Problem::Syntax { reason: error.info() })
    }

    /// Whether it ends where a text does that does not end its last line.
    fn is_last(&self, span: Span) -> bool {
        self.open_end.is_some_and(|end| span.end.index() >= end)
    }

    fn position(&self, span: Span) -> Position {
        Position::at(self.file.clone(), line_of(span), bounded(span.start.col() + 1))
    }
}

/// Whether a text has a `$NAME`, which looks like a variable and is none: only `${NAME}` is, as in the Collector.
fn is_bare(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = after.get(..after.find(|c| !is_part(c)).unwrap_or(after.len())).unwrap_or_default();
        if name.len() > 1 && !name.starts_with(|c: char| c.is_ascii_digit()) {
            return true;
        }
        rest = after;
    }
    false
}

fn line_of(span: Span) -> u32 {
    bounded(span.start.line())
}

fn bounded(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
