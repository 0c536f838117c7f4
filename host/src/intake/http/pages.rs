//! Pages for people and tools over HTTP: the same listeners, TLS, authentication, `cors` and bounds of connections as receivers have. A request
//! has no body that anybody reads, and an answer is made whole before it is sent.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use ::http::request::Parts;
use ::http::{HeaderValue, Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tower::{Layer as _, ServiceExt as _};

use super::super::admission::{Admission, MakeError};
use super::super::foreign::{Ended, Heard};
use super::super::metrics::PortMetrics;
use super::super::rejection::Rejection;
use super::super::serve::{self, Activity, Bounds};
use super::super::transport::Transport;
use super::super::write_timeout::WriteTimeout;
use super::check_host;
use super::{Cors, HttpSettings, connections};
use crate::contract::{Authenticators, BindError, Stop};
use crate::net::Listening;
use crate::net::tls::{TlsError, TlsServer};
use crate::telemetry::Registry;

/// What is answered.
pub type PageAnswer = Response<Full<Bytes>>;

/// Answers a path and a query; `None` is 404.
pub type PageAnswers =
    Arc<dyn Fn(String, String) -> Pin<Box<dyn Future<Output = Option<PageAnswer>> + Send>> + Send + Sync>;

/// An answer of a kind, for browsers that do not guess.
pub fn page_answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> PageAnswer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The pages of one extension: its settings are read, nothing is open.
pub struct PagePort {
    settings: HttpSettings,
    tls: Option<TlsServer>,
    answers: PageAnswers,
}

impl PagePort {
    /// Reads the files of TLS.
    pub fn new(settings: HttpSettings, answers: PageAnswers) -> Result<PagePort, TlsError> {
        let tls = settings.tls.as_ref().map(|tls| TlsServer::new(tls, &["h2", "http/1.1"])).transpose()?;
        Ok(PagePort { settings, tls, answers })
    }

    /// Opens the port.
    pub fn open(self, component: &str, authenticators: &Authenticators) -> Result<OpenPages, OpenError> {
        let admission = Admission::new(self.settings.auth.as_ref(), false, authenticators).map_err(MakeError::from)?;
        let listener = self.settings.endpoint.open(component, self.settings.transport)?;
        let shown = listener.address().map(|address| self.settings.endpoint.reachable(address).to_string());
        let endpoint = shown.unwrap_or_else(|| self.settings.endpoint.to_string());
        // Pages take no data: what is counted of their connections is told in the log alone.
        let metrics = Arc::new(PortMetrics::new(component, Transport::Http, &Registry::default()));
        Ok(OpenPages { port: self, listener, endpoint, admission, metrics })
    }
}

/// A port for pages that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its settings.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// Its address.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Pages whose port is open.
pub struct OpenPages {
    port: PagePort,
    listener: Listening,
    endpoint: String,
    admission: Admission,
    metrics: Arc<PortMetrics>,
}

impl OpenPages {
    /// `host:port`, as it can be reached from this machine.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Answers until `stop` resolves.
    pub async fn serve(self, stop: Stop) {
        let OpenPages { port: PagePort { settings, tls, answers }, listener, admission, metrics, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let bounds = Bounds {
            connections_max: settings.max_connections.get(),
            first_request: settings.read_header_timeout,
            idle: settings.idle_timeout,
            age: None,
        };
        let server = Arc::new(Server { admission, answers });
        let (http, cors) = (connections(&settings), settings.cors.as_ref().and_then(Cors::layer));
        let (write_timeout, added) = (settings.write_timeout, Arc::new(settings.response_headers));
        let connect = move |stream: Heard, activity: Arc<Activity>| {
            let (server, cors, added) = (Arc::clone(&server), cors.clone(), Arc::clone(&added));
            let answer = service_fn(move |request| {
                let (server, cors, busy) = (Arc::clone(&server), cors.clone(), activity.begin());
                let added = Arc::clone(&added);
                async move {
                    // A profile takes its time: the connection does not give way meanwhile.
                    busy.arrived();
                    let mut response = match cors {
                        None => server.answer(request).await,
                        Some(cors) => {
                            let answer = async |request| Ok::<_, Infallible>(server.answer(request).await);
                            let Ok(response) = cors.layer(tower::service_fn(answer)).oneshot(request).await;
                            response
                        }
                    };
                    added.add(response.headers_mut());
                    Ok::<_, Infallible>(response)
                }
            });
            let stream = WriteTimeout::new(stream, write_timeout);
            graceful(http.serve_connection(TokioIo::new(stream), answer).into_owned())
        };
        let announce = async move {
            stop.await;
            // Nobody listens only where the port has ended by itself.
            let _ = stopping.send(true);
        };
        tokio::join!(announce, serve::accept(listener, bounds, tls, &metrics, stopped, connect));
    }
}

/// Names what a connection is, for the compiler.
fn graceful<C: GracefulConnection<Error: Ended> + Send>(connection: C) -> C {
    connection
}

/// What answers requests.
struct Server {
    admission: Admission,
    answers: PageAnswers,
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> PageAnswer {
        let (head, _body) = request.into_parts();
        let mut response = match self.refuse(&head) {
            Some(refused) => refused,
            None => {
                let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
                let found = (self.answers)(path, query).await;
                found.unwrap_or_else(|| page_answer(StatusCode::NOT_FOUND, TEXT, "there is no such page\n"))
            }
        };
        if head.method == Method::HEAD {
            *response.body_mut() = Full::default();
        }
        response
    }

    /// What the head alone decides.
    fn refuse(&self, head: &Parts) -> Option<PageAnswer> {
        if let Err(rejection) = check_host(head.version, &head.headers) {
            return Some(page_answer(StatusCode::BAD_REQUEST, TEXT, format!("{}\n", rejection.message())));
        }
        match self.admission.admit(&head.headers) {
            Ok(()) => {}
            Err(Rejection::Unauthenticated { reason, challenge }) => {
                let mut refused = page_answer(StatusCode::UNAUTHORIZED, TEXT, format!("{reason}\n"));
                let challenge = HeaderValue::try_from(challenge).ok();
                challenge.map(|challenge| refused.headers_mut().insert(WWW_AUTHENTICATE, challenge));
                return Some(refused);
            }
            Err(other) => return Some(page_answer(StatusCode::BAD_REQUEST, TEXT, format!("{}\n", other.message()))),
        }
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        (!is_read).then(|| page_answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n"))
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
