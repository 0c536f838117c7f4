//! A page or two over HTTP/1.1, for endpoints that people and probes read.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::contract::{BindError, Stop};
use crate::families;
use crate::net::{Connections, Endpoint, Entered, Place, canonical};

/// How long a client may take over its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections at a time; with more, the one that has been there for longest gives way.
const CONNECTIONS_MAX: usize = 64;

/// How long one may stay, whatever it does.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// Answers a path and a query; `None` is 404.
pub type Answer = Arc<dyn Fn(&str, &str) -> Option<(StatusCode, &'static str, String)> + Send + Sync>;

/// An endpoint that is open, and not served yet.
pub struct Page {
    listener: TcpListener,
    endpoint: String,
    answer: Answer,
}

impl Page {
    /// Opens `endpoint`, `host:port`, for `component`.
    pub fn bind(component: &str, endpoint: &str, answer: Answer) -> Result<Page, BindError> {
        let endpoint = Endpoint::read(component, endpoint)?;
        let listener = endpoint.bind(component)?;
        let shown = listener.local_addr().map(|address| endpoint.reachable(address).to_string());
        let endpoint = shown.unwrap_or_else(|_| endpoint.to_string());
        Ok(Page { listener, endpoint, answer })
    }

    async fn answer_all(self, mut stop: Stop) {
        let listener = self.listener;
        let places = Connections::reserved(CONNECTIONS_MAX);
        loop {
            let stream = tokio::select! {
                () = &mut stop => return,
                accepted = listener.accept() => accepted,
            };
            match stream {
                // Whoever comes finds a place: an answer is made at once, so that none of those who have one is at work.
                Ok((stream, peer)) => {
                    if let Ok(Entered { place, .. }) = places.enter(Some(canonical(peer))) {
                        tokio::spawn(connection(stream, place, self.answer.clone()));
                        // Who waited with a request is answered before others take the place.
                        tokio::task::yield_now().await;
                    }
                }
                // Out of file descriptors, most likely: others need a moment to close theirs.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl families::Page for Page {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn serve(self: Box<Self>, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.answer_all(stop))
    }
}

async fn connection(stream: tokio::net::TcpStream, place: Place, answer: Answer) {
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(respond(&request, &answer)) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended early");
            }
        }
        () = place.given_away() => {}
        () = tokio::time::sleep(CONNECTION_TIME_MAX) => {}
    }
}

fn respond(request: &Request<Incoming>, answer: &Answer) -> Response<Full<Bytes>> {
    let (status, kind, body) =
        match (request.method(), answer(request.uri().path(), request.uri().query().unwrap_or_default())) {
            (_, None) => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned()),
            (&Method::GET | &Method::HEAD, Some(found)) => found,
            _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "use GET\n".to_owned()),
        };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
