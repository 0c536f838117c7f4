//! The `Host` of a request (RFC 9112, section 3.2).

use std::net::Ipv6Addr;

use ::http::header::HOST;
use ::http::{HeaderMap, Version};

use super::super::rejection::Rejection;

/// One `Host` in HTTP/1.1, and a good one (RFC 9112, section 3.2). HTTP/1.0 needs none, HTTP/2 has its own.
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Rejection> {
    if version > Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => Err(Rejection::Host("no Host header")),
        (_, Some(_)) => Err(Rejection::Host("more than one Host header")),
        (Some(host), None) if !is_host(host.as_bytes()) => Err(Rejection::Host("the Host header is malformed")),
        _ => Ok(()),
    }
}

/// `host[:port]` as RFC 3986 has it, or nothing, for a target without an authority.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            (address.parse::<Ipv6Addr>().is_ok(), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)), port)
        }
    };
    host && (port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in
            ["", "h", "collector.example:4318", "127.0.0.1:4318", "[::1]:4318", "[::1]", "h:", "a_b", "caf%C3%A9"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["a b", "h:port", "h:1:2", "user@h", "h/path", "[::1", "[h]:1", "::1", "[::1]4318", "http://h", "\"h\""]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
