//! Policies that break: the lane goes on with the built-in one, and what happened is counted.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use otelier::clock::Clock;
use otelier::contract::{
    Batch, Client, Delivery, Failure, FailureClass, Grants, InvalidUtf8, Limits, Metadata, Outcome, PolicySource,
    Signal,
};
use otelier::delivery::gate::{Breaker, Settings};
use otelier::delivery::{Budget, DeadLetters, Gate, LaneContext, PushLane, Size};
use otelier::storage::Store;
use otelier::telemetry::Registry;
use otelier::wasm::{Engine, PluginFile, PolicyPlugin};
use otelier_tests::component::{self, AT_INSTANTIATION};
use otelier_tests::environment;
use serde_json::{Value, json};

const BATCHES: u64 = 5;
/// Retries without end.
const NO_END: Duration = Duration::ZERO;

const LIMITS: Limits = Limits {
    memory_bytes: 16 << 20,
    // Long enough for a machine that is busy.
    call_ms: 1000,
    emitted_rows: 1,
    dictionary_entries: 1,
    storage_bytes: 1 << 30,
    log_bytes: 1 << 16,
    host_calls: 1_000_000,
};

/// Fails so often, then takes everything.
struct Destination {
    failures: AtomicU64,
    taken: AtomicU64,
}

impl Client for Destination {
    fn send<'c>(&'c self, _: &'c Batch) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>> {
        Box::pin(async move {
            let failures = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if failures.is_ok() {
                let reason = "as told".to_owned();
                return Outcome::Failed(Failure {
                    class: FailureClass::Unavailable,
                    reason,
                    retry_after: None,
                    answered: None,
                });
            }
            self.taken.fetch_add(1, Ordering::Relaxed);
            Outcome::Delivered
        })
    }

    fn destination(&self) -> String {
        "scripted".to_owned()
    }
}

fn misjudge() -> Result<Arc<dyn PolicySource>> {
    let file = environment::guest("misjudge")?;
    let plugin = PolicyPlugin::compile(&Engine::new()?, &PluginFile::read(&file)?, &Grants::default())?;
    Ok(Arc::new(plugin))
}

fn breaker(source: &Arc<dyn PolicySource>, config: Value) -> Result<Breaker> {
    let (id, settings) = ("misjudge".parse()?, Settings::read(config)?);
    Ok(Breaker { id, source: Some(Arc::clone(source)), limits: LIMITS, settings })
}

fn batch() -> Batch {
    Batch {
        signal: Signal::Logs,
        bytes: Bytes::from_static(b""),
        items: Some(1),
        invalid_utf8: InvalidUtf8::Accept,
        metadata: Metadata::default(),
    }
}

struct Run {
    registry: Registry,
    /// Batches the destination has taken.
    taken: u64,
}

/// A lane with that breaker, until everything is delivered or `done` says so.
fn run(breaker: Breaker, failures: u64, max_elapsed: Duration, done: impl Fn(&Registry) -> bool) -> Result<Run> {
    let (folder, registry) = (tempfile::tempdir()?, Registry::default());
    let store = Store::open(folder.path())?;
    let context = LaneContext {
        dead_letters: DeadLetters::open(store.queues(), 1 << 20, &registry)?,
        store: store.queues(),
        budget: Budget::new(1 << 20),
        quotas: HashMap::new(),
        clock: Clock::system(),
        registry: registry.clone(),
    };
    let id = "otlp".parse()?;
    let mut config = Delivery { timeout: Duration::from_secs(5), ..Delivery::default() };
    config.queue.num_consumers = 1.try_into()?;
    config.retry.initial_interval = Duration::from_millis(1);
    config.retry.max_interval = Duration::from_millis(1);
    config.retry.max_elapsed_time = max_elapsed;
    let destination = Arc::new(Destination { failures: AtomicU64::new(failures), taken: AtomicU64::new(0) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let gate = Gate::new(&id, breaker, &registry, 1);
        let lane = PushLane::new(&id, config, gate, &context)?;
        for _ in 0..BATCHES {
            let mut reserved = lane.try_reserve(Size::default()).ok().context("no room")?;
            reserved.prepare(&[batch()], &mut Vec::new());
            reserved.send(vec![batch()], None);
        }
        let running = tokio::spawn(lane.clone().run(destination.clone()));
        let began = Instant::now();
        let delivered = || destination.taken.load(Ordering::Relaxed) == BATCHES;
        while !delivered() && !done(&registry) {
            ensure!(began.elapsed() < Duration::from_secs(60), "the lane stands still: {}", registry.render());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        lane.close();
        running.await?;
        Ok(())
    })?;
    Ok(Run { registry, taken: destination.taken.load(Ordering::Relaxed) })
}

/// Everything is delivered although the policy breaks at once, and the reason is counted.
fn goes_on(mode: &str, reason: &str) -> Result<()> {
    let run = run(breaker(&misjudge()?, json!({"mode": mode}))?, 0, NO_END, |_| false)?;
    assert_eq!(run.taken, BATCHES, "{mode}");
    let failures = run.registry.total("otelier_breaker_policy_failures", &[("reason", reason), ("exporter", "otlp")]);
    let fallback = run.registry.total("otelier_breaker_fallback", &[("breaker", "misjudge")]);
    ensure!(failures > 0 && fallback == 1, "{mode}: {}", run.registry.render());
    Ok(())
}

#[test]
fn a_policy_that_traps() -> Result<()> {
    goes_on("trap-in-admit", "trap")?;
    goes_on("trap-in-outcome", "trap")
}

#[test]
fn a_policy_that_never_answers() -> Result<()> {
    goes_on("loop-in-admit", "deadline")?;
    goes_on("loop-in-outcome", "deadline")
}

#[test]
fn a_policy_that_takes_all_memory() -> Result<()> {
    goes_on("memory-bomb", "memory")
}

#[test]
fn a_policy_that_recurses_without_end() -> Result<()> {
    // A guest's own stack lies in its memory, and is the first to end where anything of a call lies there.
    goes_on("deep-recursion", "trap")?;
    goes_on("stack-overflow", "stack")
}

/// Not even its configuration is read. A start refuses such a policy; the next instance of one that was started can become one.
#[test]
fn a_policy_that_breaks_on_its_configuration() -> Result<()> {
    goes_on("refuse-configuration", "refused")?;
    goes_on("trap-in-configure", "trap")?;
    goes_on("loop-in-configure", "deadline")
}

/// What a component does at its instantiation has the same limits as a call.
#[test]
fn a_policy_that_breaks_at_its_instantiation() -> Result<()> {
    let misjudge = std::fs::read(environment::guest("misjudge")?)?;
    for (behind, says) in AT_INSTANTIATION {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("policy.wasm");
        std::fs::write(&file, component::with(&misjudge, behind)?)?;
        let plugin = PolicyPlugin::compile(&Engine::new()?, &PluginFile::read(&file)?, &Grants::default())?;
        let error = plugin.configured(&"misjudge".parse()?, r#"{"mode": "behave"}"#, LIMITS).err();
        let detail = error.with_context(|| format!("{behind:?} is configured"))?.detail;
        ensure!(detail.contains(says), "{behind:?}: {detail}");
    }
    Ok(())
}

#[test]
fn a_policy_that_rejects_until_the_end_of_time() -> Result<()> {
    goes_on("reject-for-ever", "answer")
}

#[test]
fn a_policy_that_rejects_until_a_time_that_has_passed() -> Result<()> {
    goes_on("reject-until-the-past", "answer")
}

#[test]
fn a_policy_that_is_half_open_without_a_probe() -> Result<()> {
    goes_on("no-probe", "answer")
}

/// The policy breaks, and so does the destination: the built-in breaker opens.
#[test]
fn the_built_in_policy_protects_the_destination() -> Result<()> {
    let is_open = |registry: &Registry| registry.total("otelier_breaker_state", &[]) == 2;
    let run = run(breaker(&misjudge()?, json!({"mode": "trap-in-admit"}))?, u64::MAX, NO_END, is_open)?;
    assert_eq!(run.taken, 0);
    let (open, closed) = (("to", "open"), ("from", "closed"));
    assert_eq!(run.registry.total("otelier_breaker_transitions", &[open, closed]), 1);
    let attempts = run.registry.total("otelier_exporter_failed_attempts", &[("class", "unavailable")]);
    assert_eq!(attempts, 6, "it opens at the sixth failure in a row");
    Ok(())
}

/// One that goes on rejecting answers well, but holds nothing back for longer than it may.
#[test]
fn a_policy_that_rejects_on_and_on_is_bounded() -> Result<()> {
    let config = json!({"mode": "reject-on-and-on", "max_hold": "20ms"});
    let gate_open = breaker(&misjudge()?, config)?;
    let registry = Registry::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let gate = Gate::new(&"otlp".parse()?, gate_open, &registry, 1);
        for _ in 0..3 {
            gate.admit(Default::default).await.report(&Outcome::Delivered, Duration::ZERO);
        }
        anyhow::Ok(())
    })?;
    assert_eq!(registry.total("otelier_breaker_probes", &[("kind", "max_hold")]), 3);
    assert_eq!(registry.total("otelier_breaker_policy_failures", &[]), 0);
    Ok(())
}

/// What is held back, and fails once, is not given up: the time behind the gate is none of the time for retries.
#[test]
fn what_is_held_back_does_not_use_up_the_time_for_retries() -> Result<()> {
    let config = json!({"mode": "reject-on-and-on", "max_hold": "700ms"});
    let run = run(breaker(&misjudge()?, config)?, 1, Duration::from_millis(600), |registry| {
        registry.total("otelcol_exporter_send_failed_log_records", &[]) > 0
    })?;
    assert_eq!(run.taken, BATCHES);
    assert_eq!(run.registry.total("otelier_exporter_retries", &[]), 1);
    Ok(())
}

/// Two exporters name one breaker: what one's destination does is nothing to the other's gate.
#[test]
fn each_exporter_has_an_instance_of_its_own() -> Result<()> {
    let file = environment::plugin("consecutive-failures")?;
    let plugin = PolicyPlugin::compile(&Engine::new()?, &PluginFile::read(&file)?, &Grants::default())?;
    let breaker = breaker(&(Arc::new(plugin) as Arc<dyn PolicySource>), json!({"consecutive_failures": 0}))?;
    let registry = Registry::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let first = Gate::new(&"otlp/a".parse()?, breaker.clone(), &registry, 1);
        let second = Gate::new(&"otlp/b".parse()?, breaker, &registry, 1);
        let reason = "as told".to_owned();
        let failed =
            Outcome::Failed(Failure { class: FailureClass::Timeout, reason, retry_after: None, answered: None });
        first.admit(Default::default).await.report(&failed, Duration::ZERO);
        assert!(first.closed_until().is_some());
        second.admit(Default::default).await.report(&Outcome::Delivered, Duration::ZERO);
        assert!(second.closed_until().is_none());
        anyhow::Ok(())
    })?;
    let state = |exporter| registry.total("otelier_breaker_state", &[("exporter", exporter)]);
    assert_eq!((state("otlp/a"), state("otlp/b")), (2, 0));
    Ok(())
}
