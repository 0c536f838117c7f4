//! What is sent.

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use otelier::contract::Signal;
use otelier_tests::certificates::Security;
use otelier_tests::collection::{self, Entry};
use otelier_tests::collector::{Collector, Route};
use otelier_tests::generate::Request as Generated;
use otelier_tests::grpc::Outcome;
use otelier_tests::recorder::Recorder;
use otelier_tests::request::Request;
use otelier_tests::{grpc, host};

use crate::ways;

/// A request, and what an error calls it.
pub struct Sent {
    pub name: String,
    pub signal: Signal,
    pub protobuf: Vec<u8>,
}

impl Sent {
    /// Sends it, and fails unless all of it is acknowledged.
    pub fn send(&self, client: &mut grpc::Client) -> Result<()> {
        let method = match self.signal {
            Signal::Metrics => grpc::METRICS,
            Signal::Traces => grpc::TRACES,
            Signal::Logs => grpc::LOGS,
        };
        let outcome = client.send(method, &self.protobuf);
        match &outcome {
            // The Collector always says something of a partial success: that there is none.
            Outcome::Acknowledged(message) if message.is_empty() || message == &[10, 0] => Ok(()),
            _ => bail!("{}: {outcome:?}", self.name),
        }
    }
}

/// What real clients sent, and what is to arrive: the same, with an empty scope where there is none.
pub fn of_clients() -> Result<Vec<(Sent, Request)>> {
    let with_expected = |entry: Entry| {
        let expected = with_scopes(entry.request()?);
        Ok((Sent { name: entry.name, signal: entry.signal, protobuf: entry.protobuf }, expected))
    };
    collection::read()?.into_iter().map(with_expected).collect()
}

/// The Collector knows no absent scope.
fn with_scopes(mut request: Request) -> Request {
    fill_scopes(&mut request);
    request
}

/// Gives everything that has no scope an empty one.
pub fn fill_scopes(request: &mut Request) {
    fn fill<T: Default>(scope: &mut Option<T>) {
        scope.get_or_insert_default();
    }
    match request {
        Request::Metrics(request) => {
            let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
            scopes.for_each(|metrics| fill(&mut metrics.scope));
        }
        Request::Traces(request) => {
            let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
            scopes.for_each(|spans| fill(&mut spans.scope));
        }
        Request::Logs(request) => {
            let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
            scopes.for_each(|logs| fill(&mut logs.scope));
        }
    }
}

/// Random requests, and what is to arrive: what the Collector makes of them when it sends to a server that only records.
pub fn random(count: usize) -> Result<Vec<(Sent, Request)>> {
    let recorder = Recorder::start()?;
    let (way, listen) = (ways::PLAIN, host::free(1)?[0]);
    let collector = Collector::start(&[Route {
        name: "recorder".to_owned(),
        protocols: way.receiver(listen, Security::Plain),
        listen,
        exporter: "otlp_grpc",
        settings: way.exporter(recorder.address, Security::Plain),
    }])?;
    let mut client = grpc::Client::connect(listen)?;
    let mut all = Vec::new();
    for sent in generated(count)? {
        sent.send(&mut client).with_context(|| collector.log())?;
        let recorded = recorder.take()?;
        let [recorded] = &recorded[..] else { bail!("{}: {} recorded", sent.name, recorded.len()) };
        let expected = Request::decode(recorded.signal, &recorded.message)?;
        all.push((sent, expected));
    }
    Ok(all)
}

/// Random requests of every signal, each with one item at least: the Collector answers others itself.
fn generated(count: usize) -> Result<Vec<Sent>> {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let mut all = Vec::new();
    while all.len() < count {
        let signal = Signal::ALL[all.len() % Signal::ALL.len()];
        let request = Generated::random(&mut rng, signal);
        let protobuf = request.encode();
        if !Request::decode(signal, &protobuf)?.items().is_empty() {
            all.push(Sent { name: format!("random request {} of seed {seed}", all.len()), signal, protobuf });
        }
    }
    Ok(all)
}

/// Compares what was to arrive with what arrived, item by item. Returns how many items that were.
pub fn compare<'r>(all: impl Iterator<Item = ((&'r String, &'r (Sent, Request)), &'r Request)>) -> Result<usize> {
    let (mut wrong, mut items) = (Vec::new(), 0);
    for ((way, (sent, expected)), arrived) in all {
        items += arrived.items().len();
        if let Err(difference) = expected.assert_arrived_as(arrived) {
            wrong.push(format!("{} by {way}: {difference:#}", sent.name));
        }
    }
    let shown = wrong.get(..wrong.len().min(5)).unwrap_or_default();
    ensure!(wrong.is_empty(), "{} differ, such as:\n{}", wrong.len(), shown.join("\n\n"));
    Ok(items)
}
