//! The memory that a version needs is there before batches wait for it.

use std::sync::Arc;

use anyhow::Result;
use otelier::clock::Moment;
use otelier::contract::{Limits, OnTrap, Signal};
use otelier::processor::{Candidate, Secrets, Setup, Watermark};
use otelier::storage::Store;
use otelier::wasm::{Engine, ProcessorPlugin};
use otelier_tests::environment;

const LIMITS: Limits = Limits {
    memory_bytes: 16 << 20,
    call_ms: 10_000,
    emitted_rows: 1_000_000,
    dictionary_entries: 1_000_000,
    storage_bytes: 1 << 30,
    log_bytes: 1 << 16,
    host_calls: 1_000_000,
};

/// As much as the instance has for which it takes over, and no more; a plugin that keeps no state needs none.
#[test]
fn an_heir_has_the_memory_that_it_is_expected_to_need() -> Result<()> {
    let (engine, folder) = (Engine::new()?, tempfile::tempdir()?);
    let store = Store::open(folder.path())?;
    let heir = |plugin: &str, config: &str, expected: usize| -> Result<usize> {
        let setup = Setup {
            id: plugin.parse()?,
            plugin: Arc::new(ProcessorPlugin::load(&engine, &environment::plugin(plugin)?)?),
            config: config.to_owned(),
            secrets: Secrets::default(),
            signal: Signal::Metrics,
            connects: false,
            limits: LIMITS,
            on_trap: OnTrap::Refuse,
            store: store.state(),
            watermark: Watermark::default(),
            partition: None,
            telling: None,
            registry: None,
        };
        Ok(Candidate::try_out(setup, Moment { now: 1, steady: 1 })?.heir(expected)?.memory_bytes())
    };
    let aggregate = r#"{"metrics": ["work.done"], "group_by": ["work.type"]}"#;
    let alone = heir("aggregate", aggregate, 0)?;
    assert!(alone < 4 << 20, "{alone} bytes without any state");
    for expected in [12 << 20, 16 << 20] {
        let ready = heir("aggregate", aggregate, expected)?;
        assert!((expected - (256 << 10)..=expected).contains(&ready), "{ready} of {expected} bytes");
    }
    let filter = r#"{"metrics": {"exclude": {"match_type": "strict", "metric_names": ["a"]}}}"#;
    assert_eq!(heir("filter", filter, 16 << 20)?, heir("filter", filter, 0)?);
    Ok(())
}
