//! For tests: a host in memory, and a harness that runs a processor on it as the real host does.
//!
//! ```
//! use otelier_sdk::testing::{Harness, Metric, Point};
//! use otelier_sdk::{Batch, Bitmap, Declare, Failure, Processor, Signal};
//!
//! struct DropAll;
//!
//! impl Processor for DropAll {
//!     type Config = serde::de::IgnoredAny;
//!
//!     fn describe(_: Self::Config, _: Signal, declare: &mut Declare<'_>) -> Result<DropAll, Failure> {
//!         declare.metrics(vec!["noise.*".to_owned()]);
//!         Ok(DropAll)
//!     }
//!
//!     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
//!         let rows = batch.count();
//!         batch.drop_rows(Bitmap::all(rows));
//!         Ok(())
//!     }
//! }
//!
//! let mut harness = Harness::<DropAll>::start("{}", 0)?;
//! let noise = Metric::delta_sum("noise.a", vec![Point::integer(1), Point::integer(2)]);
//! let outcome = harness.process(&[noise, Metric::gauge("other", vec![Point::integer(1)])], 1)?;
//! assert_eq!((outcome.dropped, outcome.passed), (2, 1));
//! # Ok::<(), Failure>(())
//! ```

// A test that breaks the contract fails here, where the real host's call would trap.
#![allow(clippy::panic, clippy::expect_used)]

mod case;
mod dictionary;
mod edits;
mod fields;
mod gate;
mod harness;
mod histograms;
mod items;
mod memory;
mod merge;
mod metric;

pub use case::run_cases;
pub use edits::Edit;
pub use gate::{Gate, Pass};
pub use harness::{Harness, Outcome};
pub use histograms::{Content, ExponentialHistogram, Histogram, Summary};
pub use items::{Attributes, LogRecord, Sent, Span};
pub use memory::MemoryHost;
pub use metric::{Emitted, EmittedPoint, Metric, Point, Shape};
