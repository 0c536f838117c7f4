//! Redirects, as Go's client follows them: 307 and 308 with the same method and body, ten at most. After 301, 302 and 303 Go's client asks with
//! GET and without the body, so that nothing could arrive: there the answer is a failure that names the location.

use ::http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE,
};
use ::http::{StatusCode, Uri};

use crate::net::{Answer, Target, bounded};

/// So many are followed for one request.
pub(super) const REDIRECTS_MAX: usize = 10;

/// Where an answer sends the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) target: Target,
    pub(super) uri: Uri,
}

/// A location that cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("HTTP status {status}: it redirects to `{location}`, which is no URL that can be followed")]
pub(super) struct LocationError {
    status: StatusCode,
    location: String,
}

/// Where to send a request again that `uri` answered; `None` where the answer stands.
pub(super) fn followed(answer: &Answer, uri: &Uri) -> Result<Option<Redirect>, LocationError> {
    if !matches!(answer.status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return Ok(None);
    }
    let Some(location) = answer.headers.get(LOCATION) else { return Ok(None) };
    let redirect = location.to_str().ok().and_then(|location| resolved(location, uri));
    let error = || LocationError { status: answer.status, location: shown(answer).unwrap_or_default() };
    redirect.map(Some).ok_or_else(error)
}

/// The location that an answer names, in one line, without a user or a query: both may be secrets.
pub(super) fn shown(answer: &Answer) -> Option<String> {
    let location = String::from_utf8_lossy(answer.headers.get(LOCATION)?.as_bytes()).into_owned();
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let shown = match location.split_once("//") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
            format!("{scheme}//{server}{path}")
        }
        None => location.to_owned(),
    };
    Some(bounded(&shown))
}

/// Leaves out what only the first host may see, where the request goes to another one, or goes on without TLS.
pub(super) fn stays_with(first: &Uri, next: &Uri) -> bool {
    let (Some(first_host), Some(next_host)) = (first.host(), next.host()) else { return false };
    let (first_host, next_host) = (first_host.to_ascii_lowercase(), next_host.to_ascii_lowercase());
    let is_below = next_host.strip_suffix(&first_host).is_some_and(|before| before.ends_with('.'));
    let loses_tls = first.scheme_str() == Some("https") && next.scheme_str() != Some("https");
    (first_host == next_host || is_below) && !loses_tls
}

/// Takes headers out that say who sends.
pub(super) fn forget_sender(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, PROXY_AUTHENTICATE, WWW_AUTHENTICATE] {
        headers.remove(name);
    }
    headers.remove("cookie2");
}

/// A reference beside its base (RFC 3986, section 5.2), without its fragment.
fn resolved(location: &str, base: &Uri) -> Option<Redirect> {
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let begin = location.split(['/', '?']).next().unwrap_or_default();
    let whole = if begin.ends_with(':') && location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else {
        format!("{scheme}://{authority}{}", path_beside(location, base.path()))
    };
    let uri: Uri = whole.parse().ok()?;
    let host = format!("{}://{}", uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
    let mut target = Target::url(&host).ok()?;
    target.path = String::new();
    Some(Redirect { target, uri })
}

/// The path and the query that a relative reference means beside a path.
fn path_beside(location: &str, base: &str) -> String {
    let (path, query) = location.split_at(location.find('?').unwrap_or(location.len()));
    let path = match path {
        "" => return format!("{base}{query}"),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", base.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        match (part, parts.peek().is_none()) {
            (".", true) => segments.push(""),
            (".", false) => {}
            ("..", is_last) => {
                segments.pop();
                if is_last {
                    segments.push("");
                }
            }
            (part, _) => segments.push(part),
        }
    }
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderValue, header::HeaderName};
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, location: &str) -> Answer {
        let headers = HeaderValue::from_str(location).map(|value| HeaderMap::from_iter([(LOCATION, value)]));
        Answer {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: headers.unwrap_or_default(),
            body: Bytes::new(),
            trailers: HeaderMap::new(),
            is_cut: false,
        }
    }

    #[test]
    fn a_location_is_a_reference_beside_the_request() {
        let base = Uri::from_static("http://a.example:4318/otlp/v1/logs");
        let next = |location: &str| {
            followed(&answer(307, location), &base).map(|redirect| redirect.map(|redirect| redirect.uri.to_string()))
        };
        for (location, expected) in [
            ("https://b.example/in?x=1#top", "https://b.example/in?x=1"),
            ("//b.example/in", "http://b.example/in"),
            ("/in/logs", "http://a.example:4318/in/logs"),
            ("traces", "http://a.example:4318/otlp/v1/traces"),
            ("../v2/./logs", "http://a.example:4318/otlp/v2/logs"),
            ("../../../..", "http://a.example:4318/"),
            ("?x=1", "http://a.example:4318/otlp/v1/logs?x=1"),
        ] {
            assert_eq!(next(location), Ok(Some(expected.to_owned())), "{location}");
        }
        for location in ["ftp://b.example/", "http://user:secret@b.example/", "http://", "http://a b/"] {
            let error = next(location).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("it redirects to") && !error.contains("secret"), "{location}: {error}");
        }
        for status in [301, 302, 303, 304, 200] {
            assert_eq!(followed(&answer(status, "/in"), &base), Ok(None), "{status}");
        }
    }

    #[test]
    fn only_the_same_host_sees_who_sends() {
        let first = Uri::from_static("https://shop.example/v1/logs");
        for (next, stays) in [
            ("https://shop.example:8443/x", true),
            ("https://eu.Shop.example/", true),
            ("https://workshop.example/", false),
            ("https://example/", false),
            ("http://shop.example/", false),
        ] {
            assert_eq!(stays_with(&first, &Uri::from_static(next)), stays, "{next}");
        }
        let tenant = HeaderName::from_static("x-tenant");
        let value = HeaderValue::from_static("v");
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, value.clone()), (tenant.clone(), value)]);
        forget_sender(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), [&tenant]);
    }
}
