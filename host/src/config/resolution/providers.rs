//! What reads what a URI names. The environment and the network are injected, so that a test needs neither.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::location::Location;
use crate::config::file::{self, FileError};

/// Where variables are looked up.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Gets what an `http:` or `https:` URI names, or says why not.
pub type Fetch<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// All of them.
pub struct Providers<'a> {
    /// `env`.
    pub environment: &'a Environment<'a>,
    /// `http` and `https`.
    pub fetch: &'a Fetch<'a>,
}

/// Something that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// A file.
    #[error("{path} {problem}")]
    File {
        /// As it was named.
        path: String,
        /// What is wrong with it.
        problem: FileError,
    },
    /// No variable.
    #[error(
        "`{name}` is no name of an environment variable; write `${{env:NAME}}` with letters, digits and `_`, or `$$` for a dollar sign"
    )]
    BadName {
        /// As written.
        name: String,
    },
    /// A variable that is no text.
    #[error("environment variable `{name}` is not UTF-8; set it to UTF-8 text")]
    NotUtf8 {
        /// The variable.
        name: String,
    },
    /// A server's answer, or none.
    #[error("cannot get {uri}: {reason}")]
    Http {
        /// What was asked for.
        uri: String,
        /// Why not.
        reason: String,
    },
}

/// What a location holds.
pub(super) enum Content {
    /// That.
    Bytes(Vec<u8>),
    /// It is a variable that is not set, without a default.
    Unset,
    /// The same with a default of nothing: an empty text, and not nothing.
    EmptyDefault,
}

impl Content {
    /// As bytes: nothing is none.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Content::Bytes(bytes) => bytes,
            Content::Unset | Content::EmptyDefault => Vec::new(),
        }
    }
}

/// A path without `.` and `..`, whatever is on the disk (Go's `filepath.Clean`, which the Collector's provider goes through).
fn cleaned(path: &str) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(cleaned.components().next_back(), Some(Component::Normal(_))) => {
                cleaned.pop();
            }
            component => cleaned.push(component),
        }
    }
    cleaned
}

/// A variable, and what stands in where it is not set.
pub(super) struct Variable<'l> {
    pub name: &'l str,
    pub default: Option<&'l str>,
}

impl<'l> Variable<'l> {
    pub fn of(value: &'l str) -> Variable<'l> {
        match value.split_once(":-") {
            Some((name, default)) => Variable { name, default: Some(default) },
            None => Variable { name: value, default: None },
        }
    }

    fn is_named(&self) -> bool {
        !self.name.is_empty()
            && !self.name.starts_with(|c: char| c.is_ascii_digit())
            && self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }
}

fn of_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl<'a> Providers<'a> {
    /// With the variables of the process.
    pub fn of_process(fetch: &'a Fetch<'a>) -> Providers<'a> {
        Providers { environment: &of_process, fetch }
    }

    /// Reads what a location names.
    pub(super) fn retrieve(&self, location: &Location) -> Result<Content, RetrieveError> {
        let bytes = match location.scheme.as_str() {
            "env" => return self.variable(&location.value),
            "file" => file::read(&cleaned(&location.value))
                .map(String::into_bytes)
                .map_err(|problem| RetrieveError::File { path: location.value.clone(), problem })?,
            "yaml" => location.value.clone().into_bytes(),
            _ => (self.fetch)(&location.uri())
                .map_err(|reason| RetrieveError::Http { uri: Location::shown(&location.uri()), reason })?,
        };
        Ok(Content::Bytes(bytes))
    }

    /// What a variable holds, or its default.
    fn variable(&self, value: &str) -> Result<Content, RetrieveError> {
        let variable = Variable::of(value);
        let name = || variable.name.to_owned();
        if !variable.is_named() {
            return Err(RetrieveError::BadName { name: name() });
        }
        match ((self.environment)(variable.name), variable.default) {
            (Some(value), _) => {
                let text = value.into_string().map_err(|_| RetrieveError::NotUtf8 { name: name() })?;
                Ok(Content::Bytes(text.into_bytes()))
            }
            (None, Some("")) => Ok(Content::EmptyDefault),
            (None, Some(default)) => Ok(Content::Bytes(default.as_bytes().to_vec())),
            (None, None) => Ok(Content::Unset),
        }
    }
}
