//! Pages for people beside the pipelines: `zpages`.

use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, ensure};
use otelier_tests::host::{Configuration, Setup, free};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{grpc, http, wait};
use serde_json::{Value, json};

/// A host with one more extension at a free port.
fn with_extension(id: &str, settings: Value, more: &[(&str, Value)]) -> Result<(Setup, SocketAddr)> {
    let address = free(1)?[0];
    let mut settings = settings;
    settings["endpoint"] = json!(address.to_string());
    let ids: Vec<&str> = ["health_check"].into_iter().chain(more.iter().map(|(id, _)| *id)).chain([id]).collect();
    let mut config = Configuration::aggregate().set("service/extensions", json!(ids));
    config = config.set(&format!("extensions/{id}"), settings);
    for (id, body) in more {
        config = config.set(&format!("extensions/{id}"), body.clone());
    }
    Ok((Setup::without_plugins(&config)?, address))
}

#[test]
fn zpages_show_what_passes_and_what_failed() -> Result<()> {
    let (setup, address) = with_extension("zpages", json!({"expvar": {"enabled": true}}), &[])?;
    let host = setup.start()?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    ensure!(!host.grpc()?.send(grpc::METRICS, b"\xff\xff").is_acknowledged());
    let pipelines = wait::until("the page has what failed", || {
        let page = http::get(address, "/debug/pipelinez", &[])?;
        Ok(page.text().contains("receiver:otlp").then_some(page))
    })?;
    assert_eq!(pipelines.status, 200);
    assert_eq!(pipelines.header("content-type"), Some("text/html; charset=utf-8"));
    let text = pipelines.text();
    for part in
        ["<td>otlp</td><td>metrics</td><td>accepted</td>", "<td>3</td>", "<td>aggregate</td>", "was not accepted"]
    {
        ensure!(text.contains(part), "{part}: {text}");
    }
    ensure!(http::get(address, "/debug/servicez", &[])?.text().contains("<td>running</td>"));
    ensure!(http::get(address, "/debug/extensionz", &[])?.text().contains("<td>zpages</td>"));
    let report: Value = serde_json::from_str(&http::get(address, "/debug/expvarz", &[])?.text())?;
    assert_eq!(report["pipelines"][0]["id"], "metrics");
    let missing = http::get(address, "/debug/tracez", &[])?;
    assert_eq!(missing.status, 404);
    ensure!(missing.text().contains("/debug/pipelinez"), "a list of what there is");
    assert_eq!(http::post(address, "/debug/servicez", &[], b"")?.status, 405);
    Ok(())
}

#[test]
fn zpages_have_the_keys_of_a_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, "topsecret")?;
    let settings =
        json!({"auth": {"authenticator": "bearertokenauth"}, "cors": {"allowed_origins": ["https://ops.example"]}});
    let more = [("bearertokenauth", json!({"filename": token}))];
    let (setup, address) = with_extension("zpages", settings, &more)?;
    let _host = setup.start()?;
    let refused = http::get(address, "/debug/servicez", &[])?;
    assert_eq!((refused.status, refused.header("www-authenticate").is_some()), (401, true));
    let headers = [("authorization", "Bearer topsecret"), ("origin", "https://ops.example")];
    let shown = http::get(address, "/debug/servicez", &headers)?;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.header("access-control-allow-origin"), Some("https://ops.example"));
    assert_eq!(http::get(address, "/debug/expvarz", &headers)?.status, 404, "`expvar` is off");
    Ok(())
}

/// Idle ones give way, so that whoever looks gets an answer.
#[test]
fn connections_that_say_nothing_keep_nobody_from_a_page() -> Result<()> {
    let (setup, address) = with_extension("zpages", json!({"max_connections": 8}), &[])?;
    let host = setup.start()?;
    let idle: Vec<TcpStream> = (0..100).filter_map(|_| TcpStream::connect(address).ok()).collect();
    assert_eq!(http::get(address, "/debug/servicez", &[])?.status, 200);
    drop(idle);
    host.accepts(&payload::work("manual", Temporality::Delta, &[1]))?;
    Ok(())
}
