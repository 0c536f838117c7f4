//! The world of breaker policies on a Store: translates between the generated bindings and the gate's words.

use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use super::bounds::Bounds;
use super::counted::Counted;
use super::wasi::{self, HasWasi, VirtualWasi};
use super::{call_ticks, deadline, granted, limited, misfit, of_world};
use crate::clock::Moment;
use crate::contract::{
    ComponentId, Counters, Decision, Ended, FailureClass, Grants, Limits, Policy, PolicyError, PolicySource, Question,
};
use crate::processor::{CallError, GuestLog, Severity, Telling, TrapReason, Violation};
use crate::wasm::bindings::breaker::exports::otelier::plugin::breaker as exported;
use crate::wasm::bindings::breaker::otelier::plugin::{log, types};
use crate::wasm::bindings::breaker::{BreakerPolicy, BreakerPolicyPre};
use crate::wasm::engine::Engine;
use crate::wasm::error::{call_error, text};
use crate::wasm::file::{PluginFile, short};
use crate::wasm::load_error::LoadError;

const WORLD: &str = "breaker-policy";

/// A compiled breaker policy.
pub struct PolicyPlugin {
    engine: Engine,
    pre: BreakerPolicyPre<Data>,
    telling: VersionTelling,
}

/// How a version broke, and what was told of that lately.
#[derive(Clone)]
struct VersionTelling {
    /// The beginning of its hash.
    version: String,
    telling: Telling,
}

struct Data {
    component: ComponentId,
    telling: VersionTelling,
    log: Counted<GuestLog>,
    wasi: VirtualWasi,
    bounds: Bounds,
}

impl HasWasi for Data {
    fn wasi(&mut self) -> Result<&mut VirtualWasi, Violation> {
        self.log.call()?;
        Ok(&mut self.wasi)
    }

    fn line(&mut self, severity: Severity, line: &str) {
        self.log.host().write(severity, line);
    }
}

impl PolicyPlugin {
    /// Compiles and links a file's contents.
    pub fn compile(engine: &Engine, file: &PluginFile, grants: &Grants) -> Result<PolicyPlugin, LoadError> {
        let component = engine.compile(file)?;
        of_world(engine, file, &component, WORLD)?;
        granted(engine, file, &component, grants)?;
        let misfit = |error| misfit(file.path(), WORLD, &error);
        let mut linker: Linker<Data> = Linker::new(engine.inner());
        BreakerPolicy::add_to_linker::<Data, HasSelf<Data>>(&mut linker, |data| data).map_err(misfit)?;
        wasi::add_to_linker(engine, &component, &mut linker).map_err(misfit)?;
        let pre = linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = BreakerPolicyPre::new(pre).map_err(misfit)?;
        let version = short(file.sha256());
        let telling = VersionTelling { version, telling: Telling::default() };
        Ok(PolicyPlugin { engine: engine.clone(), pre, telling })
    }
}

impl PolicySource for PolicyPlugin {
    fn configured(&self, breaker: &ComponentId, config: &str, limits: Limits) -> Result<Box<dyn Policy>, PolicyError> {
        let log = Counted::new(GuestLog::new(breaker, limits.log_bytes), limits.host_calls);
        let wasi = VirtualWasi::new(&breaker.to_string());
        let telling = self.telling.clone();
        let data = Data { component: breaker.clone(), telling, log, wasi, bounds: Bounds::default() };
        let mut store = limited(&self.engine, data, &limits, |data| &mut data.bounds);
        let failed = |error: &wasmtime::Error| self.telling.policy_error(breaker, call_error(error, None));
        let world = self.pre.instantiate(&mut store).map_err(|error| failed(&error))?;
        let mut instance = PolicyInstance { store, world, call_ticks: call_ticks(limits.call_ms) };
        match instance.call(0, |guest, store| guest.call_configure(store, config))? {
            Ok(()) => Ok(Box::new(instance)),
            Err(types::Failure { message, .. }) => Err(PolicyError { reason: "refused", detail: text(&message) }),
        }
    }
}

struct PolicyInstance {
    store: Store<Data>,
    world: BreakerPolicy,
    call_ticks: u64,
}

impl PolicyInstance {
    /// One export under its deadline, at that time.
    fn call<T>(
        &mut self,
        now: u64,
        export: impl FnOnce(&exported::Guest, &mut Store<Data>) -> wasmtime::Result<T>,
    ) -> Result<T, PolicyError> {
        self.store.set_epoch_deadline(self.call_ticks);
        let Data { log, wasi, .. } = self.store.data_mut();
        log.begin(deadline(self.call_ticks));
        log.host().begin();
        wasi.begin(Moment { now, steady: now });
        let result = export(self.world.otelier_plugin_breaker(), &mut self.store);
        let data = self.store.data_mut();
        for (severity, line) in data.wasi.end() {
            data.line(severity, &line);
        }
        result.map_err(|error| {
            let panic = data.log.host().take_panic();
            data.telling.policy_error(&data.component, call_error(&error, panic))
        })
    }
}

impl Policy for PolicyInstance {
    fn admit(&mut self, question: &Question) -> Result<Decision, PolicyError> {
        let Question { now, counters, queue_depth, drain_rate } = *question;
        let counters = counters.into();
        let decision =
            self.call(now, |guest, store| guest.call_admit(store, now, counters, queue_depth, drain_rate))?;
        Ok(match decision {
            exported::Decision::Allow => Decision::Allow,
            exported::Decision::Probe(limit) => Decision::Probe(limit),
            exported::Decision::Reject(until) => Decision::Reject(until),
        })
    }

    fn on_outcome(&mut self, ended: Ended, latency: u64, now: u64) -> Result<(), PolicyError> {
        self.call(now, |guest, store| guest.call_on_outcome(store, ended.into(), latency, now))
    }
}

impl VersionTelling {
    /// What the gate hears of it. Where the policy broke is for its author, and is told in the log.
    fn policy_error(&self, breaker: &ComponentId, error: CallError) -> PolicyError {
        if let CallError::Trap(trap) = &error
            && self.telling.admit(&format!("{breaker} {trap}"), Instant::now()).is_some()
        {
            tracing::warn!(component = %breaker, version = self.version, "{trap}\n{}", trap.stack);
        }
        let detail = error.to_string();
        let reason = match error {
            CallError::Failure { .. } => "refused",
            CallError::Trap(trap) => match trap.reason {
                TrapReason::Deadline => "deadline",
                TrapReason::Memory => "memory",
                TrapReason::Stack => "stack",
                TrapReason::HostCalls => "host_calls",
                TrapReason::Contract => "contract",
                TrapReason::Other => "trap",
            },
        };
        PolicyError { reason, detail }
    }
}

impl types::Host for Data {}

impl log::Host for Data {
    fn write(&mut self, severity: log::Severity, message: String) -> wasmtime::Result<()> {
        let severity = match severity {
            log::Severity::Trace => Severity::Trace,
            log::Severity::Debug => Severity::Debug,
            log::Severity::Info => Severity::Info,
            log::Severity::Warn => Severity::Warn,
            log::Severity::Error => Severity::Error,
        };
        self.log.call()?.write(severity, &message);
        Ok(())
    }
}

impl From<Counters> for exported::Counters {
    fn from(counters: Counters) -> Self {
        let Counters { requests, successes, failures, consecutive_successes, consecutive_failures } = counters;
        exported::Counters { requests, successes, failures, consecutive_successes, consecutive_failures }
    }
}

impl From<Ended> for exported::Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Delivered => exported::Outcome::Delivered,
            Ended::Partial => exported::Outcome::Partial,
            Ended::Failed(FailureClass::Unreachable | FailureClass::Broken) => exported::Outcome::Unreachable,
            Ended::Failed(FailureClass::Timeout) => exported::Outcome::Timeout,
            Ended::Failed(FailureClass::Unavailable) => exported::Outcome::Unavailable,
            Ended::Failed(FailureClass::Throttled) => exported::Outcome::Throttled,
            Ended::Failed(FailureClass::Permanent) => exported::Outcome::Permanent,
        }
    }
}
