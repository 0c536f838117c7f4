//! A plugin's words on their way out: without secrets.

use super::context::Context;
use super::plugin::{Processor, Progress, Stored};
use super::secrets::Secrets;
use super::trap::{CallError, Trap};
use crate::contract::Signal;

/// A processor whose words have no secret of its configuration in them: what is wrong with a value is often told with the value, and goes to the
/// log, to health, to dead letters and to the history.
pub(super) struct Telltale {
    processor: Box<dyn Processor>,
    secrets: Secrets,
}

impl Telltale {
    pub(super) fn new(processor: Box<dyn Processor>, secrets: Secrets) -> Telltale {
        Telltale { processor, secrets }
    }

    fn scrubbed<T>(&self, result: Result<T, CallError>) -> Result<T, CallError> {
        result.map_err(|error| match error {
            CallError::Failure { message, retryable } => {
                CallError::Failure { message: self.secrets.scrub(&message).into_owned(), retryable }
            }
            CallError::Trap(trap) => {
                let detail = self.secrets.scrub(&trap.detail).into_owned();
                CallError::Trap(Box::new(Trap { detail, ..*trap }))
            }
        })
    }
}

impl Processor for Telltale {
    fn context(&mut self) -> &mut Context {
        self.processor.context()
    }

    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError> {
        let described = self.processor.describe(signal, config);
        self.scrubbed(described)
    }

    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError> {
        let started = self.processor.start(previous, now);
        self.scrubbed(started)
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError> {
        let processed = self.processor.process(signal, now);
        self.scrubbed(processed)
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError> {
        let flushed = self.processor.flush(now, last);
        self.scrubbed(flushed)
    }

    fn memory_bytes(&self) -> usize {
        self.processor.memory_bytes()
    }

    fn bound_calls(&mut self, call_ms: u64) {
        self.processor.bound_calls(call_ms);
    }
}
