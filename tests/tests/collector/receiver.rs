//! The Collector receives from the host, and writes what it got to files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier::contract::Signal;
use otelier_tests::certificates::{Certificates, Kind, Security};
use otelier_tests::collector::{Collector, Route};
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::request::Request;
use otelier_tests::wait;
use serde_json::json;

use crate::requests::{self, Sent};
use crate::ways::{self, Way};

/// A route for each way, to a file for each signal.
pub fn routes(ways: &[Way], listens: Vec<std::net::SocketAddr>, folder: &Path, security: Security<'_>) -> Vec<Route> {
    let route = |(way, listen): (&Way, _)| Route {
        name: way.name(),
        protocols: way.receiver(listen, security),
        listen,
        exporter: "file",
        settings: json!({
            "path": folder.join(format!("{}-{{signal}}", way.name())),
            "format": "proto",
            "flush_interval": "20ms",
        }),
    };
    ways.iter().zip(listens).map(route).collect()
}

/// The host's configuration: what comes in goes to the Collector, one request after the other.
fn sending(way: Way, route: &Route, security: Security<'_>) -> Configuration {
    let exporter = way.of("otlp", "otlphttp");
    let mut settings = way.exporter(route.listen, security);
    settings["sending_queue"] = json!({"num_consumers": 1});
    let config = Configuration::default().set(&format!("exporters/{exporter}"), settings);
    Signal::ALL.into_iter().fold(config, |config, signal| config.pipeline(signal.name(), &[], &[exporter]))
}

/// Sends every request through a host every way. Returns how many items were compared.
fn compare(ways: &[Way], sent: &[(Sent, Request)], kind: Kind) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let listens = host::free(u16::try_from(ways.len())?)?;
    let certificates = Certificates::of(&listens)?;
    let security = kind(&certificates);
    let routes = routes(ways, listens, folder.path(), security);
    let collector = Collector::start(&routes)?;
    let mut items = 0;
    for (way, route) in ways.iter().zip(&routes) {
        let through = || -> Result<usize> {
            let setup = Setup::without_plugins(&sending(*way, route, security))?;
            let host = setup.start()?;
            let mut client = host.grpc()?;
            sent.iter().try_for_each(|(sent, _)| sent.send(&mut client))?;
            let written = wait_for(folder.path(), &route.name, sent.len()).with_context(|| setup.log())?;
            ensure!(!setup.log().contains("with a warning"), "the host warns of an answer:\n{}", setup.log());
            // The order is kept within a signal.
            let sorted =
                Signal::ALL.into_iter().flat_map(|signal| sent.iter().filter(move |(sent, _)| sent.signal == signal));
            requests::compare(sorted.map(|sent| (&route.name, sent)).zip(&written))
        };
        items += through().with_context(|| format!("{}; the Collector's log:\n{}", route.name, collector.log()))?;
    }
    Ok(items)
}

/// What the Collector has written, signal by signal, once it is so much.
fn wait_for(folder: &Path, name: &str, count: usize) -> Result<Vec<Request>> {
    let written = wait::until(&format!("{count} requests are written"), || {
        let written = Signal::ALL.map(|signal| read(&folder.join(format!("{name}-{signal}")), signal));
        let written: Vec<Request> = written.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        Ok((written.len() >= count).then_some(written))
    })?;
    ensure!(written.len() == count, "{count} were sent, {} are written", written.len());
    Ok(written)
}

/// The requests in a file that are there as a whole: each behind its length, four bytes, big endian.
pub fn read(file: &Path, signal: Signal) -> Result<Vec<Request>> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let (mut rest, mut requests) = (&bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((message, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        requests.push(Request::decode(signal, message)?);
        rest = after;
    }
    Ok(requests)
}

#[test]
fn what_clients_sent_arrives_at_a_collector_the_same_every_way() -> Result<()> {
    let sent = requests::of_clients()?;
    let items = compare(&ways::ALL, &sent, Certificates::plain)?;
    println!("{} requests, {} ways, {items} items", sent.len(), ways::ALL.len());
    Ok(())
}

#[test]
fn random_requests_arrive_at_a_collector_as_if_it_had_got_them_itself() -> Result<()> {
    let sent = requests::random(300)?;
    let items = compare(&ways::ALL, &sent, Certificates::plain)?;
    println!("{} requests, {} ways, {items} items", sent.len(), ways::ALL.len());
    Ok(())
}

#[test]
fn what_clients_sent_arrives_at_a_collector_over_tls() -> Result<()> {
    let sent = requests::of_clients()?;
    for kind in [Certificates::tls as Kind, Certificates::mutual] {
        let items = compare(&ways::USUAL, &sent, kind)?;
        println!("{} requests, {} ways, {items} items", sent.len(), ways::USUAL.len());
    }
    Ok(())
}

#[test]
fn a_host_without_a_certificate_is_not_let_in() -> Result<()> {
    let listens = host::free(u16::try_from(ways::USUAL.len())?)?;
    let certificates = Certificates::of(&listens)?;
    let folder = tempfile::tempdir()?;
    let routes = routes(&ways::USUAL, listens, folder.path(), certificates.mutual());
    let _collector = Collector::start(&routes)?;
    let sent = requests::of_clients()?;
    for (way, route) in ways::USUAL.iter().zip(&routes) {
        let setup = Setup::without_plugins(&sending(*way, route, certificates.tls()))?;
        let host = setup.start()?;
        sent[0].0.send(&mut host.grpc()?)?;
        // What was refused is written neither then nor later.
        wait::until("the host says that it could not send", || {
            let log = setup.log();
            Ok(["trying again", "could not be delivered"].iter().any(|words| log.contains(words)).then_some(()))
        })?;
        for signal in Signal::ALL {
            ensure!(
                read(&folder.path().join(format!("{}-{signal}", route.name)), signal)?.is_empty(),
                "{}",
                route.name
            );
        }
    }
    Ok(())
}
