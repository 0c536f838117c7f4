//! What the end-to-end tests share: a running host, clients that tell acknowledged from refused from lost, request builders and
//! generators.

pub mod beside;
pub mod capture;
pub mod certificates;
pub mod collection;
pub mod collector;
pub mod component;
pub mod downstream;
pub mod environment;
pub mod faulty_disk;
pub mod generate;
pub mod grpc;
pub mod host;
pub mod http;
pub mod jumping_clock;
pub mod length;
pub mod mount;
pub mod payload;
#[cfg(target_os = "linux")]
pub mod power_cut;
pub mod preload;
pub mod recorder;
pub mod request;
pub mod scrape;
pub mod versions;
pub mod wait;

pub use otelier_exposition as exposition;
