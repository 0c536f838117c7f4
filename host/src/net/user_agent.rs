//! `user_agent`: what a client calls itself.

use http::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

/// A text that a header can carry; none without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct UserAgent(Option<HeaderValue>);

/// A text that it cannot.
#[derive(Debug, thiserror::Error)]
#[error("it has characters that a header cannot carry")]
pub struct UserAgentError;

impl UserAgent {
    /// The header, or our own name.
    pub fn header(&self) -> HeaderValue {
        let own = || HeaderValue::from_static(concat!("otelier/", env!("CARGO_PKG_VERSION")));
        self.0.clone().unwrap_or_else(own)
    }
}

impl TryFrom<String> for UserAgent {
    type Error = UserAgentError;

    fn try_from(text: String) -> Result<UserAgent, UserAgentError> {
        match text.as_str() {
            "" => Ok(UserAgent(None)),
            text => HeaderValue::from_str(text).map(|header| UserAgent(Some(header))).map_err(|_| UserAgentError),
        }
    }
}
