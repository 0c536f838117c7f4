//! What a request's headers decide before its body is read: whether it may come in, and what of them goes along with it.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName};

use super::metrics::IntakeMetrics;
use super::rejection::Rejection;
use crate::contract::{Authentication, Authenticators, Metadata, NoAuthenticator, ServerAuthenticator};
use crate::net::NetworkError;
use crate::net::tls::TlsError;

/// Headers that are kept of one request.
const METADATA_ENTRIES_MAX: usize = 64;

/// Bytes of their names and values.
const METADATA_BYTES_MAX: usize = 16 << 10;

/// A port that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Of certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Of `endpoint` and `transport`.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Of `auth`.
    #[error(transparent)]
    Auth(#[from] NoAuthenticator),
}

/// One port's rules.
pub(super) struct Admission {
    authenticator: Option<Arc<dyn ServerAuthenticator>>,
    include_metadata: bool,
    /// Headers in which somebody's secret is.
    secret: Vec<HeaderName>,
}

impl Admission {
    pub(super) fn new(
        auth: Option<&Authentication>,
        include_metadata: bool,
        authenticators: &Authenticators,
    ) -> Result<Admission, NoAuthenticator> {
        let authenticator = authenticators.server(auth.map(|auth| &auth.authenticator))?;
        Ok(Admission { authenticator, include_metadata, secret: authenticators.secret_headers() })
    }

    /// Lets a request in or turns it away.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let Some(authenticator) = &self.authenticator else { return Ok(()) };
        authenticator.authenticate(headers).map_err(|reason| {
            let challenge = authenticator.challenge().to_owned();
            Rejection::Unauthenticated { reason, challenge }
        })
    }

    /// What goes along with a request: nothing unless the configuration says so.
    pub(super) fn metadata(&self, headers: &HeaderMap, counters: &IntakeMetrics) -> Metadata {
        if !self.include_metadata {
            return Metadata::default();
        }
        let (kept, dropped) = kept(headers, &self.secret);
        counters.dropped_metadata.add(dropped);
        Metadata::new(kept)
    }
}

/// The headers that are kept, and how many were not for being too many. Those that are not text cannot be.
fn kept(headers: &HeaderMap, secret: &[HeaderName]) -> (Vec<(String, String)>, u64) {
    let (mut kept, mut bytes, mut dropped) = (Vec::new(), 0, 0);
    for (name, value) in headers {
        let is_secret = secret.contains(name);
        let name = name.as_str();
        if is_secret || Metadata::is_never_kept(name) {
            continue;
        }
        let text = std::str::from_utf8(value.as_bytes()).ok();
        let size = name.len() + value.len();
        match text.filter(|_| kept.len() < METADATA_ENTRIES_MAX && bytes + size <= METADATA_BYTES_MAX) {
            Some(text) => {
                bytes += size;
                kept.push((name.to_owned(), text.to_owned()));
            }
            None => dropped += 1,
        }
    }
    (kept, dropped)
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    /// A token that is sent to a port without authentication is one all the same.
    #[test]
    fn a_header_in_which_any_authenticator_looks_for_a_secret_is_not_kept() -> Result<(), Box<dyn std::error::Error>> {
        struct Keys(HeaderName);
        impl ServerAuthenticator for Keys {
            fn authenticate(&self, _: &HeaderMap) -> Result<(), String> {
                Ok(())
            }
            fn challenge(&self) -> &str {
                "Bearer"
            }
            fn header(&self) -> &HeaderName {
                &self.0
            }
        }
        let mut authenticators = Authenticators::default();
        authenticators.add_server("keys".parse()?, Arc::new(Keys(HeaderName::from_static("x-api-key"))));
        let text = [("x-api-key", "topsecret"), ("x-tenant", "shop")];
        let headers = HeaderMap::from_iter(
            text.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
        );
        for auth in [None, Some(Authentication { authenticator: "keys".parse()? })] {
            let admission = Admission::new(auth.as_ref(), true, &authenticators)?;
            assert_eq!(kept(&headers, &admission.secret), (vec![("x-tenant".to_owned(), "shop".to_owned())], 0));
        }
        Ok(())
    }

    #[test]
    fn metadata_is_what_the_sender_added_within_bounds() -> Result<(), ::http::Error> {
        let mut headers = HeaderMap::new();
        for name in ["content-type", "te", "user-agent", "grpc-timeout", "authorization", "host"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        headers.append("x-tenant", HeaderValue::from_static("shop"));
        headers.append("x-tenant", HeaderValue::from_static("bakery"));
        let pair = |value: &str| ("x-tenant".to_owned(), value.to_owned());
        assert_eq!(kept(&headers, &[]), (vec![pair("shop"), pair("bakery")], 0));
        headers.insert("x-not-text", HeaderValue::from_bytes(b"\xff")?);
        headers.insert("x-huge", HeaderValue::try_from("x".repeat(METADATA_BYTES_MAX))?);
        assert_eq!(kept(&headers, &[]), (vec![pair("shop"), pair("bakery")], 2));
        for number in 0..METADATA_ENTRIES_MAX {
            headers.insert(HeaderName::try_from(format!("x-{number}"))?, HeaderValue::from_static("x"));
        }
        let (entries, dropped) = kept(&headers, &[]);
        assert_eq!((entries.len(), dropped), (METADATA_ENTRIES_MAX, 4));
        Ok(())
    }
}
