//! The `bearertokenauth` extension: a token in a header, put there for clients and looked for at servers (RFC 6750).

use std::path::PathBuf;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::secrets::{FileError, Fingerprint, FromFile};
use crate::contract::{ClientAuthenticator, ComponentId, Metadata, Secret, ServerAuthenticator};
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Role, Stability};

/// The Collector's keys. What parsed has tokens, or a file that should.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub struct Config {
    header: HeaderName,
    scheme: String,
    tokens: TokenSource,
}

#[derive(Debug, Clone)]
enum TokenSource {
    Inline(Vec<Secret>),
    File(PathBuf),
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    /// The header that has the token.
    header: String,
    /// What stands in front of it.
    scheme: String,
    /// The token.
    token: Secret,
    /// Several: each of them is let in, and the first one is sent.
    tokens: Vec<Secret>,
    /// A file with a token in each line, which is read again when it changes.
    #[schemars(extend("x-collector" = "same; beside a token it is refused, there it goes before"))]
    filename: Option<PathBuf>,
}

impl Default for RawConfig {
    fn default() -> Self {
        RawConfig {
            header: "authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            token: Secret::default(),
            tokens: Vec::new(),
            filename: None,
        }
    }
}

/// A configuration that cannot be.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("no token: write `token`, `tokens` or `filename`")]
    None,
    #[error("`token`, `tokens` and `filename` say the same in several ways: keep one of them")]
    Several,
    #[error("`header` is no header name")]
    Header,
    #[error("{0}")]
    Token(String),
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        let one = Some(raw.token).filter(|token| !token.reveal().is_empty()).map(|token| vec![token]);
        let several = Some(raw.tokens).filter(|tokens| !tokens.is_empty());
        let file = raw.filename.filter(|file| !file.as_os_str().is_empty());
        let tokens = match (one, several, file) {
            (Some(tokens), None, None) | (None, Some(tokens), None) => TokenSource::Inline(tokens),
            (None, None, Some(file)) => TokenSource::File(file),
            (None, None, None) => return Err(ConfigError::None),
            _ => return Err(ConfigError::Several),
        };
        if let TokenSource::Inline(tokens) = &tokens {
            tokens.iter().try_for_each(|token| check(token.reveal())).map_err(ConfigError::Token)?;
        }
        let header = raw.header.parse().map_err(|_| ConfigError::Header)?;
        Ok(Config { header, scheme: raw.scheme.trim().to_owned(), tokens })
    }
}

/// Whether a header can carry it.
fn check(token: &str) -> Result<(), String> {
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("a token is printable ASCII without spaces".to_owned()),
    }
}

/// The type `bearertokenauth`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["bearertokenauth"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::ServerAuthenticator, Role::ClientAuthenticator];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        let token = Arc::new(BearerToken::new(config)?);
        Ok(Extension { client: Some(token.clone()), server: Some(token), ..Extension::default() })
    }
}

/// The extension.
pub struct BearerToken {
    header: HeaderName,
    scheme: String,
    tokens: Tokens,
}

enum Tokens {
    Fixed(Known),
    File(FromFile<Known>),
}

/// Tokens in both forms: a client sends the first, a server takes any.
struct Known {
    first: Secret,
    all: Vec<Fingerprint>,
}

impl Known {
    fn new(tokens: &[Secret]) -> Known {
        let all = tokens.iter().map(|token| Fingerprint::of(token.reveal().as_bytes())).collect();
        Known { first: tokens.first().cloned().unwrap_or_default(), all }
    }

    /// One token a line.
    fn parse(text: &str) -> Result<Known, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let tokens: Vec<Secret> =
            lines.map(|line| check(line).map(|()| line.to_owned().into())).collect::<Result<_, _>>()?;
        if tokens.is_empty() { Err("there is no token in it".to_owned()) } else { Ok(Known::new(&tokens)) }
    }
}

impl BearerToken {
    /// Reads the file, where there is one.
    pub fn new(config: Config) -> Result<BearerToken, FileError> {
        let tokens = match config.tokens {
            TokenSource::Inline(tokens) => Tokens::Fixed(Known::new(&tokens)),
            TokenSource::File(file) => Tokens::File(FromFile::new(file, Known::parse)?),
        };
        Ok(BearerToken { header: config.header, scheme: config.scheme, tokens })
    }

    fn with<R>(&self, use_tokens: impl FnOnce(&Known) -> R) -> R {
        match &self.tokens {
            Tokens::Fixed(known) => use_tokens(known),
            Tokens::File(file) => use_tokens(&file.current()),
        }
    }

    /// What stands in front of the token.
    fn prefix(&self) -> String {
        if self.scheme.is_empty() { String::new() } else { format!("{} ", self.scheme) }
    }
}

impl ClientAuthenticator for BearerToken {
    fn authenticate(&self, _: &Metadata, headers: &mut HeaderMap) -> Result<(), String> {
        let text = self.with(|known| format!("{}{}", self.prefix(), known.first.reveal()));
        let mut value = HeaderValue::try_from(text).map_err(|_| "the token cannot stand in a header".to_owned())?;
        value.set_sensitive(true);
        headers.insert(self.header.clone(), value);
        Ok(())
    }
}

impl ServerAuthenticator for BearerToken {
    fn authenticate(&self, headers: &HeaderMap) -> Result<(), String> {
        let missing = || format!("send `{}: {}<token>`", self.header, self.prefix());
        let value = headers.get(&self.header).map(HeaderValue::as_bytes).ok_or_else(missing)?;
        let prefix = self.prefix();
        let (scheme, token) = value.split_at_checked(prefix.len()).ok_or_else(missing)?;
        // RFC 9110: the name of a scheme has no case.
        if !scheme.eq_ignore_ascii_case(prefix.as_bytes()) {
            return Err(missing());
        }
        let shown = Fingerprint::of(token.trim_ascii());
        match self.with(|known| shown.is_among(&known.all)) {
            true => Ok(()),
            false => Err("wrong token".to_owned()),
        }
    }

    fn challenge(&self) -> &str {
        if self.header == AUTHORIZATION && !self.scheme.is_empty() { &self.scheme } else { "Bearer" }
    }

    fn header(&self) -> &HeaderName {
        &self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(json: &str) -> Result<BearerToken, Box<dyn std::error::Error>> {
        Ok(BearerToken::new(serde_json::from_str(json)?)?)
    }

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_a_client_sends_a_server_takes() -> Result<(), Box<dyn std::error::Error>> {
        let client = extension(r#"{"token": "topsecret"}"#)?;
        let mut request = HeaderMap::new();
        ClientAuthenticator::authenticate(&client, &Metadata::default(), &mut request)?;
        assert!(!format!("{request:?}").contains("topsecret"));
        let server = extension(r#"{"tokens": ["other", "topsecret"]}"#)?;
        assert_eq!(ServerAuthenticator::authenticate(&server, &request), Ok(()));
        assert_eq!(ServerAuthenticator::authenticate(&server, &headers("bearer other")), Ok(()));
        for wrong in ["Bearer third", "Bearer ", "Bearer", "Basic topsecret", "topsecret", ""] {
            assert!(ServerAuthenticator::authenticate(&server, &headers(wrong)).is_err(), "{wrong}");
        }
        let missing = ServerAuthenticator::authenticate(&server, &HeaderMap::new());
        assert_eq!(missing, Err("send `authorization: Bearer <token>`".into()));
        assert_eq!(server.challenge(), "Bearer");
        Ok(())
    }

    #[test]
    fn a_file_has_a_token_a_line() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tokens");
        std::fs::write(&file, "\none\n two \n")?;
        let config = serde_json::json!({"filename": file, "scheme": "Api-Key", "header": "X-Key"}).to_string();
        let both = extension(&config)?;
        let mut request = HeaderMap::new();
        ClientAuthenticator::authenticate(&both, &Metadata::default(), &mut request)?;
        assert_eq!(request.get("x-key").map(HeaderValue::as_bytes), Some(&b"Api-Key one"[..]));
        assert_eq!(ServerAuthenticator::authenticate(&both, &request), Ok(()));
        std::fs::write(&file, "\n")?;
        assert!(extension(&config).err().is_some_and(|error| error.to_string().contains("no token in it")));
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write_and_show_no_secret() {
        for (json, words) in [
            ("{}", "write `token`"),
            (r#"{"token": "a", "filename": "b"}"#, "keep one of them"),
            (r#"{"token": "top secret"}"#, "printable ASCII"),
            (r#"{"token": "a", "header": "a b"}"#, "no header name"),
        ] {
            let error = serde_json::from_str::<Config>(json).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words) && !error.contains("top secret"), "{json}: {error}");
        }
        let config = serde_json::from_str::<Config>(r#"{"token": "topsecret"}"#);
        assert!(!format!("{config:?}").contains("topsecret"));
    }
}
