//! What runs beside the pipelines: the health endpoint, the host's own metrics, and those who know who is who.

mod basic_auth;
mod bearer_token;
mod headers_setter;
mod health_check;
mod http;
mod memory_limiter;
mod own_metrics;
mod secrets;
mod storage;

pub use basic_auth::{BasicAuth, Config as BasicAuthConfig};
pub use bearer_token::{BearerToken, Config as BearerTokenConfig};
pub use headers_setter::{Config as HeadersSetterConfig, HeadersSetter};
pub use health_check::{Config as HealthCheckConfig, HealthCheck, Members, Topology};
pub use http::Page;
pub use memory_limiter::{MemoryLimiterConfig, memory_limiter};
pub use own_metrics::own_metrics;
pub use storage::{FileStorageConfig, StorageConfig};
