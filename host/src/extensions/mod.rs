//! What runs beside the pipelines: the health endpoint, the host's own metrics, and those who know who is who.

mod http;
mod own_metrics;
mod pages;
mod secrets;

use crate::families::family;

pub use own_metrics::own_metrics;

family! { ExtensionEntry:
    basic_auth,
    bearer_token,
    file_storage,
    headers_setter,
    health_check,
    memory_limiter,
    rocksdb,
    zpages,
}
