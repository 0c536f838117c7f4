//! Proxies between a client and its destination: the URL of one, which one the environment names, and the way through it.

mod environment;
mod no_proxy;
mod tunnel;

pub use environment::Proxies;
pub use tunnel::Through;

use std::fmt;

use http::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

use super::host_port;
use super::target::{Target, fit};
use crate::contract::Secret;
use crate::otlp::json::to_base64;

/// A proxy. Neither `Debug` nor `Display` show the user and the password of its URL.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Proxy {
    /// Whether it is spoken to over TLS.
    pub(super) is_secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// `Proxy-Authorization`, from the user and the password.
    pub(super) authorization: Option<HeaderValue>,
    url: Secret,
}

/// A text that names no proxy. It never has the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// No URL.
    #[error("not the URL of a proxy: write `http://host:port` or `http://user:password@host:port`")]
    Url,
    /// A scheme that nobody here speaks.
    #[error("proxies of scheme `{0}` are not supported: name one of `http` or `https`")]
    Scheme(String),
    /// The caveat of <https://go.dev/s/cgihttpproxy>.
    #[error(
        "`HTTP_PROXY` is not used where `REQUEST_METHOD` is set, as a request to a CGI script could have set it: unset one of them"
    )]
    Cgi,
    /// Of the environment.
    #[error("environment variable `{name}`: {source}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        source: Box<ProxyError>,
    },
}

impl Proxy {
    /// A whole URL, as `proxy_url` has it.
    pub fn url(text: &str) -> Result<Proxy, ProxyError> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyError::Url)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(ProxyError::Scheme(scheme.to_owned()));
            }
            _ => return Err(ProxyError::Url),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (Some(user), server),
            None => (None, authority),
        };
        let usual = if is_secure { 443 } else { 80 };
        let (host, port) = host_port::split_or(server, usual).ok_or(ProxyError::Url)?;
        let host = fit(host).ok_or(ProxyError::Url)?;
        let authorization = user.map(authorization).transpose()?;
        Ok(Proxy { is_secure, host, port, authorization, url: Secret::from(text.to_owned()) })
    }

    /// Its URL, the password included: for another client's own reader of it.
    pub fn reveal(&self) -> &str {
        self.url.reveal()
    }

    /// Where it listens.
    pub(super) fn target(&self) -> Target {
        let Proxy { is_secure, host, port, .. } = self.clone();
        Target { secure: Some(is_secure), host, port, path: String::new(), socket: None }
    }
}

/// `Basic`, of what stands before the `@` (RFC 7617).
fn authorization(user: &str) -> Result<HeaderValue, ProxyError> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let (name, password) = (decoded(name)?, decoded(password)?);
    let encoded = to_base64(&[&name[..], b":", &password[..]].concat());
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| ProxyError::Url)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Without percent encoding.
fn decoded(text: &str) -> Result<Vec<u8>, ProxyError> {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        decoded.push(match byte {
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(ProxyError::Url),
            },
            byte => byte,
        });
    }
    Ok(decoded)
}

impl TryFrom<String> for Proxy {
    type Error = ProxyError;

    fn try_from(text: String) -> Result<Proxy, ProxyError> {
        Proxy::url(&text)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_secure { "https://" } else { "http://" })?;
        host_port::write(f, &self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_proxy_and_hides_its_password() -> Result<(), ProxyError> {
        for (text, shown) in [
            ("http://proxy", "http://proxy:80"),
            ("https://proxy/", "https://proxy:443"),
            ("HTTP://[::1]:3128", "http://[::1]:3128"),
            ("http://us%40r:p%3Ass@proxy:3128/", "http://proxy:3128"),
        ] {
            let proxy = Proxy::url(text)?;
            assert_eq!((format!("{proxy}"), format!("{proxy:?}")), (shown.to_owned(), shown.to_owned()), "{text}");
        }
        let proxy = Proxy::url("http://us%40r:p%3Ass@proxy:3128")?;
        let value = proxy.authorization.as_ref().map(HeaderValue::as_bytes);
        assert_eq!(value, Some(format!("Basic {}", to_base64(b"us@r:p:ss")).as_bytes()));
        assert_eq!(Proxy::url("http://proxy")?.authorization, None);
        Ok(())
    }

    #[test]
    fn errors_say_what_to_write_and_no_password() {
        for (text, words) in [
            ("proxy:3128", "not the URL of a proxy"),
            ("http://", "not the URL of a proxy"),
            ("http://user:secret@proxy:port", "not the URL of a proxy"),
            ("http://user:se%ret@proxy", "not the URL of a proxy"),
            ("socks5://user:secret@proxy", "scheme `socks5` are not supported"),
        ] {
            let error = Proxy::url(text).map_err(|error| error.to_string()).err().unwrap_or_default();
            assert!(error.contains(words) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
