//! `host:port` as a text, for servers and clients alike.

use std::fmt;

/// A host and a port, taken apart at the last colon; an address of IPv6 stands in brackets, which are taken off. The port is whatever
/// stands there. `None` where a colon or a bracket is missing or too many.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((unbracketed(host)?, port))
}

/// The same of a URL's authority, where a port may be left out.
pub(super) fn split_or(text: &str, usual: u16) -> Option<(&str, u16)> {
    match split(text) {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((unbracketed(text)?, usual)),
    }
}

/// A host without its brackets; `None` where they are missing or one is alone.
pub(super) fn unbracketed(host: &str) -> Option<&str> {
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| !inner.is_empty()),
        None => (!host.contains(':')).then_some(host),
    }
}

/// Writes both as one text.
pub(super) fn write(f: &mut fmt::Formatter<'_>, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::{split, split_or};

    #[test]
    fn a_host_and_a_port_are_taken_apart() {
        for (text, expected) in [
            ("collector:4317", Some(("collector", "4317"))),
            (":4317", Some(("", "4317"))),
            ("[::1]:4317", Some(("::1", "4317"))),
            ("collector:", Some(("collector", ""))),
            ("::1:4317", None),
            ("[::1:4317", None),
            ("[]:4317", None),
            ("collector", None),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
        for (text, expected) in [
            ("collector", Some(("collector", 80))),
            ("[::1]", Some(("::1", 80))),
            ("[::1]:8080", Some(("::1", 8080))),
            ("collector:", None),
            ("collector:port", None),
            ("collector:65536", None),
            ("::1", None),
        ] {
            assert_eq!(split_or(text, 80), expected, "{text}");
        }
    }
}
