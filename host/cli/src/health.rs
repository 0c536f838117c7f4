//! `otelier health`: asks the health endpoint, for supervisors that can run a program and nothing else. An image without a shell and without
//! curl checks itself with it.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::output::print_text;

/// The variable that the quick start's configuration, and that of the packages, read the same address from.
const VARIABLE: &str = "OTELIER_HEALTH_ENDPOINT";
/// Where `health_check` listens by itself.
const USUAL: &str = "127.0.0.1:13133";
/// Whether requests are taken.
const READY: &str = "/readyz";
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Whom to ask, and for how long.
#[derive(Debug, clap::Args)]
pub struct Health {
    /// The address of its `health_check`, such as `127.0.0.1:13133`, with a path where another one than `/readyz` is asked:
    /// `http://127.0.0.1:13133/livez`. Without it, the variable `OTELIER_HEALTH_ENDPOINT`, and without that `127.0.0.1:13133`.
    #[arg(long, value_name = "ADDRESS")]
    endpoint: Option<String>,
    /// How long the answer may take in all, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Prints what it answers; anything but 200 in time is an error.
pub fn run(Health { endpoint, timeout }: &Health) -> Result<()> {
    let of_process = || env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    let endpoint = endpoint.clone().or_else(of_process).unwrap_or_else(|| USUAL.to_owned());
    let (address, path) = address_and_path(&endpoint)?;
    let deadline = Instant::now() + Duration::from_secs(*timeout);
    let answer = ask(address, path, deadline).with_context(|| format!("no answer from http://{address}{path}"))?;
    let (status, body) = status_and_body(&answer).with_context(|| format!("http://{address}{path} is no HTTP"))?;
    match status {
        200 => print_text(&format!("{}\n", body.trim())),
        _ => bail!("http://{address}{path} answers {status}: {}", body.trim()),
    }
}

/// What to connect to, and what to ask there.
fn address_and_path(endpoint: &str) -> Result<(&str, &str)> {
    ensure!(!endpoint.starts_with("https://"), "health_check has no TLS: write http://ADDRESS, or the address alone");
    let rest = endpoint.strip_prefix("http://").unwrap_or(endpoint);
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, READY),
    };
    let path = if path == "/" { READY } else { path };
    let is_line = |text: &str| !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    ensure!(is_line(rest), "`{endpoint}` is no address: write HOST:PORT");
    Ok((address, path))
}

fn ask(address: &str, path: &str, deadline: Instant) -> Result<String> {
    // `:13133` listens everywhere, so here too.
    let target = if address.starts_with(':') { format!("localhost{address}") } else { address.to_owned() };
    let mut stream = connect(&target, deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {target}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let read = stream.read(&mut buffer)?;
        answer.extend(buffer.iter().take(read));
        if read == 0 || answer.len() > ANSWER_BYTES_MAX {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// To the first address of the name that takes the connection.
fn connect(target: &str, deadline: Instant) -> Result<TcpStream> {
    let mut last = anyhow!("the name has no address");
    for address in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    ensure!(!left.is_zero(), "it took too long");
    Ok(left)
}

fn status_and_body(answer: &str) -> Result<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).context("no status line")?;
    Ok((status.parse()?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_with_or_without_a_path() -> Result<()> {
        assert_eq!(address_and_path("127.0.0.1:13133")?, ("127.0.0.1:13133", "/readyz"));
        assert_eq!(address_and_path("http://[::1]:1/")?, ("[::1]:1", "/readyz"));
        assert_eq!(address_and_path("http://host:1/livez")?, ("host:1", "/livez"));
        assert!(address_and_path("https://host:1").is_err());
        assert!(address_and_path("host:1/a b\r\n").is_err());
        Ok(())
    }
}
