//! `cookies`: what a destination sets is sent back to it (RFC 6265), so that a load balancer in front of several can keep a client at one.
//!
//! A cookie goes back to the very host that set it and to no other, whatever its `Domain` says.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ::http::Uri;
use ::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// So many are kept; the oldest gives way.
const COOKIES_MAX: usize = 64;

/// A longer one is passed over.
const COOKIE_BYTES_MAX: usize = 4 << 10;

/// What destinations have set.
#[derive(Default)]
pub(super) struct Cookies(Mutex<Vec<Cookie>>);

struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    is_secure: bool,
    until: Option<SystemTime>,
}

impl Cookies {
    /// Adds what the destination of a request is to get back.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, uri: &Uri, now: SystemTime) {
        let mut cookies = self.lock();
        cookies.retain(|cookie| cookie.until.is_none_or(|until| until > now));
        let sent: Vec<String> = cookies
            .iter()
            .filter(|cookie| cookie.is_for(uri))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if let Some(mut value) = HeaderValue::from_str(&sent.join("; ")).ok().filter(|value| !value.is_empty()) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    /// Keeps what an answer sets.
    pub(super) fn learn(&self, answered: &HeaderMap, uri: &Uri, now: SystemTime) {
        for set in answered.get_all(SET_COOKIE) {
            let Some(cookie) = set.to_str().ok().and_then(|text| Cookie::read(text, uri, now)) else { continue };
            let mut cookies = self.lock();
            let is_same =
                |known: &Cookie| known.name == cookie.name && known.host == cookie.host && known.path == cookie.path;
            cookies.retain(|known| !is_same(known));
            if cookie.until.is_some_and(|until| until <= now) {
                continue;
            }
            if cookies.len() == COOKIES_MAX {
                cookies.remove(0);
            }
            cookies.push(cookie);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cookie {
    fn read(text: &str, uri: &Uri, now: SystemTime) -> Option<Cookie> {
        if text.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let folder =
            uri.path().rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            host: uri.host()?.to_ascii_lowercase(),
            path: folder.to_owned(),
            is_secure: false,
            until: None,
        };
        let (mut expires, mut age) = (None, None);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "secure" => cookie.is_secure = true,
                "expires" => expires = httpdate::parse_http_date(value).ok(),
                "max-age" => age = value.parse::<i64>().ok(),
                _ => {}
            }
        }
        let by_age = age.map(|age| {
            let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
            now.checked_add(age).unwrap_or(now + Duration::from_secs(400 * 24 * 3600))
        });
        cookie.until = by_age.or(expires);
        (!cookie.name.is_empty()).then_some(cookie)
    }

    fn is_for(&self, uri: &Uri) -> bool {
        let is_host = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        let below = uri.path().strip_prefix(&self.path);
        let is_path = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        is_host && is_path && (!self.is_secure || uri.scheme_str() == Some("https"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &Cookies, uri: &'static str, now: SystemTime) -> String {
        let mut headers = HeaderMap::new();
        cookies.add_to(&mut headers, &Uri::from_static(uri), now);
        headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    fn learn(cookies: &Cookies, uri: &'static str, set: &'static str, now: SystemTime) {
        let headers = HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_static(set))]);
        cookies.learn(&headers, &Uri::from_static(uri), now);
    }

    #[test]
    fn what_a_host_sets_goes_back_to_it_and_to_no_other() {
        let (cookies, now) = (Cookies::default(), SystemTime::now());
        let at = "https://a.example/v1/logs";
        learn(&cookies, at, "node=7; Path=/; Max-Age=60", now);
        learn(&cookies, at, "here=1", now);
        learn(&cookies, at, "safe=1; Path=/; Secure; HttpOnly", now);
        assert_eq!(sent(&cookies, at, now), "node=7; here=1; safe=1");
        assert_eq!(sent(&cookies, "http://a.example/v2/logs", now), "node=7");
        assert_eq!(sent(&cookies, "https://b.a.example/v1/logs", now), "");
        learn(&cookies, at, "node=8; Path=/; Max-Age=60", now);
        assert_eq!(sent(&cookies, "http://a.example/", now), "node=8");
        assert_eq!(sent(&cookies, "http://a.example/", now + Duration::from_secs(61)), "");
        learn(&cookies, at, "here=; Max-Age=0", now);
        learn(&cookies, at, "safe=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", now);
        assert_eq!(sent(&cookies, at, now), "");
    }

    #[test]
    fn the_number_and_the_length_of_cookies_are_bounded() {
        let (cookies, now, uri) = (Cookies::default(), SystemTime::now(), Uri::from_static("http://a/"));
        for number in 0..1000 {
            for value in ["1".to_owned(), "x".repeat(COOKIE_BYTES_MAX)] {
                let set = HeaderValue::try_from(format!("n{number}-{}={value}; Path=/", value.len()));
                cookies.learn(&HeaderMap::from_iter(set.ok().map(|set| (SET_COOKIE, set))), &uri, now);
            }
        }
        let sent = sent(&cookies, "http://a/", now);
        assert_eq!(sent.split("; ").count(), COOKIES_MAX);
        assert!(!sent.contains("xx"));
    }
}
