//! A request without items is accepted and not sent on: OTLP says that empty envelopes should not be made.

use anyhow::{Result, ensure};
use otelier_tests::downstream::{Downstream, Fate};
use otelier_tests::grpc;
use otelier_tests::host::Setup;
use otelier_tests::{http, payload, wait};
use serde_json::json;

use crate::forwarding;

#[test]
fn what_has_no_items_is_accepted_and_goes_nowhere() -> Result<()> {
    const JSON: (&str, &str) = ("content-type", "application/json");
    for exporter in ["otlp", "otlphttp"] {
        for queue in [json!({"storage": "rocksdb"}), json!({"wait_for_result": true}), json!({"enabled": false})] {
            // Whatever comes first is refused for good, which would make a dead letter of it.
            let downstream = Downstream::start(|number| if number == 0 { Fate::Refused } else { Fate::Taken })?;
            let configuration = forwarding(exporter, downstream.address(), &json!({"sending_queue": queue}))
                .pipeline("metrics", &[], &[exporter])
                .pipeline("traces", &[], &[exporter]);
            let setup = Setup::without_plugins(&configuration)?;
            let host = setup.start()?;
            let mut client = host.grpc()?;
            for path in [grpc::METRICS, grpc::TRACES, grpc::LOGS] {
                // Nothing at all; a resource; a scope in it.
                for request in [&b""[..], b"\x0a\x00", b"\x0a\x02\x12\x00"] {
                    let outcome = client.send(path, request);
                    ensure!(outcome.is_acknowledged(), "{outcome:?}");
                }
            }
            // A gauge without points.
            ensure!(
                client
                    .send(grpc::METRICS, &payload::metrics(vec![payload::gauge("oven", Vec::new())]))
                    .is_acknowledged()
            );
            for path in ["/v1/metrics", "/v1/traces", "/v1/logs"] {
                for json in ["{}", r#"{"resourceMetrics":[],"resourceSpans":[{}],"resourceLogs":[{"scopeLogs":[]}]}"#] {
                    let answer = http::post(host.endpoints().http, path, &[JSON], json.as_bytes())?;
                    ensure!((answer.status, answer.text().as_str()) == (200, "{}"), "{path}: {}", answer.text());
                }
            }
            // One that has an item is the first that the destination sees.
            let outcome = client.send(grpc::LOGS, &payload::logs(&["a record"]));
            ensure!(outcome.is_acknowledged() == queue["storage"].is_string(), "{outcome:?}");
            wait::until_equal("it arrives", &Some(1), || Ok(downstream.memory().fates.get("Refused").copied()))?;
            ensure!(downstream.memory().fates.len() == 1, "{:?}", downstream.memory().fates);
            let letters = f64::from(u8::from(queue["storage"].is_string()));
            wait::until_equal("its letter is the only one", &Some(letters), || {
                Ok(host.own_metrics()?.value("otelier_dead_letters", &[]))
            })?;
            host.kill()?;
        }
    }
    Ok(())
}
