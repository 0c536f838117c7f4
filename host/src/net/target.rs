//! Where a client connects to: the text forms of an `endpoint`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::Uri;

use super::address::Address;
use super::host_port;

/// A host and a port, and what its text said beside that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the scheme asked for TLS; `None` without such a scheme.
    pub secure: Option<bool>,
    /// A name or an address, without brackets.
    pub host: String,
    /// Where a server listens.
    pub port: u16,
    /// Of a URL: `/` at least. Empty for gRPC.
    pub path: String,
    /// A unix socket, in place of the host and the port.
    pub socket: Option<PathBuf>,
}

/// A text that is no place to send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A scheme that nobody here speaks.
    #[error(
        "scheme `{scheme}` is not supported: write `host:port`, `http://host:port`, `https://host:port`, `dns:///host:port` or `unix:///path`"
    )]
    Scheme {
        /// What it was.
        scheme: String,
    },
    /// No host and port.
    #[error("not an endpoint: write `host:port`, such as collector:4317 or [::1]:4317")]
    HostPort,
    /// No path behind `unix:`.
    #[error("not a unix socket: write `unix:///path/of/the/socket`")]
    Socket,
    /// No URL.
    #[error("not a base URL: write `http://host:port` or `https://host:port/path`")]
    Url,
    /// A URL with a part that a request cannot take over.
    #[error("a base URL has no user, query or fragment: write `http://host:port` or `https://host:port/path`")]
    UrlParts,
}

impl Target {
    /// What gRPC names: `host:port`, behind `http://`, `https://`, `dns:///` or nothing; or `unix:///path`, also with the slashes left out.
    pub fn grpc(text: &str) -> Result<Target, TargetError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Target::unix(path.strip_prefix("//").unwrap_or(path));
        }
        let (secure, rest) = match text.split_once("://") {
            None => (None, text.strip_prefix("dns:").unwrap_or(text)),
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            // The part between the slashes would be a name server of its own.
            Some(("dns" | "passthrough", rest)) if rest.starts_with('/') => (None, rest.trim_start_matches('/')),
            Some((scheme, _)) => return Err(TargetError::Scheme { scheme: scheme.to_owned() }),
        };
        let rest = if secure.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
        let (host, port) = host_port::split(rest).ok_or(TargetError::HostPort)?;
        let host = fit(host).ok_or(TargetError::HostPort)?;
        let port = port.parse().map_err(|_| TargetError::HostPort)?;
        Ok(Target { secure, host, port, path: String::new(), socket: None })
    }

    /// A unix socket. It has no name of its own for requests and certificates; gRPC's is `localhost`.
    fn unix(path: &str) -> Result<Target, TargetError> {
        match path.is_empty() || path.ends_with('/') {
            true => Err(TargetError::Socket),
            false => {
                let (host, socket) = ("localhost".to_owned(), Some(PathBuf::from(path)));
                Ok(Target { secure: None, host, port: 0, path: String::new(), socket })
            }
        }
    }

    /// What HTTP names: a URL, whose path stands in front of OTLP's.
    pub fn url(text: &str) -> Result<Target, TargetError> {
        let uri: Uri = text.parse().map_err(|_| TargetError::Url)?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(scheme) => return Err(TargetError::Scheme { scheme: scheme.to_owned() }),
            None => return Err(TargetError::Url),
        };
        let authority = uri.authority().ok_or(TargetError::Url)?;
        if uri.query().is_some() || text.contains('#') || authority.as_str().contains('@') {
            return Err(TargetError::UrlParts);
        }
        let usual = if secure { 443 } else { 80 };
        let (host, port) = host_port::split_or(authority.as_str(), usual).ok_or(TargetError::Url)?;
        let host = fit(host).ok_or(TargetError::Url)?;
        Ok(Target { secure: Some(secure), host, port, path: uri.path().to_owned(), socket: None })
    }

    /// The address, where the host is one already.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, as an `:authority` or a `Host` header has it; `localhost` for a unix socket, as in gRPC.
    pub fn authority(&self) -> String {
        if self.socket.is_some() { self.host.clone() } else { self.to_string() }
    }

    /// The address, where no name server needs to be asked.
    pub(super) fn address(&self) -> Option<Address> {
        match &self.socket {
            Some(path) => Some(Address::Unix(path.clone())),
            None => self.ip().map(|ip| SocketAddr::new(ip, self.port).into()),
        }
    }
}

/// A host that a request can name.
pub(super) fn fit(host: &str) -> Option<String> {
    let is_fit = |c: char| c.is_ascii_graphic() && !"/@?#[]".contains(c);
    (!host.is_empty() && host.chars().all(is_fit)).then(|| host.to_owned())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{}", path.display()),
            None => host_port::write(f, &self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, TargetError};

    fn target(secure: Option<bool>, host: &str, port: u16, path: &str) -> Target {
        Target { secure, host: host.into(), port, path: path.into(), socket: None }
    }

    #[test]
    fn grpc_names_a_host_and_a_port() {
        for (text, expected) in [
            ("collector:4317", target(None, "collector", 4317, "")),
            ("http://collector:4317", target(Some(false), "collector", 4317, "")),
            ("https://[::1]:4317/", target(Some(true), "::1", 4317, "")),
            ("dns:///collector:4317", target(None, "collector", 4317, "")),
            ("dns:collector:4317", target(None, "collector", 4317, "")),
        ] {
            assert_eq!(Target::grpc(text), Ok(expected), "{text}");
        }
        for text in ["", "collector", "collector:", "collector:70000", ":4317", "::1:4317", "http://a:1/path", "a b:1"]
        {
            assert_eq!(Target::grpc(text), Err(TargetError::HostPort), "{text}");
        }
        assert_eq!(Target::grpc("xds:///a:1"), Err(TargetError::Scheme { scheme: "xds".into() }));
    }

    #[test]
    fn grpc_names_a_unix_socket() -> Result<(), TargetError> {
        for (text, path) in [("unix:///run/x", "/run/x"), ("unix:/run/x", "/run/x"), ("unix:run/x", "run/x")] {
            let target = Target::grpc(text)?;
            assert_eq!((target.to_string(), target.authority()), (path.to_owned(), "localhost".to_owned()), "{text}");
        }
        for text in ["unix:", "unix:///", "unix:///run/"] {
            assert_eq!(Target::grpc(text), Err(TargetError::Socket), "{text}");
        }
        Ok(())
    }

    #[test]
    fn http_names_a_url() {
        for (text, expected) in [
            ("http://collector", target(Some(false), "collector", 80, "/")),
            ("https://collector/", target(Some(true), "collector", 443, "/")),
            ("http://[::1]:4318/otlp/", target(Some(false), "::1", 4318, "/otlp/")),
        ] {
            assert_eq!(Target::url(text), Ok(expected), "{text}");
        }
        for text in ["collector:4318", "/v1", "", "http://", "http://a:b", "http://a:"] {
            assert!(Target::url(text).is_err(), "{text}");
        }
        for text in ["http://a/?x=1", "http://user:secret@a/", "http://a/#b"] {
            assert_eq!(Target::url(text), Err(TargetError::UrlParts), "{text}");
        }
    }
}
