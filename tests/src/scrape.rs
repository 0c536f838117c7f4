//! Scraping: the one way in which a test gets to see an exposition. Each answer is read strictly (`otelier_exposition`), whatever the
//! test then looks at.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use otelier_exposition::{Exposition, Format, parse_lax, read};

use crate::http::{self, Response};
use crate::wait;

/// What a scraper sends that wants OpenMetrics.
const OPEN_METRICS: (&str, &str) = ("accept", "application/openmetrics-text; version=1.0.0");

/// One answer.
pub struct Page {
    /// As it came.
    pub text: String,
    /// What it says.
    pub exposition: Exposition,
}

/// Scrapes `/metrics` once.
pub fn page(address: SocketAddr, format: Format) -> Result<Page> {
    from(answer(address, format)?, format)
}

/// Scrapes until the text is the expected one, and reads that: for what is too large to be read at every look.
pub fn until(what: &str, address: SocketAddr, format: Format, expected: impl Fn(&str) -> bool) -> Result<Page> {
    let answer = wait::until(what, || {
        let answer = answer(address, format)?;
        Ok(expected(&answer.text()).then_some(answer))
    })?;
    from(answer, format)
}

/// Scrapes another exporter once, whose mistakes are not ours.
pub fn foreign(address: SocketAddr, format: Format) -> Result<Exposition> {
    parse_lax(format, &answer(address, format)?.body)
}

fn answer(address: SocketAddr, format: Format) -> Result<Response> {
    let headers: &[_] = match format {
        Format::Text => &[],
        Format::OpenMetrics => &[OPEN_METRICS],
    };
    let answer = http::get(address, "/metrics", headers)?;
    ensure!(answer.status == 200, "status {}: {}", answer.status, answer.text());
    Ok(answer)
}

fn from(answer: Response, format: Format) -> Result<Page> {
    let content_type = answer.header("content-type").context("no content type")?;
    // Others say more in it: how they escaped names.
    ensure!(content_type.starts_with(format.content_type()), "asked for {format:?}, got {content_type}");
    let exposition = read(format, &answer.body)?;
    Ok(Page { text: answer.text(), exposition })
}
