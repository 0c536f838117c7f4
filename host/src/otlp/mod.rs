//! The bytes: OTLP protobuf read in place, keyed, projected to columns, edited and written. Nothing here does I/O.
//!
//! [`wire`] reads protobuf and trusts nothing; [`metrics`], [`spans`] and [`logs`] walk a request for a visitor; [`schema`] checks what no view reads.

pub mod attribute;
mod bounds;
mod check;
pub mod columns;
mod count;
pub mod deprecated;
pub mod descriptors;
pub mod dictionary;
pub mod edit;
pub mod emit;
pub mod field;
pub mod hash;
pub mod json;
pub mod key;
pub mod keying;
pub mod levels;
pub mod logs;
pub mod message;
mod metric_kind;
pub mod metrics;
mod packed;
pub mod partition;
pub mod parts;
pub mod patterns;
pub mod points;
pub mod projection;
pub mod resources;
pub mod schema;
pub mod select;
pub mod spans;
pub mod split;
pub mod wire;

pub use attribute::Strings;
pub use check::check;
pub use count::count;
pub use wire::Malformed;
