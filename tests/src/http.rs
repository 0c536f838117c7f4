//! A small HTTP/1.1 client: one request a connection, on a bare socket, so that a test can send what a library would
//! refuse to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::wait::DEADLINE;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields: the name in lower case, and its value.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends GET.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
    request(address, "GET", path, headers, b"")
}

/// Sends POST.
pub fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    request(address, "POST", path, headers, body)
}

/// Sends OTLP in protobuf, and closes the connection when there is no answer within this time.
pub fn export_within(limit: Duration, address: SocketAddr, path: &str, body: &[u8]) -> Result<Response> {
    post_within(limit, address, path, &[("content-type", "application/x-protobuf")], body)
}

/// Sends POST, and closes the connection when there is no answer within this time.
pub fn post_within(
    limit: Duration,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let head = head(address, "POST", path, headers, body.len());
    raw_within(limit, address, head.as_bytes(), body)
}

/// Sends any request with a content length, and reads the whole answer.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let head = head(address, method, path, headers, body.len());
    raw(address, head.as_bytes(), body).with_context(|| format!("{method} http://{address}{path}"))
}

fn head(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    head.push_str(&format!("content-length: {length}\r\n"));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

/// Sends these bytes as they are, and reads one answer.
pub fn raw(address: SocketAddr, head: &[u8], body: &[u8]) -> Result<Response> {
    raw_within(DEADLINE, address, head, body)
}

fn raw_within(limit: Duration, address: SocketAddr, head: &[u8], body: &[u8]) -> Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.write_all(head)?;
    // The server may answer, and close, before it has read everything.
    let sent = stream.write_all(body);
    let mut answer = Vec::new();
    // A reset is an end as well: what came before it counts.
    let received = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        sent?;
        received?;
    }
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no complete head in the answer")?;
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().into()));
    let headers: Vec<(String, String)> = lines.filter_map(field).collect();
    let mut response = Response { status, headers, body: body.to_vec() };
    if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        response.body = unchunked(body)?;
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse()?;
        ensure!(body.len() == length, "{} bytes of a body of {length}", body.len());
    }
    Ok(response)
}

fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|window| window == b"\r\n").context("a chunk without a length")?;
        let (line, after) = rest.split_at(line_end);
        let length = usize::from_str_radix(std::str::from_utf8(line)?.trim(), 16)?;
        let after = after.get(2..).unwrap_or_default();
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(after.get(..length).context("a chunk that is cut")?);
        rest = after.get(length + 2..).context("a chunk without an end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_is_put_together() -> Result<()> {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let response = parse(answer)?;
        assert_eq!((response.status, response.text().as_str()), (200, "abcde"));
        Ok(())
    }
}
