//! What runs beside the pipelines: the health endpoint and the host's own metrics.

mod health_check;
mod http;
mod memory_limiter;
mod own_metrics;
mod storage;

pub use health_check::{Config as HealthCheckConfig, HealthCheck};
pub use http::Page;
pub use memory_limiter::{MemoryLimiterConfig, memory_limiter};
pub use own_metrics::own_metrics;
pub use storage::{FileStorageConfig, StorageConfig};
