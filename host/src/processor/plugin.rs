//! A plugin and its instances, whatever runs them.

use super::context::Context;
use super::trap::CallError;
use crate::contract::Signal;

/// A compiled plugin: makes instances.
pub trait Plugin: Send + Sync {
    /// What tells it from every other version: the SHA-256 of its file, in hexadecimal digits.
    fn version(&self) -> &str;
    /// A fresh instance around a context.
    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError>;
}

/// One instance of a plugin. Every function may leave results in the context; the caller decides whether they count.
pub trait Processor: Send {
    /// The instance's end of the imports.
    fn context(&mut self) -> &mut Context;
    /// `processor.describe` of the contract.
    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError>;
    /// `processor.start`.
    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError>;
    /// `processor.process`.
    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError>;
    /// `processor.flush`.
    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError>;
    /// How much memory the guest has, in bytes, where it has some of its own.
    fn memory_bytes(&self) -> usize {
        0
    }
    /// Calls may take no longer than this from now on, in milliseconds, where anything ends them at all.
    fn bound_calls(&mut self, _call_ms: u64) {}
}

/// What wrote the stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The plugin's own format number.
    pub format: u32,
    /// The configuration, as JSON.
    pub config: String,
}

/// Whether a flush is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left.
    Done,
    /// Call again.
    More,
}
