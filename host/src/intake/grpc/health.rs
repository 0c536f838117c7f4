//! `grpc.health.v1` (gRPC's `doc/health-checking.md`): whether the process, or one of a port's services, takes requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as Service, HealthServer, SERVICE_NAME};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::util::BoxCloneSyncService;

use super::{GrpcPort, GrpcService, service_of};
use crate::contract::Health;

/// How soon whoever watches is told of a change.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// How many may watch a port at a time: each looks twice a second.
const WATCHERS_MAX: usize = 256;

/// The service, for one port.
pub(in crate::intake) fn health(health: &Health, port: &GrpcPort) -> GrpcService {
    let of_methods = port.methods.iter().filter_map(|method| {
        let takes = method.intake.takes(method.signal);
        service_of(method.path).map(|name| Known { name: name.to_owned(), takes })
    });
    let others = port.services.iter().map(|service| service.name).chain(["", SERVICE_NAME]);
    let others = others.map(|name| Known { name: name.to_owned(), takes: true });
    let known = of_methods.chain(others).collect();
    let answers = Answers { health: health.clone(), known, places: Arc::new(Semaphore::new(WATCHERS_MAX)) };
    GrpcService { name: SERVICE_NAME, service: BoxCloneSyncService::new(HealthServer::new(answers)) }
}

/// A service of the port.
struct Known {
    name: String,
    /// Whether any pipeline takes what is sent to it.
    takes: bool,
}

/// What is asked.
struct Answers {
    health: Health,
    known: Arc<[Known]>,
    /// For those who watch.
    places: Arc<Semaphore>,
}

/// How one service is, from now on.
#[derive(Clone)]
struct Asked {
    health: Health,
    /// `None` where there is no such service.
    takes: Option<bool>,
}

impl Asked {
    fn status(&self) -> ServingStatus {
        match self.takes {
            None => ServingStatus::ServiceUnknown,
            Some(true) if self.health.obstacle().is_none() => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        }
    }
}

impl Answers {
    fn asked(&self, request: &Request<HealthCheckRequest>) -> Asked {
        let known = self.known.iter().find(|known| known.name == request.get_ref().service);
        Asked { health: self.health.clone(), takes: known.map(|known| known.takes) }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Service for Answers {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let asked = self.asked(&request);
        match asked.takes {
            Some(_) => Ok(Response::new(answer(asked.status()))),
            None => Err(Status::not_found("this port has no such service")),
        }
    }

    type WatchStream = Watching;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watching>, Status> {
        let full = |_| Status::resource_exhausted(format!("{WATCHERS_MAX} watch this port already; call Check"));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        let mut looking = interval(WATCH_INTERVAL);
        looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Response::new(Watching { asked: self.asked(&request), looking, told: None, _place: place }))
    }
}

/// Tells how a service is, and again whenever that changes.
struct Watching {
    asked: Asked,
    looking: Interval,
    told: Option<ServingStatus>,
    _place: OwnedSemaphorePermit,
}

impl Stream for Watching {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            ready!(self.looking.poll_tick(context));
            let status = self.asked.status();
            if self.told.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(answer(status))));
            }
        }
    }
}
