//! Names of configurations and of what stands in them: `scheme:value`.

/// Where something is: what reads it, and what that calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// `env`, `file`, `yaml`, `http` or `https`.
    pub scheme: String,
    /// Behind the colon.
    pub value: String,
}

/// A text that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Neither a path nor a URI.
    #[error("`{uri}` is no URI: write `scheme:value`, such as `env:NAME` or `file:path`")]
    NoUri {
        /// As written.
        uri: String,
    },
    /// Something that nobody here reads.
    #[error("`{scheme}:` is read by nobody here: there are `env`, `file`, `yaml`, `http` and `https`")]
    Scheme {
        /// As written.
        scheme: String,
    },
}

/// What there is.
pub(super) const SCHEMES: &[&str] = &["env", "file", "yaml", "http", "https"];

impl Location {
    /// Of `--config`: what has no colon, or a drive's letter in front of it, is a path.
    pub fn of_flag(uri: &str) -> Result<Location, LocationError> {
        let is_drive = matches!(uri.as_bytes(), [letter, b':', ..] if (b'A'..=b'z').contains(letter));
        if is_drive || !uri.contains(':') {
            return Ok(Location { scheme: "file".to_owned(), value: uri.to_owned() });
        }
        Location::of_uri(uri)
    }

    /// Of what stands in `${…}`: what has no colon is a variable of the environment.
    pub fn of_reference(reference: &str) -> Result<Location, LocationError> {
        match reference.contains(':') {
            true => Location::of_uri(reference),
            false => Location::of_uri(&format!("env:{reference}")),
        }
    }

    /// A scheme has two characters at least, and begins with a letter (`schemePattern`).
    fn of_uri(uri: &str) -> Result<Location, LocationError> {
        let no_uri = || LocationError::NoUri { uri: Location::shown(uri) };
        let (scheme, value) = uri.split_once(':').ok_or_else(no_uri)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
        if scheme.len() < 2 || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(is_part) {
            return Err(no_uri());
        }
        if !SCHEMES.contains(&scheme) {
            return Err(LocationError::Scheme { scheme: scheme.to_owned() });
        }
        Ok(Location { scheme: scheme.to_owned(), value: value.to_owned() })
    }

    /// The URI, as it may be shown: without a password, and of YAML in line only that it is that.
    pub fn shown(uri: &str) -> String {
        if uri.starts_with("yaml:") {
            return "yaml:…".to_owned();
        }
        if let Some(path) = uri.strip_prefix("file:") {
            return path.to_owned();
        }
        match uri.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                // What stands behind `?` may be a token.
                let path = path.split(['?', '#']).next().unwrap_or_default();
                format!("{scheme}://{host}{path}")
            }
            None => uri.to_owned(),
        }
    }

    /// The same as a URI.
    pub fn uri(&self) -> String {
        format!("{}:{}", self.scheme, self.value)
    }
}
