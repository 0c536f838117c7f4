//! `compression_algorithms`: which encodings of requests are understood.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::net::Encoding;

/// Names of encodings; an empty one is that of a body that is not compressed. Without any of them, that is all there is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>")]
#[schemars(with = "Vec<String>")]
pub struct Algorithms(Vec<Encoding>);

/// A name that means none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not understood here: name `gzip`, `zstd`, `zlib`, `deflate`, `snappy`, `x-snappy-framed`, or write \"\" for no compression"
)]
pub struct AlgorithmError(String);

impl Algorithms {
    /// Whether requests may come that way.
    pub(super) fn has(&self, encoding: Encoding) -> bool {
        self.0.contains(&encoding) || self.0.is_empty() && encoding == Encoding::Identity
    }
}

impl TryFrom<Vec<String>> for Algorithms {
    type Error = AlgorithmError;

    fn try_from(names: Vec<String>) -> Result<Algorithms, AlgorithmError> {
        let read = |name: String| match name.as_str() {
            "" => Ok(Encoding::Identity),
            known => Encoding::named(known.as_bytes()).ok_or(AlgorithmError(name)),
        };
        names.into_iter().map(read).collect::<Result<_, _>>().map(Algorithms)
    }
}
