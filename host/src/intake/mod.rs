//! What all receivers share of a request's way in: where they listen, who may send, how a body is gathered and unpacked within bounds,
//! how it is handed over, and what stands in its way.
//!
//! A receiver of another format is a conversion to OTLP ([`HttpFormat`], [`GrpcMethod`]) and a table of answers. It says which paths or
//! methods it serves at which address, as [`Port`]s; what several say of one address is one listener ([`Listeners::join`]).
//! Methods on the hot path are framed here; other gRPC services are `tonic`'s, behind the same listener, TLS and authentication.

mod admission;
mod body;
mod deadline;
mod foreign;
mod frames;
mod grpc;
mod http;
mod listeners;
mod metrics;
mod rejection;
mod serve;
mod status;
mod submit;
mod told;
mod transport;
mod write_timeout;

pub use admission::MakeError;
pub use grpc::{EnforcementPolicy, GrpcMethod, GrpcPort, GrpcService, GrpcSettings, Keepalive, ServerParameters};
pub(crate) use grpc::{grpc_config, grpc_defaults};
pub use http::{
    Algorithms, Conversion, Cors, HttpFormat, HttpKeepalive, HttpPath, HttpPort, HttpSettings, OpenError, OpenPages,
    PageAnswer, PageAnswers, PagePort, Reading, page_answer,
};
pub(crate) use http::{http_config, http_defaults};
pub use listeners::{JoinError, Listener, Listeners, Port, Reachable, Sample, Served, Serving};
pub use rejection::Rejection;
pub use status::{StatusFormat, rejected};
pub use submit::Intake;
pub use transport::Transport;
