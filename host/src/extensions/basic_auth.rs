//! The `basicauth` extension: a name and a password (RFC 7617), put into requests for clients and looked for at servers.

use std::path::PathBuf;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::secrets::{FileError, Fingerprint, FromFile};
use crate::contract::{ClientAuthenticator, ComponentId, Metadata, Secret, ServerAuthenticator};
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, Role, Stability};
use crate::otlp::json::{from_base64, to_base64};

/// The Collector's keys: a client's or a server's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawConfig")]
#[schemars(with = "RawConfig")]
pub enum Config {
    /// `client_auth`.
    Client(ClientAuth),
    /// `htpasswd`.
    Server(Htpasswd),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    /// For exporters: who they are.
    #[serde(default)]
    client_auth: Option<ClientAuth>,
    /// For receivers: who is let in.
    #[serde(default)]
    htpasswd: Option<Htpasswd>,
}

/// `client_auth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientAuth {
    /// The name.
    username: String,
    /// The password.
    password: Secret,
}

/// `htpasswd`: `name:password` a line. What stands in the configuration goes before what is in the file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Htpasswd {
    /// A file of `name:password` lines.
    #[schemars(extend("x-collector" = "same; hashed passwords are refused"))]
    file: Option<PathBuf>,
    /// The same in line; it goes before what is in the file.
    #[schemars(extend("x-collector" = "same; hashed passwords are refused"))]
    inline: Secret,
}

/// A configuration that cannot be.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("write `client_auth` for an exporter or `htpasswd` for a receiver")]
    Neither,
    #[error("`client_auth` is for exporters and `htpasswd` for receivers: define an extension for each")]
    Both,
    #[error("`htpasswd` needs `file` or `inline`")]
    NoUsers,
    #[error("`inline`: {0}")]
    Inline(String),
    #[error("a user name cannot have a colon in it")]
    Colon,
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Config, ConfigError> {
        match (raw.client_auth, raw.htpasswd) {
            (Some(client), None) if client.username.contains(':') => Err(ConfigError::Colon),
            (Some(client), None) => Ok(Config::Client(client)),
            (None, Some(server)) => {
                let users = users(server.inline.reveal()).map_err(ConfigError::Inline)?;
                match users.is_empty() && server.file.is_none() {
                    true => Err(ConfigError::NoUsers),
                    false => Ok(Config::Server(server)),
                }
            }
            (None, None) => Err(ConfigError::Neither),
            (Some(_), Some(_)) => Err(ConfigError::Both),
        }
    }
}

/// Name and password of each line, as one secret, which is what requests carry.
fn users(text: &str) -> Result<Vec<Fingerprint>, String> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| user(number, line)).collect()
}

fn user(number: u32, line: &str) -> Result<Fingerprint, String> {
    let (_, password) = line.split_once(':').ok_or_else(|| format!("line {number} is not `name:password`"))?;
    let hashed = [
        ("$2", "bcrypt"),
        ("$apr1$", "MD5"),
        ("$1$", "MD5"),
        ("{SHA}", "SHA-1"),
        ("{SSHA}", "salted SHA-1"),
        ("$5$", "SHA-256 crypt"),
        ("$6$", "SHA-512 crypt"),
        ("$y$", "yescrypt"),
    ];
    if let Some((_, kind)) = hashed.into_iter().find(|(prefix, _)| password.starts_with(prefix)) {
        return Err(format!(
            "line {number} has a password hashed with {kind}, which is not supported: write it plain, in a file that others cannot read"
        ));
    }
    Ok(Fingerprint::of(line.as_bytes()))
}

/// The type `basicauth`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["basicauth"];
    const STABILITY: Stability = Stability::Beta;
    type Config = Config;
}

impl ExtensionType for Type {
    const ROLES: &'static [Role] = &[Role::ServerAuthenticator, Role::ClientAuthenticator];

    fn make(_: &ComponentId, config: Config, _: &ExtensionContext<'_>) -> Result<Extension, MakeError> {
        Ok(match BasicAuth::new(config)? {
            BasicAuth::Client(client) => Extension { client: Some(Arc::new(client)), ..Extension::default() },
            BasicAuth::Server(server) => Extension { server: Some(Arc::new(server)), ..Extension::default() },
        })
    }
}

/// The extension.
pub enum BasicAuth {
    /// For exporters.
    Client(BasicClient),
    /// For receivers.
    Server(BasicServer),
}

/// Puts a name and a password into requests.
pub struct BasicClient {
    value: HeaderValue,
}

/// Lets in whom it knows.
pub struct BasicServer {
    inline: Vec<Fingerprint>,
    file: Option<FromFile<Vec<Fingerprint>>>,
}

impl BasicAuth {
    /// Reads the file, where there is one.
    pub fn new(config: Config) -> Result<BasicAuth, FileError> {
        match config {
            Config::Client(ClientAuth { username, password }) => {
                let encoded = to_base64(format!("{username}:{}", password.reveal()).as_bytes());
                // Base64 is fit for a header.
                let mut value =
                    HeaderValue::try_from(format!("Basic {encoded}")).unwrap_or(HeaderValue::from_static("Basic"));
                value.set_sensitive(true);
                Ok(BasicAuth::Client(BasicClient { value }))
            }
            Config::Server(Htpasswd { file, inline }) => {
                let file = file.map(|file| FromFile::new(file, users)).transpose()?;
                // The configuration's check has read it before.
                let inline = users(inline.reveal()).unwrap_or_default();
                Ok(BasicAuth::Server(BasicServer { inline, file }))
            }
        }
    }
}

impl ClientAuthenticator for BasicClient {
    fn authenticate(&self, _: &Metadata, headers: &mut HeaderMap) -> Result<(), String> {
        headers.insert(AUTHORIZATION, self.value.clone());
        Ok(())
    }
}

impl ServerAuthenticator for BasicServer {
    fn authenticate(&self, headers: &HeaderMap) -> Result<(), String> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let split = value.and_then(|value| value.split_once(' '));
        let encoded = split.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")).map(|(_, rest)| rest.trim());
        let shown = encoded.and_then(from_base64).ok_or("send `authorization: Basic <name:password in base64>`")?;
        let shown = Fingerprint::of(&shown);
        let is_inline = shown.is_among(&self.inline);
        let is_in_file = self.file.as_ref().is_some_and(|file| shown.is_among(&file.current()));
        if is_inline | is_in_file { Ok(()) } else { Err("wrong name or password".to_owned()) }
    }

    fn challenge(&self) -> &str {
        "Basic realm=\"otelier\""
    }

    fn header(&self) -> &HeaderName {
        &AUTHORIZATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(json: &str) -> Result<BasicAuth, Box<dyn std::error::Error>> {
        Ok(BasicAuth::new(serde_json::from_str(json)?)?)
    }

    fn request(json: &str) -> Result<HeaderMap, Box<dyn std::error::Error>> {
        let mut headers = HeaderMap::new();
        let BasicAuth::Client(client) = extension(json)? else { return Err("a server".into()) };
        client.authenticate(&Metadata::default(), &mut headers)?;
        Ok(headers)
    }

    #[test]
    fn what_a_client_sends_a_server_takes() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("htpasswd");
        std::fs::write(&file, "# names\nbob:with:colon\n")?;
        let config = serde_json::json!({"htpasswd": {"inline": "alice:topsecret\n", "file": file}});
        let BasicAuth::Server(server) = extension(&config.to_string())? else { return Err("a client".into()) };
        let alice = request(r#"{"client_auth": {"username": "alice", "password": "topsecret"}}"#)?;
        assert_eq!(alice.get(AUTHORIZATION).map(HeaderValue::as_bytes), Some(&b"Basic YWxpY2U6dG9wc2VjcmV0"[..]));
        assert!(!format!("{alice:?}").contains("YWxp"));
        assert_eq!(server.authenticate(&alice), Ok(()));
        assert_eq!(
            server.authenticate(&request(r#"{"client_auth": {"username": "bob", "password": "with:colon"}}"#)?),
            Ok(())
        );
        let wrong = request(r#"{"client_auth": {"username": "alice", "password": "other"}}"#)?;
        assert_eq!(server.authenticate(&wrong), Err("wrong name or password".into()));
        for value in ["Basic ???", "Basic", "Bearer YWxpY2U6dG9wc2VjcmV0"] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert!(server.authenticate(&headers).is_err_and(|reason| reason.starts_with("send")), "{value}");
        }
        assert!(server.authenticate(&HeaderMap::new()).is_err());
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write_and_show_no_secret() {
        for (json, words) in [
            ("{}", "write `client_auth`"),
            (r#"{"htpasswd": {}}"#, "needs `file` or `inline`"),
            (r#"{"client_auth": {"username": "a", "password": "b"}, "htpasswd": {"inline": "a:b"}}"#, "for each"),
            (r#"{"htpasswd": {"inline": "topsecret"}}"#, "line 1 is not"),
            (r#"{"htpasswd": {"inline": "a:b\nb:$2y$05$topsecret"}}"#, "line 2 has a password hashed with bcrypt"),
            (r#"{"client_auth": {"username": "a:b", "password": "topsecret"}}"#, "colon"),
        ] {
            let error = serde_json::from_str::<Config>(json).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words) && !error.contains("topsecret"), "{json}: {error}");
        }
    }
}
