//! `attributes` and `resource` beside the Collector's: the same random configurations and the same random requests, and what both send to a
//! server that only records.
//!
//! Requests go through a Collector first, so that both sides get what its own model has. Attributes are compared as maps: their order means
//! nothing. A request in which a key is repeated is no map, and each side may choose: it is not asked for.

mod configurations;
mod input;

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use otelier::contract::Signal;
use otelier_tests::collector::Collector;
use otelier_tests::grpc::Outcome;
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::length;
use otelier_tests::recorder::Recorder;
use otelier_tests::request::Request;
use otelier_tests::{grpc, wait};
use serde_json::{Map, Value, json};

use configurations::Processor;

/// Configurations of one Collector and one host.
const PROCESSORS: usize = 24;
/// Requests for each of them.
const REQUESTS: usize = 8;

/// A processor with its receivers, on each side.
struct Side<'p> {
    processors: &'p [Processor],
    listens: Vec<SocketAddr>,
    recorder: Recorder,
}

impl<'p> Side<'p> {
    fn new(processors: &'p [Processor]) -> Result<Side<'p>> {
        let listens = host::free(u16::try_from(processors.len())?)?;
        Ok(Side { processors, listens, recorder: Recorder::start()? })
    }

    /// Receivers, processors and pipelines, which both sides write alike.
    fn parts(&self, exporter: &str) -> [(&'static str, Value); 3] {
        let [mut receivers, mut processors, mut pipelines] = [(); 3].map(|()| Map::new());
        for (number, (processor, listen)) in self.processors.iter().zip(&self.listens).enumerate() {
            let protocol = json!({"endpoint": listen, "include_metadata": true});
            receivers.insert(format!("otlp/{number}"), json!({"protocols": {"grpc": protocol}}));
            let id = format!("{}/{number}", processor.kind);
            processors.insert(id.clone(), processor.body.clone());
            let pipeline =
                json!({"receivers": [format!("otlp/{number}")], "processors": [id], "exporters": [exporter]});
            pipelines.insert(format!("{}/{number}", processor.signal), pipeline);
        }
        [("receivers", receivers.into()), ("processors", processors.into()), ("service/pipelines", pipelines.into())]
    }

    fn exporter(&self) -> Value {
        json!({
            "endpoint": self.recorder.address, "tls": {"insecure": true}, "compression": "none",
            "sending_queue": {"enabled": false}, "retry_on_failure": {"enabled": false},
        })
    }

    fn collector(&self) -> Result<Collector> {
        let [receivers, processors, pipelines] = self.parts("otlp_grpc");
        let telemetry = json!({"metrics": {"level": "none"}, "logs": {"level": "error"}});
        let configuration = json!({
            "receivers": receivers.1, "processors": processors.1, "exporters": {"otlp_grpc": self.exporter()},
            "service": {"telemetry": telemetry, "pipelines": pipelines.1},
        });
        Collector::run(&configuration, &self.listens)
    }

    fn host(&self) -> Result<Setup> {
        let config = Configuration::default().set("exporters/otlp", self.exporter());
        let config = self.parts("otlp").into_iter().fold(config, |config, (path, part)| config.set(path, part));
        Setup::without_plugins(&config)
    }

    /// What arrives of a request.
    fn through(&self, number: usize, request: &Request) -> Result<Option<Request>> {
        let signal = request.signal();
        let mut client = grpc::Client::connect(*self.listens.get(number).context("no such processor")?)?;
        let headers = [&input::HEADERS[..], &[("content-type", "application/grpc")]].concat();
        let outcome = client.call(path(signal), &headers, grpc::framed(0, &input::encode(request)));
        // The Collector always says something of a partial success: that there is none.
        let is_taken = matches!(&outcome, Outcome::Acknowledged(said) if said.is_empty() || said == &[10, 0]);
        ensure!(is_taken, "{outcome:?}");
        let recorded = self.recorder.take()?;
        match &recorded[..] {
            [] => Ok(None),
            [one] => Ok(Some(input::as_maps(Request::decode(one.signal, &one.message)?))),
            several => bail!("{} requests arrived", several.len()),
        }
    }
}

fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => grpc::METRICS,
        Signal::Traces => grpc::TRACES,
        Signal::Logs => grpc::LOGS,
    }
}

/// Sends requests through both; how many items were compared, and in how many requests something was edited.
fn compare(rng: &mut Rng, requests: &[Request]) -> Result<(usize, usize)> {
    let processors: Vec<Processor> =
        (0..PROCESSORS).map(|number| configurations::random(rng, Signal::ALL[number % 3])).collect();
    let (theirs, ours) = (Side::new(&processors)?, Side::new(&processors)?);
    let collector = theirs.collector()?;
    let setup = ours.host()?;
    let _host = setup.start().with_context(|| setup.log())?;
    for listen in &ours.listens {
        wait::until("the host listens", || Ok(std::net::TcpStream::connect(listen).is_ok().then_some(())))?;
    }
    let (mut items, mut edited, mut wrong) = (0, 0, Vec::new());
    for (number, processor) in processors.iter().enumerate() {
        let of_signal = requests.iter().filter(|request| request.signal() == processor.signal);
        let mut of_signal: Vec<&Request> = of_signal.collect();
        rng.shuffle(&mut of_signal);
        for request in of_signal.into_iter().take(REQUESTS) {
            let described = || format!("{}: {}\n{}", processor.signal, processor.kind, processor.body);
            let expected = theirs.through(number, request).with_context(described).with_context(|| collector.log())?;
            let arrived = ours.through(number, request).with_context(described).with_context(|| setup.log())?;
            let (Some(expected), Some(arrived)) = (expected, arrived) else {
                bail!("nothing arrived: {}", described())
            };
            items += expected.items().len();
            edited += usize::from(expected.assert_arrived_as(request).is_err());
            if let Err(difference) = expected.assert_arrived_as(&arrived) {
                wrong.push(format!("{}\n{difference:#}", described()));
            }
        }
    }
    let shown = wrong.get(..wrong.len().min(4)).unwrap_or_default();
    ensure!(wrong.is_empty(), "{} differ, such as:\n{}", wrong.len(), shown.join("\n\n"));
    Ok((items, edited))
}

#[test]
fn random_actions_do_to_random_requests_what_the_collectors_do() -> Result<()> {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let requests = input::requests(&mut rng, 240)?;
    let (mut items, mut edited) = (0, 0);
    for _ in 0..length::rounds(2)? {
        let (more_items, more_edited) = compare(&mut rng, &requests).with_context(|| format!("seed {seed}"))?;
        items += more_items;
        edited += more_edited;
    }
    ensure!(items > 200 && edited > 50, "{items} items, {edited} requests were edited");
    println!("{items} items, {edited} requests were edited");
    Ok(())
}
