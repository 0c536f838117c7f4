//! The collection through a pipeline in which the aggregate plugin takes one metric: all others arrive untouched.

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;
use otelier_tests::capture;
use otelier_tests::host::Setup;
use otelier_tests::request::Request;
use otelier_tests::{environment, wait};
use serde_json::json;

use crate::collection;
use crate::programs::TRANSPORTS;
use crate::replay::{capturing_host, send};

/// A counter that every client sends, in some requests alone and in some among others.
const MATCHED: &str = "orders.placed";
const EMITTED: &str = "orders.placed_batched";

#[test]
fn what_the_plugin_does_not_match_arrives_untouched() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let body = json!({"metrics": [MATCHED], "group_by": ["work.type"], "rename": "{name}_batched", "interval": "50ms"});
    let config = capture::configuration(&file, &["aggregate"]).processor("aggregate", body);
    environment::plugin("aggregate")?;
    let setup = Setup::with_aggregate(&config)?.run_by(capturing_host());
    let host = setup.start()?;
    let (mut expected, mut touched) = (Vec::new(), 0);
    for entry in collection::read()?.iter().filter(|entry| entry.signal == Signal::Metrics) {
        let whole = entry.request()?;
        let rest = without(whole.clone(), MATCHED);
        touched += usize::from(rest.items().len() < whole.items().len());
        for transport in TRANSPORTS {
            send(&host, entry, transport)?;
            // Of a request that the plugin took whole nothing is left to arrive.
            if !rest.items().is_empty() {
                expected.push((format!("{} over {transport:?}", entry.name), rest.clone()));
            }
        }
    }
    ensure!(touched >= 6, "the plugin took something of {touched} requests only");
    let arrived = wait::until("the rest of every request and the plugin's sums have arrived", || {
        let (emitted, passed): (Vec<_>, Vec<_>) = capture::read(&file)?.into_iter().partition(is_emitted);
        Ok((passed.len() >= expected.len() && !emitted.is_empty()).then_some(passed))
    })
    .with_context(|| format!("the host's log:\n{}", setup.log()))?;
    ensure!(arrived.len() == expected.len(), "{} expected, {} arrived", expected.len(), arrived.len());
    for ((name, expected), arrived) in expected.iter().zip(&arrived) {
        expected.assert_arrived_as(arrived).with_context(|| name.clone())?;
    }
    Ok(())
}

fn is_emitted(request: &Request) -> bool {
    let Request::Metrics(request) = request else { return false };
    let mut scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.any(|scope| scope.metrics.iter().any(|metric| metric.name == EMITTED))
}

/// A request without a metric, and without what held nothing else.
fn without(request: Request, name: &str) -> Request {
    let Request::Metrics(mut request) = request else { return request };
    request.resource_metrics.retain_mut(|resource| {
        resource.scope_metrics.retain_mut(|scope| {
            scope.metrics.retain(|metric| metric.name != name);
            !scope.metrics.is_empty()
        });
        !resource.scope_metrics.is_empty()
    });
    Request::Metrics(request)
}
