//! `${env:NAME}` in scalar values, and `${env:NAME:-default}`, `${NAME}`, and `$$` for one `$`: as in the Collector.
//!
//! Two differences, both on the safe side. An unset variable without a default is an error here, where the Collector
//! warns and goes on with nothing. And what a variable holds is taken as it is: a `${...}` inside it is not expanded
//! again, so a value from outside cannot read other variables. Defaults may hold `${...}`.

use std::ffi::OsString;

/// Where variables are looked up; injected, so that a test needs no process environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Defaults within defaults, at the most.
const NESTING_MAX: usize = 8;

/// A `${...}` that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Not set and no default.
    #[error("environment variable `{name}` is not set; set it, or give a default: `${{env:{name}:-default}}`")]
    Unset {
        /// The variable.
        name: String,
    },
    /// Set to something that is no text.
    #[error("environment variable `{name}` is not UTF-8; set it to UTF-8 text")]
    NotUtf8 {
        /// The variable.
        name: String,
    },
    /// A name no shell could set.
    #[error(
        "`{name}` is no name of an environment variable; \
         write `${{env:NAME}}` with letters, digits and `_`, or `$$` for a dollar sign"
    )]
    BadName {
        /// As written.
        name: String,
    },
    /// `${file:...}` and the like.
    #[error("`${{{scheme}:...}}` is not supported yet; only `${{env:NAME}}` is, and `$$` is a dollar sign")]
    UnknownScheme {
        /// The part before the colon.
        scheme: String,
    },
    /// `${` without its end.
    #[error("`${{` without its `}}`; close it, or write `$$` for a dollar sign")]
    Unclosed,
    /// Defaults within defaults within defaults.
    #[error("`${{...}}` nested deeper than {NESTING_MAX} levels")]
    TooDeep,
}

/// A scalar after expansion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text with every `${...}` and `$$` replaced.
    pub text: String,
    /// The scalar was one `${...}` and nothing else, so an unquoted one takes the type of what it became.
    pub whole: bool,
}

/// Expands one scalar; `None` when there is no `$` in it.
pub(super) fn expand(text: &str, environment: &Environment<'_>) -> Result<Option<Expanded>, EnvError> {
    if !text.contains('$') {
        return Ok(None);
    }
    let whole = text.strip_prefix("${").and_then(closing_brace).is_some_and(|(_, rest)| rest.is_empty());
    Ok(Some(Expanded { text: expand_text(text, environment, 0)?, whole }))
}

fn expand_text(mut text: &str, environment: &Environment<'_>, depth: usize) -> Result<String, EnvError> {
    if depth > NESTING_MAX {
        return Err(EnvError::TooDeep);
    }
    let mut expanded = String::with_capacity(text.len());
    while let Some((before, after)) = text.split_once('$') {
        expanded.push_str(before);
        if let Some(inner) = after.strip_prefix('{') {
            let (reference, rest) = closing_brace(inner).ok_or(EnvError::Unclosed)?;
            expanded.push_str(&look_up(reference, environment, depth)?);
            text = rest;
        } else {
            // `$$` is one dollar sign, and a lone one stands for itself.
            expanded.push('$');
            text = after.strip_prefix('$').unwrap_or(after);
        }
    }
    expanded.push_str(text);
    Ok(expanded)
}

/// Whether a text has a `$NAME`, which looks like a variable and is none: only `${NAME}` is, as in the Collector.
pub(super) fn is_bare(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = after.get(..after.find(|c| !is_part(c)).unwrap_or(after.len())).unwrap_or_default();
        if name.len() > 1 && is_name(name) {
            return true;
        }
        rest = after;
    }
    false
}

/// Splits at the brace that closes an already opened `${`.
fn closing_brace(text: &str) -> Option<(&str, &str)> {
    let mut open = 1_usize;
    let mut previous = ' ';
    for (offset, character) in text.char_indices() {
        match character {
            '{' if previous == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((text.get(..offset)?, text.get(offset + 1..)?));
        }
        previous = character;
    }
    None
}

fn look_up(reference: &str, environment: &Environment<'_>, depth: usize) -> Result<String, EnvError> {
    let variable = reference.strip_prefix("env:").unwrap_or(reference);
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    if let Some((scheme, _)) = name.split_once(':') {
        return Err(EnvError::UnknownScheme { scheme: scheme.to_owned() });
    }
    if !is_name(name) {
        return Err(EnvError::BadName { name: name.to_owned() });
    }
    match (environment(name), default) {
        (Some(value), _) => value.into_string().map_err(|_| EnvError::NotUtf8 { name: name.to_owned() }),
        (None, Some(default)) => expand_text(default, environment, depth + 1),
        (None, None) => Err(EnvError::Unset { name: name.to_owned() }),
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
