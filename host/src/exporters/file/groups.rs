//! `group_by`: which resources of a batch go to which file.
//!
//! An attribute's value comes from whoever sends, so it can name a file below the directory of `path` and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::contract::Batch;
use crate::otlp::attribute::{AnyValue, attributes};
use crate::otlp::resources::groups;
use crate::otlp::wire::Fault;
use crate::otlp::{Malformed, count};

/// `Resource.attributes`.
const ATTRIBUTES: u32 = 1;

/// The longest name of a file that file systems allow, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The longest path that Linux allows, in bytes, with room for what a rotation adds.
const PATH_BYTES_MAX: usize = 4000;

/// How files are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    prefix: String,
    suffix: String,
    attribute: String,
}

/// What goes to one file.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// A request of the batch's signal.
    pub bytes: Vec<u8>,
}

/// Items that go nowhere, and why the first of them do not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Points, spans or log records.
    pub items: u64,
    /// One reason.
    pub reason: String,
}

impl Rejected {
    /// Adds items to them.
    pub fn add(&mut self, items: u64, reason: String) {
        if self.items == 0 {
            self.reason = reason;
        }
        self.items += items;
    }
}

/// So many files may one batch name; resources beyond are rejected.
const FILES_MAX: usize = 1000;

/// A value that names no file below the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSegment {
    #[error("is an absolute path")]
    Absolute,
    #[error("has `..` in it")]
    Parent,
    #[error("has a byte 0 in it")]
    Nul,
    #[error("is too long for the name of a file")]
    TooLong,
    #[error("names a directory")]
    Directory,
}

impl Grouping {
    /// For a `path` that has a `*` between these two.
    pub fn new(prefix: &str, suffix: &str, attribute: &str) -> Grouping {
        Grouping { prefix: prefix.to_owned(), suffix: suffix.to_owned(), attribute: attribute.to_owned() }
    }

    /// The parts of a batch, each with its file, and what has none.
    pub fn divide(&self, batch: &Batch) -> Result<(Vec<Part>, Rejected), Malformed> {
        let groups = groups(&batch.bytes)?;
        let mut names = Vec::with_capacity(groups.resources.len());
        for group in &groups.resources {
            let segment = self.segment(&group.resource).map_err(|fault| fault.within(&batch.bytes))?;
            names.push(self.named(segment));
        }
        bound(&mut names);
        let mut files: BTreeMap<&Path, usize> = BTreeMap::new();
        let numbers: Vec<Option<usize>> = names
            .iter()
            .map(|name| {
                let next = files.len();
                name.as_ref().ok().map(|path| *files.entry(path).or_insert(next))
            })
            .collect();
        let requests = groups.divided(&numbers, files.len());
        let mut ordered: Vec<(&Path, usize)> = files.into_iter().collect();
        ordered.sort_by_key(|(_, number)| *number);
        let parts = ordered.into_iter().zip(requests).map(|((path, _), bytes)| Part { path: path.to_owned(), bytes });
        let parts = parts.collect();
        let mut rejected = Rejected::default();
        if let Some(reason) = names.iter().find_map(|name| name.as_ref().err()) {
            let nowhere = groups.with(names.iter().map(Result::is_err));
            rejected.add(count(batch.signal, &nowhere), reason.clone());
        }
        Ok((parts, rejected))
    }

    fn named(&self, segment: Option<String>) -> Result<PathBuf, String> {
        let attribute = &self.attribute;
        let segment = segment.ok_or_else(|| format!("a resource has no attribute `{attribute}` that is a text"))?;
        self.file(&segment).map_err(|error| {
            let shown: String = segment.chars().take(100).collect();
            format!("the value {shown:?} of `{attribute}` {error}")
        })
    }

    /// The text of the attribute. Of a key that comes twice the first counts, as in the Collector.
    fn segment(&self, resource: &crate::otlp::message::Message<'_>) -> Result<Option<String>, Fault> {
        let attributes = attributes(resource, ATTRIBUTES)?;
        let Some(found) = attributes.iter().find(|attribute| attribute.key == self.attribute.as_bytes()) else {
            return Ok(None);
        };
        Ok(match AnyValue::read(&found.value()?)? {
            AnyValue::String(text) => std::str::from_utf8(text).ok().map(str::to_owned),
            _ => None,
        })
    }

    /// The file that a value names.
    pub fn file(&self, segment: &str) -> Result<PathBuf, BadSegment> {
        if segment.contains('\0') {
            return Err(BadSegment::Nul);
        }
        if segment.starts_with('/') {
            return Err(BadSegment::Absolute);
        }
        // Together with what stands around it: `.` and `*.` are as much of a `..`.
        if segment.split('/').any(|name| name == "..") {
            return Err(BadSegment::Parent);
        }
        let below = format!("{}{segment}{}", last_name(&self.prefix), self.suffix);
        let names = Path::new(&below).components();
        if names.clone().any(|name| matches!(name, Component::ParentDir)) {
            return Err(BadSegment::Parent);
        }
        if below.is_empty() || below.ends_with(['/']) || below.ends_with("/.") || below == "." {
            return Err(BadSegment::Directory);
        }
        let is_long = |name: Component<'_>| name.as_os_str().len() > NAME_BYTES_MAX;
        if names.clone().any(is_long) || self.prefix.len() + below.len() > PATH_BYTES_MAX {
            return Err(BadSegment::TooLong);
        }
        Ok(Path::new(directory(&self.prefix)).components().chain(names).collect())
    }
}

/// Whoever sends chooses the names, and each file beyond those that are open takes its time from everybody.
fn bound(names: &mut [Result<PathBuf, String>]) {
    let mut files = HashSet::new();
    for name in names {
        let is_one_more = name.as_ref().is_ok_and(|path| !files.contains(path));
        if is_one_more && files.len() == FILES_MAX {
            *name = Err(format!("one batch names more than {FILES_MAX} files"));
        } else if let Ok(path) = name {
            files.insert(path.clone());
        }
    }
}

/// What of the prefix is the beginning of a file's name.
fn last_name(prefix: &str) -> &str {
    prefix.rsplit_once('/').map_or(prefix, |(_, name)| name)
}

/// The rest of it.
fn directory(prefix: &str) -> &str {
    prefix.strip_suffix(last_name(prefix)).unwrap_or(prefix)
}
