#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use super::*;
use crate::contract::{ComponentId, InvalidUtf8, Limits, Metadata, OnTrap, Signal};
use crate::otlp::wire::{put_bytes, put_fixed64};
use crate::processor::{CallError, Context, Plugin, Processor, Progress, Secrets, Stored, Trap, TrapReason, Watermark};
use crate::storage::Store;

const CALL_MS: u64 = 1000;
/// A point on which the plugin never ends.
const ENDLESS: i64 = 666;
/// One on which it panics.
const PANICS: i64 = 667;

/// What calls ended at their deadline, each with how long that was, in milliseconds.
type Overruns = Arc<Mutex<Vec<u64>>>;

/// Reads the values of all points, and keeps no state.
struct Reader(Overruns);

impl Plugin for Reader {
    fn version(&self) -> &str {
        "reader"
    }

    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError> {
        Ok(Box::new(Reading { context, call_ms: CALL_MS, overruns: Arc::clone(&self.0) }))
    }
}

struct Reading {
    context: Context,
    call_ms: u64,
    overruns: Overruns,
}

fn trap(reason: TrapReason) -> CallError {
    CallError::Trap(Trap::new(reason, "on a row"))
}

impl Processor for Reading {
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    fn describe(&mut self, _: Signal, _: &str) -> Result<(), CallError> {
        let declared = self.context.declare().unwrap();
        declared.metrics(vec!["*".to_owned()]).unwrap();
        declared.values(Signal::Metrics).unwrap();
        Ok(())
    }

    fn start(&mut self, _: Option<Stored>, _: u64) -> Result<(), CallError> {
        Ok(())
    }

    fn process(&mut self, _: Signal, _: u64) -> Result<(), CallError> {
        let values = self.context.values().unwrap();
        let has = |value: i64| values.contains(&value.cast_unsigned());
        if has(PANICS) {
            return Err(trap(TrapReason::Other));
        }
        if has(ENDLESS) {
            self.overruns.lock().unwrap().push(self.call_ms);
            return Err(trap(TrapReason::Deadline));
        }
        Ok(())
    }

    fn flush(&mut self, _: u64, _: bool) -> Result<Progress, CallError> {
        Ok(Progress::Done)
    }

    fn bound_calls(&mut self, call_ms: u64) {
        self.call_ms = call_ms;
    }
}

/// A gauge with these values.
fn batch(values: &[i64]) -> Batch {
    let (mut gauge, mut metric, mut scope, mut resource, mut request) = Default::default();
    for value in values {
        let mut point = Vec::new();
        put_fixed64(&mut point, 6, value.cast_unsigned());
        put_bytes(&mut gauge, 1, &point);
    }
    put_bytes(&mut metric, 1, b"a");
    put_bytes(&mut metric, 5, &gauge);
    put_bytes(&mut scope, 2, &metric);
    put_bytes(&mut resource, 2, &scope);
    put_bytes(&mut request, 1, &resource);
    Batch {
        signal: Signal::Metrics,
        bytes: request.into(),
        items: Some(values.len() as u64),
        invalid_utf8: InvalidUtf8::Reject,
        metadata: Metadata::default(),
    }
}

const LIMITS: Limits = Limits {
    memory_bytes: 16 << 20,
    call_ms: CALL_MS,
    emitted_rows: 1000,
    dictionary_entries: 1000,
    storage_bytes: 1 << 20,
    log_bytes: 1 << 10,
    host_calls: 1000,
};

/// What becomes of a batch that broke in its first call: how many items pass and are poison, and how long the calls lasted that ended at
/// their deadline, that first one included, in times of `call_timeout`.
fn separated(values: &[i64]) -> (u64, u64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let overruns = Overruns::default();
    let setup = Setup {
        connects: false,
        id: "reader".parse::<ComponentId>().unwrap(),
        plugin: Arc::new(Reader(Arc::clone(&overruns))),
        config: "{}".to_owned(),
        secrets: Secrets::default(),
        signal: Signal::Metrics,
        limits: LIMITS,
        on_trap: OnTrap::Refuse,
        store: Store::open(folder.path()).unwrap().state(),
        watermark: Watermark::default(),
        partition: None,
        telling: None,
        registry: None,
    };
    let (batch, moment) = (batch(values), Moment { now: 1, steady: 1 });
    let (mut first, _) = Instance::build(setup.clone(), 1, moment).unwrap();
    let error = first.process(batch.clone(), 1, moment).err().unwrap();
    let broken = Broken {
        setup: &setup,
        before: &[],
        batch: &batch,
        reason: error.to_string(),
        overran: error.overran(),
        suspected: false,
        control: None,
        trip: 1,
        moment,
    };
    let separated = broken.separate(&mut Searches::of(1)).unwrap();
    let passed = separated
        .survivors
        .as_ref()
        .map_or(0, |survivors| survivors.calls.iter().filter_map(|(batch, _)| batch.items).sum());
    let lasted: u64 = overruns.lock().unwrap().iter().sum();
    (passed, separated.poisoned(), lasted as f64 / CALL_MS as f64)
}

fn many(count: usize, bad: &[(usize, i64)]) -> Vec<i64> {
    let mut values = vec![1; count];
    bad.iter().for_each(|(at, value)| values[*at] = *value);
    values
}

#[test]
fn one_endless_item_costs_a_few_calls_and_no_other_item() {
    for (count, at, most) in [(1, 0, 2.0), (2, 1, 3.0), (16, 7, 2.5), (100, 99, 2.5), (8192, 4000, 2.5)] {
        let (passed, poison, lasted) = separated(&many(count, &[(at, ENDLESS)]));
        assert_eq!((passed, poison), (count as u64 - 1, 1), "of {count}");
        assert!(lasted <= most, "of {count}: {lasted} times as long as a call may take");
    }
}

#[test]
fn many_endless_items_cost_no_more_than_four_calls() {
    for bad in [2_usize, 5, 100, 8192] {
        let places: Vec<(usize, i64)> = (0..bad).map(|number| (number * (8192 / bad), ENDLESS)).collect();
        let (passed, poison, lasted) = separated(&many(8192, &places));
        assert_eq!(passed + poison, 8192);
        assert!(poison >= bad as u64, "{poison} of {bad}");
        assert!(lasted <= 4.0, "{bad}: {lasted} times as long as a call may take");
    }
}

#[test]
fn a_few_endless_items_are_found_alone() {
    let places = [(3, ENDLESS), (4000, ENDLESS), (8000, ENDLESS)];
    let (passed, poison, lasted) = separated(&many(8192, &places));
    assert_eq!((passed, poison), (8189, 3));
    assert!(lasted <= 4.0, "{lasted}");
}

#[test]
fn an_item_that_panics_is_found_as_before() {
    let (passed, poison, lasted) = separated(&many(8192, &[(17, PANICS), (5000, PANICS)]));
    assert_eq!((passed, poison, lasted), (8190, 2, 0.0));
}
