//! A page or two over HTTP/1.1, for endpoints that people and probes read.

use std::convert::Infallible;
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::contract::{BindError, Stop};

/// How long a client may take over its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

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
        let wrong = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                BindError::InUse { component: component.to_owned(), endpoint: endpoint.to_owned() }
            }
            _ => BindError::Address { component: component.to_owned(), endpoint: endpoint.to_owned(), source },
        };
        let addresses: Vec<_> = endpoint.to_socket_addrs().map_err(wrong)?.collect();
        let listener = TcpListener::bind(&addresses[..]).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let endpoint = listener.local_addr().map_err(wrong)?.to_string();
        Ok(Page { listener, endpoint, answer })
    }

    /// The address that was opened.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Answers until `stop` resolves.
    pub async fn serve(self, mut stop: Stop) {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(endpoint = self.endpoint, %error, "endpoint cannot be served"),
        };
        loop {
            let stream = tokio::select! {
                () = &mut stop => return,
                accepted = listener.accept() => accepted,
            };
            match stream {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, self.answer.clone()));
                }
                // Out of file descriptors, most likely: others need a moment to close theirs.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, answer: Answer) {
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(respond(&request, &answer)) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended early");
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
