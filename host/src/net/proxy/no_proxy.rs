//! `NO_PROXY`: who is spoken to without a proxy, by Go's rules (`golang.org/x/net/http/httpproxy`).

use std::net::IpAddr;

use super::super::host_port;

/// A list of exceptions.
#[derive(Debug, Default)]
pub(super) struct NoProxy(Vec<Exception>);

#[derive(Debug)]
enum Exception {
    /// `*`.
    All,
    /// `10.0.0.0/8`.
    Network { address: IpAddr, bits: u8 },
    /// `10.0.0.1` or `10.0.0.1:80`.
    Address { address: IpAddr, port: String },
    /// `shop.example` or `.shop.example`, with a port or without. The suffix has a dot in front.
    Domain { suffix: String, port: String, is_itself: bool },
}

impl NoProxy {
    /// Entries between commas. What is none of the forms is no exception.
    pub fn read(text: &str) -> NoProxy {
        let entries = text.split(',').map(|entry| entry.trim().to_lowercase());
        NoProxy(entries.filter_map(|entry| Exception::read(&entry)).collect())
    }

    /// Whether a host goes without.
    pub fn has(&self, host: &str, port: u16) -> bool {
        let host = host.trim().to_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let port = port.to_string();
        self.0.iter().any(|exception| exception.is_met(&host, address, &port))
    }
}

impl Exception {
    fn read(entry: &str) -> Option<Exception> {
        match entry {
            "" => return None,
            "*" => return Some(Exception::All),
            _ => {}
        }
        if let Some(network) = network(entry) {
            return Some(network);
        }
        let (host, port) = host_port::split(entry).unwrap_or((entry, ""));
        if let Ok(address) = host.parse() {
            return Some(Exception::Address { address, port: port.to_owned() });
        }
        let host = if host.starts_with("*.") { host.strip_prefix('*')? } else { host };
        let (suffix, is_itself) = match host.strip_prefix('.') {
            Some(_) => (host.to_owned(), false),
            None if host.is_empty() => return None,
            None => (format!(".{host}"), true),
        };
        Some(Exception::Domain { suffix, port: port.to_owned(), is_itself })
    }

    fn is_met(&self, host: &str, ip: Option<IpAddr>, its_port: &str) -> bool {
        let is_port = |port: &str| port.is_empty() || port == its_port;
        match (self, ip) {
            (Exception::All, _) => true,
            (Exception::Network { address, bits }, Some(ip)) => leading(*address, *bits) == leading(ip, *bits),
            (Exception::Address { address, port }, Some(ip)) => {
                address.to_canonical() == ip.to_canonical() && is_port(port)
            }
            (Exception::Domain { suffix, port, is_itself }, None) => {
                let is_name = *is_itself && suffix.strip_prefix('.') == Some(host);
                (host.ends_with(suffix.as_str()) || is_name) && is_port(port)
            }
            _ => false,
        }
    }
}

fn network(entry: &str) -> Option<Exception> {
    let (address, bits) = entry.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Exception::Network { address, bits })
}

/// The first bits of an address, and of which family it is.
fn leading(address: IpAddr, bits: u8) -> (bool, u128) {
    let (is_v4, number, most) = match address.to_canonical() {
        IpAddr::V4(address) => (true, u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (false, address.to_bits(), 128),
    };
    (is_v4, number.checked_shr(u32::from(most - bits.min(most))).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::NoProxy;

    /// What Go 1.26 answers, by `httpproxy.Config{NoProxy: …}.ProxyFunc()`.
    #[test]
    fn exceptions_are_gos() {
        for (list, host, port, expected) in [
            ("shop.example", "shop.example", 80, true),
            ("shop.example", "a.shop.example", 80, true),
            ("shop.example", "workshop.example", 80, false),
            (".shop.example", "shop.example", 80, false),
            (".shop.example", "a.shop.example", 80, true),
            ("*.shop.example", "a.shop.example", 80, true),
            ("*.shop.example", "shop.example", 80, false),
            ("shop.example:8080", "shop.example", 80, false),
            ("shop.example:8080", "shop.example", 8080, true),
            (" a , SHOP.example ", "Shop.Example", 80, true),
            ("10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("10.1.2.3/8", "10.200.0.1", 80, true),
            ("0.0.0.0/0", "192.0.2.1", 80, true),
            ("2001:db8::/32", "2001:db8::1", 80, true),
            ("2001:db8::/32", "2001:db9::1", 80, false),
            ("192.0.2.1", "192.0.2.1", 4317, true),
            ("192.0.2.1:80", "192.0.2.1", 4317, false),
            ("[2001:db8::1]:80", "2001:db8::1", 80, true),
            ("2001:db8::1", "2001:db8::1", 80, true),
            ("*", "anything", 1, true),
            ("a,*", "192.0.2.1", 1, true),
            (":80", "shop.example", 80, false),
            ("", "shop.example", 80, false),
            ("0.2.1", "192.0.2.1", 80, false),
        ] {
            assert_eq!(NoProxy::read(list).has(host, port), expected, "{list:?} {host}:{port}");
        }
    }
}
