//! The Collector sends to the host.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use otelier_tests::certificates::{Certificates, Kind, Security};
use otelier_tests::collector::{Collector, Route};
use otelier_tests::host::{self, Configuration, Endpoints, Setup};
use otelier_tests::request::Request;
use otelier_tests::{capture, grpc};

use crate::requests::{self, Sent};
use crate::ways::{self, Way};

/// The host with the capturing exporter.
fn capturing_host() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_otelier-capture"))
}

fn secured(mut config: Configuration, security: Security<'_>) -> Configuration {
    for protocol in ["grpc", "http"] {
        if let Some(tls) = security.server() {
            config = config.set(&format!("receivers/otlp/protocols/{protocol}/tls"), tls);
        }
    }
    config
}

/// A route for each way, from OTLP/gRPC without TLS to the host.
fn routes(ways: &[Way], to: &Endpoints, security: Security<'_>) -> Result<Vec<Route>> {
    let route = |(way, listen): (&Way, _)| Route {
        name: way.name(),
        protocols: ways::PLAIN.receiver(listen, Security::Plain),
        listen,
        exporter: way.of("otlp_grpc", "otlp_http"),
        settings: way.exporter(way.of(to.grpc, to.http), security),
    };
    Ok(ways.iter().zip(host::free(u16::try_from(ways.len())?)?).map(route).collect())
}

/// Sends every request every way, one after the other: each is acknowledged only when the host has it, so that they arrive
/// in that order. Returns how many items were compared.
fn compare(ways: &[Way], sent: &[(Sent, Request)], kind: Kind) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("captured");
    let config = capture::configuration(&file, &[]);
    let setup = Setup::without_plugins(&config)?.run_by(capturing_host());
    let certificates = Certificates::of(&[setup.endpoints.grpc, setup.endpoints.http])?;
    let security = kind(&certificates);
    setup.reconfigure(&secured(config, security))?;
    let host = setup.start()?;
    let routes = routes(ways, &setup.endpoints, security)?;
    let collector = Collector::start(&routes)?;
    for route in &routes {
        let mut client = grpc::Client::connect(route.listen)?;
        let all = sent.iter().try_for_each(|(sent, _)| sent.send(&mut client));
        all.with_context(|| format!("{}; the Collector's log:\n{}", route.name, collector.log()))?;
    }
    let arrived = capture::wait_for(&host, &file, routes.len() * sent.len())?;
    ensure!(arrived.len() == routes.len() * sent.len(), "{} arrived", arrived.len());
    let ways = routes.iter().flat_map(|route| sent.iter().map(move |sent| (&route.name, sent)));
    requests::compare(ways.zip(&arrived))
}

#[test]
fn what_clients_sent_arrives_through_a_collector_the_same_every_way() -> Result<()> {
    let sent = requests::of_clients()?;
    let items = compare(&ways::ALL, &sent, Certificates::plain)?;
    println!("{} requests, {} ways, {items} items", sent.len(), ways::ALL.len());
    Ok(())
}

#[test]
fn what_a_collector_makes_of_random_requests_arrives_the_same_every_way() -> Result<()> {
    let sent = requests::random(300)?;
    let items = compare(&ways::ALL, &sent, Certificates::plain)?;
    println!("{} requests, {} ways, {items} items", sent.len(), ways::ALL.len());
    Ok(())
}

#[test]
fn what_clients_sent_arrives_through_a_collector_over_tls() -> Result<()> {
    let sent = requests::of_clients()?;
    for kind in [Certificates::tls as Kind, Certificates::mutual] {
        let items = compare(&ways::USUAL, &sent, kind)?;
        println!("{} requests, {} ways, {items} items", sent.len(), ways::USUAL.len());
    }
    Ok(())
}

#[test]
fn a_collector_without_a_certificate_is_not_let_in() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let certificates = Certificates::of(&[setup.endpoints.grpc, setup.endpoints.http])?;
    setup.reconfigure(&secured(Configuration::passthrough(), Security::Mutual(&certificates)))?;
    let _host = setup.start()?;
    let routes = routes(&ways::USUAL, &setup.endpoints, Security::Tls(&certificates))?;
    let _collector = Collector::start(&routes)?;
    let sent = requests::of_clients()?;
    let (sent, _) = sent.iter().find(|(sent, _)| sent.name.contains("metrics")).context("no metrics")?;
    for route in &routes {
        let answer = sent.send(&mut grpc::Client::connect(route.listen)?);
        let error = answer.err().with_context(|| format!("acknowledged by {}", route.name))?.to_string();
        // With TLS 1.3 a client may be told so, or find the connection gone.
        assert!(error.contains("Refused") && error.contains("code: 14"), "{}: {error}", route.name);
    }
    Ok(())
}
