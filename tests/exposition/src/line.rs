//! One line, from left to right, as the grammar of OpenMetrics has it.

use anyhow::{Context, Result, bail, ensure};

use crate::exposition::Labels;

/// What is left of a line.
pub struct Line<'t> {
    rest: &'t str,
}

impl<'t> Line<'t> {
    pub fn new(line: &'t str) -> Line<'t> {
        Line { rest: line }
    }

    /// All that is left.
    pub fn rest(&self) -> &'t str {
        self.rest
    }

    /// Takes `token` where it comes next.
    pub fn take(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// `metricname`.
    pub fn metric_name(&mut self) -> Result<&'t str> {
        self.name(b"_:").context("no name of a metric")
    }

    fn label_name(&mut self) -> Result<&'t str> {
        self.name(b"_").context("no name of a label")
    }

    fn name(&mut self, beside_letters: &[u8]) -> Result<&'t str> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || beside_letters.contains(&byte);
        let end = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        ensure!(name.bytes().next().is_some_and(|first| !first.is_ascii_digit()), "at {:?}", self.rest);
        self.rest = rest;
        Ok(name)
    }

    /// Everything up to the next space.
    pub fn word(&mut self) -> &'t str {
        let end = self.rest.find(' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// `labels` of the grammar where they come next, none else.
    pub fn labels(&mut self) -> Result<Option<Labels>> {
        if !self.take("{") {
            return Ok(None);
        }
        let mut labels = Labels::new();
        if self.take("}") {
            return Ok(Some(labels));
        }
        loop {
            let name = self.label_name()?;
            ensure!(self.take("=\""), "label {name} has no value");
            let value = self.quoted().with_context(|| format!("in label {name}"))?;
            ensure!(labels.insert(name.to_owned(), value).is_none(), "label {name} stands there twice");
            if self.take("}") {
                return Ok(Some(labels));
            }
            ensure!(self.take(","), "no comma between labels, at {:?}", self.rest);
        }
    }

    fn quoted(&mut self) -> Result<String> {
        let mut bytes = self.rest.bytes();
        let mut is_escaped = false;
        let end = bytes.position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        });
        let end = end.context("a text without an end")?;
        let text = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        unescaped(text, true)
    }
}

/// A text without its escapes. Quotation marks have to be escaped where `quotes` says so.
pub fn unescaped(text: &str, quotes: bool) -> Result<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' if quotes => bail!("a quotation mark without an escape in {text:?}"),
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('\\') => plain.push('\\'),
                Some('"') if quotes => plain.push('"'),
                other => bail!("an escape that is none, \\{}", other.map(String::from).unwrap_or_default()),
            },
            other => plain.push(other),
        }
    }
    Ok(plain)
}
