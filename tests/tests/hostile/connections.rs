//! Connections that do nothing.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use otelier_tests::host::Setup;
use otelier_tests::payload::{self, Temporality};

use crate::watched::{configuration, watched};

/// So many connections to one address, which have sent so much and wait.
fn held(address: SocketAddr, count: usize, begun: &[u8]) -> Result<Vec<TcpStream>> {
    let open = || -> Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        // Where it has given way already, that is what should happen.
        let _ = stream.write_all(begun);
        Ok(stream)
    };
    (0..count).map(|_| open()).collect()
}

#[test]
fn idle_connections_give_way_to_senders() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    watched(&host, || {
        let idle = held(host.endpoints().grpc, 1100, b"")?;
        for _ in 0..20 {
            host.accepts(&payload::work("new", Temporality::Delta, &[1]))?;
        }
        drop(idle);
        Ok(())
    })?;
    let gave_way = [("transport", "grpc"), ("reason", "gave_way")];
    ensure!(host.own_metrics()?.total("otelier_receiver_rejected_connections", &gave_way) > 0.0);
    ensure!(setup.log().contains("more of that peer are open"), "{}", setup.log());
    Ok(())
}

#[test]
fn heads_that_do_not_end_keep_no_scraper_out() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    watched(&host, || {
        let unfinished = held(host.endpoints().prometheus, 200, b"GET /metrics HTTP/1.1\r\nhost: h\r\n")?;
        for _ in 0..5 {
            host.scrape()?;
        }
        drop(unfinished);
        Ok(())
    })
}

#[test]
fn heads_that_do_not_end_keep_no_probe_out() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?;
    let host = setup.start()?;
    watched(&host, || {
        let unfinished = held(host.endpoints().health, 300, b"GET / HTTP/1.1\r\nhost: h\r\n")?;
        std::thread::sleep(Duration::from_secs(1));
        drop(unfinished);
        Ok(())
    })
}

#[test]
fn health_answers_where_connections_take_all_files_that_they_may() -> Result<()> {
    let setup = Setup::without_plugins(&configuration())?.launched_by(&["prlimit", "--nofile=256"]);
    let host = setup.start()?;
    ensure!(setup.log().contains("more connections than the limit of open files does"), "{}", setup.log());
    watched(&host, || {
        let held = held(host.endpoints().http, 400, b"")?;
        std::thread::sleep(Duration::from_secs(1));
        drop(held);
        Ok(())
    })?;
    host.kill()
}
