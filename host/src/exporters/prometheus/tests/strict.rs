//! Reads an answer as all tests of expositions do: nothing that its format forbids is accepted, and Prometheus' own readers have to accept
//! it as well.

pub use otelier_exposition::Sample;

use super::Format;

/// The samples of an answer, in order; or what is wrong with it.
pub fn read(format: Format, text: &str) -> Result<Vec<Sample>, String> {
    let format = match format {
        Format::Text => otelier_exposition::Format::Text,
        Format::OpenMetrics => otelier_exposition::Format::OpenMetrics,
    };
    match otelier_exposition::read(format, text.as_bytes()) {
        Ok(exposition) => Ok(exposition.samples),
        Err(error) => Err(format!("{error:#}")),
    }
}
