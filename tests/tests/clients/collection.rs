//! The making of the collection, and whether it is still what the clients send.
//!
//! `OTELIER_COLLECTION=write cargo xtask test --test clients collection_of` writes it anew. Without that the tests here
//! check that the clients, in the versions that set-up installs, still send the same but for times and ids.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
pub use otelier_tests::collection::{Entry, folder, read};
use otelier_tests::recorder::{Recorded, Recorder, Transport};
use otelier_tests::request::Request;

use crate::programs::{self, GENERATED, SDKS, Sdk, TRANSPORTS, Target};
use crate::steady::steady;

/// Writes one client's entries, or compares them with those that are there.
fn write_or_compare(client: &str, entries: &[Entry]) -> Result<()> {
    let folder = folder().join(client);
    if std::env::var_os("OTELIER_COLLECTION").is_some_and(|wish| wish == "write") {
        return write(&folder, entries);
    }
    let kept: Vec<Entry> = read()?.into_iter().filter(|entry| entry.name.starts_with(client)).collect();
    let names = |entries: &[Entry]| entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&kept), names(entries), "the collection has what the client sends");
    for (kept, sent) in kept.iter().zip(entries) {
        steady(kept.request()?).assert_arrived_as(&steady(sent.request()?)).with_context(|| {
            format!("the collection's {} is not what the client sends now; if that is well, see README.md", kept.name)
        })?;
    }
    Ok(())
}

fn write(folder: &Path, entries: &[Entry]) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for entry in entries {
        let stem = entry.name.split('/').next_back().unwrap_or_default();
        std::fs::write(folder.join(format!("{stem}.pb")), &entry.protobuf)?;
        std::fs::write(folder.join(format!("{stem}.json")), &entry.json)?;
    }
    Ok(())
}

#[test]
fn collection_of_python() -> Result<()> {
    of_sdk(&SDKS[0])
}

#[test]
fn collection_of_javascript() -> Result<()> {
    of_sdk(&SDKS[1])
}

fn of_sdk(sdk: &Sdk) -> Result<()> {
    let recorder = Recorder::start()?;
    let said = tempfile::tempdir()?;
    sdk.send(Target { grpc: recorder.address, http: recorder.address }, said.path(), false)?;
    // A request comes over each transport in turn.
    let recorded = recorder.take()?;
    let mut entries = BTreeMap::new();
    for same in recorded.chunks(TRANSPORTS.len()) {
        let [grpc, http, json] = same else { anyhow::bail!("{} requests do not go into threes", recorded.len()) };
        assert_eq!([grpc, http, json].map(|one| (one.signal, one.transport)), TRANSPORTS.map(|way| (grpc.signal, way)));
        assert_eq!(grpc.message, http.message, "gRPC and HTTP/protobuf carry the same bytes");
        let name = Request::decode(grpc.signal, &grpc.message)?.scope().context("no scope")?.to_owned();
        let said = std::fs::read(said.path().join(format!("{name}.pb")))?;
        assert_eq!(grpc.message, said, "{name}: what is sent is what the client says it sends");
        entries.insert(name.clone(), of_recorded(sdk.name, &name, grpc, json.message.clone()));
    }
    assert_eq!(entries.len() * TRANSPORTS.len(), recorded.len(), "no two requests have one name");
    write_or_compare(sdk.name, &entries.into_values().collect::<Vec<_>>())
}

fn of_recorded(client: &str, name: &str, protobuf: &Recorded, json: Vec<u8>) -> Entry {
    Entry { name: format!("{client}/{name}"), signal: protobuf.signal, protobuf: protobuf.message.clone(), json }
}

#[test]
fn collection_of_telemetrygen() -> Result<()> {
    let recorder = Recorder::start()?;
    let folder = tempfile::tempdir()?;
    let mut entries = BTreeMap::new();
    for generated in GENERATED {
        let mut sent = Vec::new();
        for transport in [Transport::Grpc, Transport::HttpProtobuf] {
            generated.send(transport, recorder.address)?;
            let recorded = recorder.take()?;
            let [one] = &recorded[..] else { anyhow::bail!("{}: {} requests", generated.name, recorded.len()) };
            assert_eq!((one.signal, one.transport), (generated.signal, transport), "{}", generated.name);
            sent.push(one.clone());
        }
        let requests = sent.iter().map(|one| Request::decode(one.signal, &one.message)).collect::<Result<Vec<_>>>()?;
        let [grpc, http] = &requests[..] else { anyhow::bail!("two ways, two requests") };
        steady(grpc.clone()).assert_arrived_as(&steady(http.clone())).context(generated.name)?;
        let file = folder.path().join("request.pb");
        std::fs::write(&file, &sent[0].message)?;
        let json = programs::to_json(generated.signal, &file)?;
        entries.insert(generated.name, of_recorded("telemetrygen", generated.name, &sent[0], json));
    }
    write_or_compare("telemetrygen", &entries.into_values().collect::<Vec<_>>())
}

/// Every signal is in the collection, every kind of metric, and sums and histograms in both temporalities.
#[test]
fn collection_has_every_kind() -> Result<()> {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    for client in ["python", "javascript", "telemetrygen"] {
        let mut kinds = std::collections::BTreeSet::new();
        for entry in read()?.into_iter().filter(|entry| entry.name.starts_with(client)) {
            kinds.insert(entry.signal.name().to_owned());
            let Request::Metrics(request) = entry.request()? else { continue };
            let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
            kinds.extend(scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| match metric.data.as_ref()? {
                Data::Gauge(_) => Some("gauge".to_owned()),
                Data::Sum(sum) if sum.is_monotonic => Some(format!("counter {}", sum.aggregation_temporality)),
                Data::Sum(sum) => Some(format!("up-down counter {}", sum.aggregation_temporality)),
                Data::Histogram(histogram) => Some(format!("histogram {}", histogram.aggregation_temporality)),
                Data::ExponentialHistogram(histogram) => {
                    Some(format!("exponential {}", histogram.aggregation_temporality))
                }
                Data::Summary(_) => None,
            }));
        }
        let every = [
            "metrics",
            "traces",
            "logs",
            "gauge",
            "counter 1",
            "counter 2",
            "up-down counter 2",
            "histogram 1",
            "histogram 2",
            "exponential 1",
            "exponential 2",
        ];
        // telemetrygen has no up-down counter.
        let expected = every.into_iter().filter(|kind| client != "telemetrygen" || *kind != "up-down counter 2");
        for kind in expected {
            assert!(kinds.contains(kind), "{client} has no {kind} in {kinds:?}");
        }
    }
    Ok(())
}
