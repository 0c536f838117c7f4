//! otelier: an OpenTelemetry collector whose processors are sandboxed WebAssembly components.
//!
//! Start reading at [`run`]; the map of the rooms is in ARCHITECTURE.md.

pub mod cases;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod contract;
pub mod control;
pub mod delivery;
pub mod descriptors;
pub mod exporters;
pub mod extensions;
pub mod families;
pub mod files;
mod guard;
pub mod inspect;
pub mod intake;
pub mod logs;
pub mod net;
pub mod otlp;
pub mod own_telemetry;
pub mod pipeline;
pub mod plugins;
pub mod processor;
pub mod processors;
pub mod pulse;
pub mod receivers;
pub mod run;
pub mod service_manager;
pub mod status;
pub mod storage;
pub mod telemetry;
pub mod updates;
pub mod wasm;
