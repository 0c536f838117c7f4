//! What a plugin author imports: a processor is a type that implements [`Processor`], and one line that exports it. A breaker
//! policy is a type that implements [`policy::Policy`].
//!
//! ```
//! use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal};
//!
//! /// Drops every point of the metrics it is told to.
//! struct Discard;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     metrics: Vec<String>,
//! }
//!
//! impl Processor for Discard {
//!     type Config = Config;
//!
//!     fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Discard, Failure> {
//!         declare.metrics(config.metrics);
//!         Ok(Discard)
//!     }
//!
//!     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
//!         let rows = batch.count();
//!         batch.drop_rows(Bitmap::all(rows));
//!         Ok(())
//!     }
//! }
//!
//! otelier_sdk::export!(Discard);
//! ```
//!
//! # How it is built
//!
//! - Everything a call may do goes through a value that the call is handed ([`Declare`], [`Start`], [`Batch`], [`Flush`]); those
//!   wrap a [`Host`]. In a component that is the contract's imports, natively whatever the caller passes: a plugin's logic is
//!   tested by `cargo test` with [`testing::MemoryHost`], and runs natively through [`Instance`].
//! - Unsafe code is what wit-bindgen generates, in `bindings` alone. [`export!`] expands to nothing on native targets; on
//!   wasm32 it expands to the unsafe functions that a component exports. rustc does not apply `unsafe_code` to code that comes
//!   from another crate's macro, so a plugin crate can say `#![forbid(unsafe_code)]`.
//! - A failed call needs no clean-up: the host discards the instance of a plugin that keeps state, and starts the next one on
//!   what was committed.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod aggregate;
mod batch;
#[rustfmt::skip]
#[doc(hidden)]
pub mod bindings;
mod bitmap;
mod blob;
mod column;
pub mod config;
mod declare;
mod failure;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
mod host;
pub mod key;
mod keys;
mod log;
mod output;
pub mod policy;
mod processor;
mod storage;
pub mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use batch::{Batch, Numbers, Run, Values};
pub use bitmap::Bitmap;
pub use column::{Column, Field};
pub use declare::{Declare, Keying, ValueColumn};
pub use host::Host;
pub use keys::{Keys, RowKey};
pub use log::Log;
pub use output::{EmittedRows, Output, OutputMetric};
pub use processor::{Flush, Instance, Processor, Start};
pub use storage::{Carried, Storage};

pub use bindings::exports::otelier::plugin::processor::{Progress, Stored};
pub use bindings::otelier::plugin::log::Severity;
pub use bindings::otelier::plugin::output::{ExponentialHistograms, Histograms, When};
pub use bindings::otelier::plugin::rows::{
    Additions, AttributeSets, BoundsLists, BucketCounts, ExemplarLists, QuantileValues, Runs,
};
pub use bindings::otelier::plugin::storage::{Entries, Error as StorageError, Found, MergeOp};
pub use bindings::otelier::plugin::types::{
    Attribute, Blob, Descriptor, ExponentialBuckets, Failure, Level, MetricKind, Signal, Source, Temporality,
};

/// The code of a row that has none of the keying's attributes, as [`Keys::into_codes_and_marks`] has it.
pub const NO_KEY: u32 = 0;
/// No code: the mark of a row whose key is not in the dictionary, because that is full.
pub const NO_CODE: u32 = u32::MAX;
/// The number of bounds that a point of another kind has, and one that met too many.
pub const NO_BOUNDS: u32 = u32::MAX;

/// Makes a [`Processor`] what the component exports. Once per crate; the crate's type is `cdylib` (and `rlib` for tests).
#[macro_export]
macro_rules! export {
    ($processor:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::guest::Exported<$processor>;
    $crate::bindings::export_component!(Exported with_types_in $crate::bindings);
        };
        // Where there is no component, the type is used and checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            let _ = <$processor as $crate::Processor>::flush;
        };
    };
}
