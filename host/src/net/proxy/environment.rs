//! Which proxy the environment names for a destination, by Go's rules (`golang.org/x/net/http/httpproxy`).

use std::net::IpAddr;
use std::sync::LazyLock;

use super::no_proxy::NoProxy;
use super::{Proxy, ProxyError};
use crate::net::Target;

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or the same in lower case.
#[derive(Debug, Default)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    exceptions: NoProxy,
    /// The process is a CGI script, to which a request can give an `HTTP_PROXY` (<https://go.dev/s/cgihttpproxy>).
    is_cgi: bool,
}

static OF_PROCESS: LazyLock<Proxies> = LazyLock::new(|| Proxies::of(&|name| std::env::var(name).ok()));

impl Proxies {
    /// Those of an environment. A variable that is empty is as good as none.
    pub fn of(environment: &dyn Fn(&str) -> Option<String>) -> Proxies {
        let any =
            |names: [&str; 2]| names.into_iter().find_map(|name| environment(name).filter(|text| !text.is_empty()));
        Proxies {
            http: any(["HTTP_PROXY", "http_proxy"]),
            https: any(["HTTPS_PROXY", "https_proxy"]),
            exceptions: NoProxy::read(&any(["NO_PROXY", "no_proxy"]).unwrap_or_default()),
            is_cgi: environment("REQUEST_METHOD").is_some_and(|text| !text.is_empty()),
        }
    }

    /// Those of this process, as it was started.
    pub fn of_process() -> &'static Proxies {
        &OF_PROCESS
    }

    /// The proxy in front of a destination, for a request of `http` or `https`. This machine is never behind one, nor is a unix socket.
    pub fn in_front_of(&self, target: &Target, is_https: bool) -> Result<Option<Proxy>, ProxyError> {
        let (name, url) = if is_https { ("HTTPS_PROXY", &self.https) } else { ("HTTP_PROXY", &self.http) };
        let Some(url) = url.as_ref().filter(|_| target.socket.is_none()) else { return Ok(None) };
        if self.is_cgi && !is_https {
            return Err(ProxyError::Cgi);
        }
        if is_this_machine(&target.host) || self.exceptions.has(&target.host, target.port) {
            return Ok(None);
        }
        // `host:port` alone is one of `http`.
        let proxy = if url.contains("://") { Proxy::url(url) } else { Proxy::url(&format!("http://{url}")) };
        proxy.map(Some).map_err(|source| ProxyError::Variable { name, source: Box::new(source) })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)], is_https: bool, host: &str) -> Result<Option<String>, ProxyError> {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let target = Target::grpc(&format!("{host}:4317")).map_err(|_| ProxyError::Url)?;
        Ok(Proxies::of(&environment).in_front_of(&target, is_https)?.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let both = [("HTTP_PROXY", "plain:1"), ("https_proxy", "http://secure:2"), ("NO_PROXY", "inside.example")];
        assert_eq!(proxy(&both, false, "a.example"), Ok(Some("http://plain:1".to_owned())));
        assert_eq!(proxy(&both, true, "a.example"), Ok(Some("http://secure:2".to_owned())));
        for host in ["inside.example", "localhost", "127.0.0.2", "[::1]"] {
            assert_eq!(proxy(&both, true, host), Ok(None), "{host}");
        }
        let upper = [("HTTP_PROXY", "upper:1"), ("http_proxy", "lower:1")];
        assert_eq!(proxy(&upper, false, "a.example"), Ok(Some("http://upper:1".to_owned())));
        let empty = [("HTTP_PROXY", ""), ("http_proxy", "lower:1")];
        assert_eq!(proxy(&empty, false, "a.example"), Ok(Some("http://lower:1".to_owned())));
        assert_eq!(proxy(&upper, true, "a.example"), Ok(None));
    }

    #[test]
    fn a_cgi_script_trusts_no_http_proxy() {
        let cgi = [("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:2"), ("REQUEST_METHOD", "GET")];
        assert_eq!(proxy(&cgi, false, "a.example"), Err(ProxyError::Cgi));
        assert_eq!(proxy(&cgi, true, "a.example"), Ok(Some("http://p:2".to_owned())));
    }

    #[test]
    fn a_variable_that_names_no_proxy_is_named() {
        let error = proxy(&[("HTTPS_PROXY", "socks5://user:secret@p:1")], true, "a.example").err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("environment variable `HTTPS_PROXY`: ") && !error.contains("secret"), "{error}");
    }
}
