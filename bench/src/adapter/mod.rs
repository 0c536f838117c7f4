//! A plugin linked natively: the contract's imports answered by the host's [`Context`], as the sandbox's adapter answers them.
//!
//! Everything behind the context is the host's own, so what differs from the sandbox is the call itself: no copies of columns
//! into a guest, no bounds of a Store, code that was compiled for this machine.

mod imports;
mod types;

use std::marker::PhantomData;

use otelier::contract::Signal;
use otelier::processor::{CallError, Context, Plugin, Processor, Progress, Stored, Trap, TrapReason, Violation};
use otelier_sdk::{Failure, Instance};

use imports::Imports;

/// The SDK's processor `P` as a plugin of the host.
#[derive(Debug)]
pub struct NativePlugin<P>(PhantomData<fn() -> P>);

impl<P> NativePlugin<P> {
    /// The plugin.
    pub fn new() -> NativePlugin<P> {
        NativePlugin(PhantomData)
    }
}

impl<P: otelier_sdk::Processor + Send + 'static> Plugin for NativePlugin<P> {
    fn version(&self) -> &str {
        "native"
    }

    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError> {
        Ok(Box::new(Native::<P> { context, instance: None }))
    }
}

struct Native<P> {
    context: Context,
    /// From `describe` on.
    instance: Option<Instance<P>>,
}

impl<P: otelier_sdk::Processor> Native<P> {
    /// One call. What broke the contract makes it a trap, as in the sandbox.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Instance<P>, &mut Imports<'_>) -> Result<T, Failure>,
    ) -> Result<T, CallError> {
        let Some(instance) = self.instance.as_mut() else { return Err(trap("not described")) };
        let mut imports = Imports::new(&mut self.context);
        let result = call(instance, &mut imports);
        outcome(result, imports.violation)
    }
}

fn outcome<T>(result: Result<T, Failure>, violation: Option<Violation>) -> Result<T, CallError> {
    if let Some(violation) = violation {
        return Err(trap(&violation.to_string()));
    }
    result.map_err(|Failure { message, retryable }| CallError::Failure { message, retryable })
}

fn trap(detail: &str) -> CallError {
    CallError::Trap(Trap::new(TrapReason::Contract, detail))
}

fn guest_signal(signal: Signal) -> otelier_sdk::Signal {
    match signal {
        Signal::Metrics => otelier_sdk::Signal::Metrics,
        Signal::Traces => otelier_sdk::Signal::Traces,
        Signal::Logs => otelier_sdk::Signal::Logs,
    }
}

impl<P: otelier_sdk::Processor + Send> Processor for Native<P> {
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError> {
        let mut imports = Imports::new(&mut self.context);
        let result = Instance::describe(&mut imports, guest_signal(signal), config);
        self.instance = Some(outcome(result, imports.violation)?);
        Ok(())
    }

    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError> {
        let previous = previous.map(|Stored { format, config }| otelier_sdk::Stored { format, config });
        self.call(|instance, imports| instance.start(imports, previous, now))
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError> {
        self.call(|instance, imports| instance.process(imports, guest_signal(signal), now))
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError> {
        self.call(|instance, imports| instance.flush(imports, now, last)).map(|progress| match progress {
            otelier_sdk::Progress::Done => Progress::Done,
            otelier_sdk::Progress::More => Progress::More,
        })
    }
}
