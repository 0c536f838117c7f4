//! What a scrape shows, read strictly: the one way in which tests look at an exposition.
//!
//! An OpenMetrics answer has to keep every rule of OpenMetrics 1.0, grammar and prose, that one answer can break. A text answer is
//! read by the two readers that Prometheus has for it, the server's and the libraries'; the server's reads OpenMetrics as well.

mod exposition;
mod line;
mod number;
mod prometheus;
mod reader;

pub use exposition::{Exemplar, Exposition, Family, Format, Kind, Labels, Sample};

use anyhow::{Result, anyhow};

/// Reads one answer. An error says which reader refused it, the line and the rule.
pub fn read(format: Format, page: &[u8]) -> Result<Exposition> {
    let exposition = parse(format, page)?;
    prometheus::accepts(format, page).map_err(|error| with_page(&error, format, page))?;
    Ok(exposition)
}

/// The same without Prometheus' readers: for what no exporter wrote.
pub fn parse(format: Format, page: &[u8]) -> Result<Exposition> {
    reader::read(format, page, true).map_err(|error| with_page(&error, format, page))
}

/// What another exporter wrote, as far as the grammar goes: it may break the rules of OpenMetrics' prose.
pub fn parse_lax(format: Format, page: &[u8]) -> Result<Exposition> {
    reader::read(format, page, false).map_err(|error| with_page(&error, format, page))
}

/// The reason first: a page is long. As much of it as an error can show.
fn with_page(error: &anyhow::Error, format: Format, page: &[u8]) -> anyhow::Error {
    const SHOWN_BYTES_MAX: usize = 20_000;
    let (shown, dots) = page.get(..SHOWN_BYTES_MAX).map_or((page, ""), |start| (start, "…"));
    anyhow!("{error:#}\nin this answer in {}:\n{}{dots}", format.word(), String::from_utf8_lossy(shown))
}
