//! What the parts of the host say to each other: plain data and traits, importing nothing of ours.
//!
//! A receiver hands a [`Batch`] to an [`Ingest`] and waits for the [`Answer`]; an exporter's lane takes
//! batches through [`Exporter`]. Neither knows the other, nor what runs between them.

mod admission;
mod answer;
mod attribute;
mod auth;
mod batch;
mod bind_error;
mod breaker;
mod client;
mod code;
mod connector;
mod delivery;
pub mod duration;
mod exporter;
mod health;
mod id;
mod policy;
mod request;
mod secret;
mod telemetry;
mod topology;
mod trace;

pub use admission::{BUDGET_BYTES, MemoryGate, MemoryHolder, MemoryPass, Pressure};
pub use answer::{Accepted, Answer, Ingest, Refusal};
pub use attribute::{AttributeValue, Resource, ResourceChange};
pub use auth::{
    Authentication, Authenticators, ClientAuthenticator, Credentials, ExporterAuth, Middleware, NamedMiddleware,
    NoAuthenticator, ServerAuthenticator,
};
pub use batch::{Batch, InvalidUtf8, Metadata, Signal};
pub use bind_error::BindError;
pub use breaker::{Counters, Decision, Ended, Policy, PolicyError, PolicySource, Question};
pub use client::{Client, Failure, FailureClass, Outcome};
pub use code::Code;
pub use connector::{Connector, Routed, Unroutable};
pub use delivery::{Batching, Delivery, OnFull, RetryOnFailure, SendingQueue, Sizer};
pub use exporter::{Consumed, Exporter, ExporterError, Remark, Remarks, Stop};
pub use health::{Health, Phase, STORE, Severity, Trouble};
pub use id::{ComponentId, IdError};
pub use policy::{
    Durability, Grants, Instances, Interface, Limits, OnTrap, PLUGIN_BYTES_MAX, PartitionKey, PartitionLevel,
};
pub use request::{Request, Submitted};
pub use secret::Secret;
pub use telemetry::{OtlpProtocol, TelemetryDestination};
pub use topology::{Members, Topology};
pub use trace::{COMMIT, DELIVER, PLUGIN, RECEIVE, Span, SpanAttributes, SpanEnd, Trace, Tracer, WAIT};
