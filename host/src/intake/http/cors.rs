//! Cross-origin requests (the Fetch standard, "HTTP extensions"): what browsers ask before a page of another site may send.

use std::time::Duration;

use ::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use ::http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// `cors: …`, with the Collector's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Sites whose pages may send: `https://shop.example`, `https://*.example` or `*`, in any case. Without one, no page of another site may.
    pub allowed_origins: Vec<String>,
    /// Headers that they may send beside `Accept`, `Content-Type` and `X-Requested-With`; `*` is any.
    #[serde(deserialize_with = "names")]
    #[schemars(with = "Vec<String>", extend("x-collector" = "same; there the usual three are allowed only where nothing is said"))]
    pub allowed_headers: Vec<String>,
    /// Headers of answers that they may read beside the usual ones.
    #[serde(deserialize_with = "names")]
    #[schemars(with = "Vec<String>")]
    pub exposed_headers: Vec<String>,
    /// How long a browser may go by an answer, in seconds; 0 leaves that to the browser.
    pub max_age: u32,
}

/// Texts that can be names of headers.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| name.parse::<HeaderName>().is_err()) {
        Some(name) => Err(serde::de::Error::custom(format!("{name:?} is not the name of a header"))),
        None => Ok(names),
    }
}

const ANY: &str = "*";

impl Cors {
    /// What answers for it; `None` where no origin is allowed.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        if self.allowed_origins.is_empty() {
            return None;
        }
        let is_any = self.allowed_origins.iter().any(|origin| origin == ANY);
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST, Method::HEAD])
            .allow_headers(self.headers())
            .expose_headers(parsed(&self.exposed_headers).collect::<Vec<_>>());
        let layer = match self.max_age {
            0 => layer,
            seconds => layer.max_age(Duration::from_secs(seconds.into())),
        };
        // A browser takes no wildcard beside credentials.
        Some(match is_any {
            true => layer.allow_origin(AllowOrigin::any()),
            false => layer.allow_origin(self.origins()).allow_credentials(true),
        })
    }

    fn origins(&self) -> AllowOrigin {
        let patterns: Vec<Pattern> = self.allowed_origins.iter().map(|origin| Pattern::of(origin)).collect();
        AllowOrigin::predicate(move |origin: &HeaderValue, _| {
            let origin = origin.as_bytes().to_ascii_lowercase();
            patterns.iter().any(|pattern| pattern.is_met_by(&origin))
        })
    }

    fn headers(&self) -> AllowHeaders {
        if self.allowed_headers.iter().any(|name| name == ANY) {
            return AllowHeaders::mirror_request();
        }
        let usual = [ACCEPT, CONTENT_TYPE, HeaderName::from_static("x-requested-with")];
        AllowHeaders::list(usual.into_iter().chain(parsed(&self.allowed_headers)))
    }
}

fn parsed(names: &[String]) -> impl Iterator<Item = HeaderName> {
    names.iter().filter_map(|name| name.parse().ok())
}

/// An origin, or what stands before and behind a `*`, in lower case.
enum Pattern {
    Exact(String),
    Between(String, String),
}

impl Pattern {
    fn of(origin: &str) -> Pattern {
        let origin = origin.to_ascii_lowercase();
        match origin.split_once('*') {
            Some((before, behind)) => Pattern::Between(before.to_owned(), behind.to_owned()),
            None => Pattern::Exact(origin),
        }
    }

    fn is_met_by(&self, origin: &[u8]) -> bool {
        match self {
            Pattern::Exact(exact) => exact.as_bytes() == origin,
            Pattern::Between(before, behind) => {
                origin.strip_prefix(before.as_bytes()).is_some_and(|rest| rest.ends_with(behind.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn an_origin_matches_as_it_is_or_around_one_wildcard() {
        for (pattern, origin, is_met) in [
            ("https://shop.example", "https://shop.example", true),
            ("https://Shop.example", "https://shop.example", true),
            ("https://shop.example", "https://shop.example.evil", false),
            ("https://*.example", "https://shop.example", true),
            ("https://*.example", "https://example", false),
            ("https://*.example", "http://shop.example", false),
            ("http://localhost:*", "http://localhost:3000", true),
            // What stands before and what stands behind cannot be the same bytes.
            ("https://a*a", "https://a", false),
        ] {
            assert_eq!(Pattern::of(pattern).is_met_by(origin.as_bytes()), is_met, "{pattern} {origin}");
        }
    }
}
