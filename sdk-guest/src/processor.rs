//! What an author writes, and the instance around it.

use serde::de::DeserializeOwned;

use crate::config::{self, AbsentKey};
use crate::{Batch, Declare, Descriptor, Failure, Host, Log, Output, Progress, Signal, Storage, Stored};

/// A processor plugin. Functions are called one at a time. `now` is in nanoseconds since the Unix epoch everywhere, by a clock that may be set;
/// `steady` is for what depends on how much time has passed.
///
/// A function that returns a [`Failure`] leaves nothing behind: what it wrote and pushed is discarded, and with it the instance
/// if the processor keeps state.
pub trait Processor: Sized {
    /// The component's configuration.
    type Config: DeserializeOwned;

    /// Keys that people will try, because another processor of the same name has them, and what to write instead.
    const ABSENT_KEYS: &'static [AbsentKey] = &[];

    /// Checks the configuration and declares what is read and kept.
    fn describe(config: Self::Config, signal: Signal, declare: &mut Declare<'_>) -> Result<Self, Failure>;

    /// Rebuilds what is needed from storage. Refuse when what the previous configuration wrote cannot be carried on.
    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        let _ = start;
        Ok(())
    }

    /// One batch that has at least one row.
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure>;

    /// Called on the declared interval, after `start`, and before a shutdown or a swap.
    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        let _ = flush;
        Ok(Progress::Done)
    }
}

/// The call that starts an instance.
pub struct Start<'c> {
    host: &'c mut dyn Host,
    previous: Option<Stored>,
    now: u64,
}

impl Start<'_> {
    /// Nanoseconds since the Unix epoch, by the wall clock, which may be set back or forth.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Nanoseconds on a clock that never goes back and is never set; it stands still while the host is down. For intervals and expiry.
    pub fn steady(&mut self) -> u64 {
        self.host.clock_steady()
    }

    /// The format and the configuration that wrote the stored state; `None` when nothing is stored.
    pub fn previous(&self) -> Option<&Stored> {
        self.previous.as_ref()
    }

    /// The component's storage.
    pub fn storage(&mut self) -> Storage<'_> {
        Storage { host: self.host }
    }

    /// The host's log.
    pub fn log(&mut self) -> Log<'_> {
        Log { host: self.host }
    }
}

/// A call without rows.
pub struct Flush<'c> {
    host: &'c mut dyn Host,
    now: u64,
    last: bool,
}

impl Flush<'_> {
    /// Nanoseconds since the Unix epoch, by the wall clock, which may be set back or forth.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Nanoseconds on a clock that never goes back and is never set; it stands still while the host is down. For intervals and expiry.
    pub fn steady(&mut self) -> u64 {
        self.host.clock_steady()
    }

    /// Whether a shutdown or a swap follows.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// What the call sends on: points, in metrics pipelines and out of connectors.
    pub fn output(&mut self) -> Output<'_> {
        Output { host: self.host }
    }

    /// The component's storage.
    pub fn storage(&mut self) -> Storage<'_> {
        Storage { host: self.host }
    }

    /// The host's log.
    pub fn log(&mut self) -> Log<'_> {
        Log { host: self.host }
    }
}

/// A processor with what the contract tells it once: the same thing in a component, in a test and in a native host.
#[derive(Debug)]
pub struct Instance<P> {
    processor: P,
    /// Descriptors by number, as the host counts them.
    descriptors: Vec<Descriptor>,
}

impl<P: Processor> Instance<P> {
    /// `describe` of the contract, given the configuration as JSON.
    pub fn describe(host: &mut dyn Host, signal: Signal, config: &str) -> Result<Instance<P>, Failure> {
        let config = config::parse_without(config, P::ABSENT_KEYS)?;
        let processor = P::describe(config, signal, &mut Declare { host })?;
        Ok(Instance { processor, descriptors: Vec::new() })
    }

    /// `start` of the contract.
    pub fn start(&mut self, host: &mut dyn Host, previous: Option<Stored>, now: u64) -> Result<(), Failure> {
        self.processor.start(&mut Start { host, previous, now })
    }

    /// `process` of the contract.
    pub fn process(&mut self, host: &mut dyn Host, signal: Signal, now: u64) -> Result<(), Failure> {
        self.processor.process(&mut Batch { host, descriptors: &mut self.descriptors, signal, now })
    }

    /// `flush` of the contract.
    pub fn flush(&mut self, host: &mut dyn Host, now: u64, last: bool) -> Result<Progress, Failure> {
        self.processor.flush(&mut Flush { host, now, last })
    }

    /// The processor itself.
    pub fn processor(&self) -> &P {
        &self.processor
    }
}
