//! The component's side of a breaker policy: the exports around the one instance of the module.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::bindings::exports::otelier::plugin::breaker::{Counters, Decision, Guest, Outcome};
use super::{Policy, Question};
use crate::bindings::otelier::plugin::log;
use crate::{Failure, Severity, config};

/// What [`export_policy!`](crate::export_policy) exports for a policy.
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

/// Whichever policy the crate exports.
trait AnyPolicy {
    fn admit(&mut self, question: &Question) -> Decision;
    fn on_outcome(&mut self, outcome: Outcome, latency: u64, now: u64);
}

impl<P: Policy> AnyPolicy for P {
    fn admit(&mut self, question: &Question) -> Decision {
        Policy::admit(self, question)
    }

    fn on_outcome(&mut self, outcome: Outcome, latency: u64, now: u64) {
        Policy::on_outcome(self, outcome, latency, now);
    }
}

thread_local! {
    /// A module has one thread and one instance.
    static POLICY: RefCell<Option<Box<dyn AnyPolicy>>> = const { RefCell::new(None) };
}

impl<P: Policy + 'static> Guest for Exported<P> {
    fn configure(text: String) -> Result<(), Failure> {
        std::panic::set_hook(Box::new(|panic| log::write(Severity::Error, &panic.to_string())));
        let policy = P::configure(config::parse(&text)?)?;
        POLICY.set(Some(Box::new(policy)));
        Ok(())
    }

    fn admit(now: u64, counters: Counters, queue_depth: u64, drain_rate: f64) -> Decision {
        let question = Question { now, counters, queue_depth, drain_rate };
        POLICY.with_borrow_mut(|policy| match policy {
            Some(policy) => policy.admit(&question),
            // The host configures first; one that does not has no policy to go by.
            None => Decision::Allow,
        })
    }

    fn on_outcome(outcome: Outcome, latency: u64, now: u64) {
        POLICY.with_borrow_mut(|policy| {
            if let Some(policy) = policy {
                policy.on_outcome(outcome, latency, now);
            }
        });
    }
}
