//! What a host tells the service manager that has started it, heard at a socket in the manager's place.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Host, Setup, manifest};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, http, wait};
use serde_json::json;

/// Both ends of what a manager hears.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn at(address: &SocketAddr) -> Result<Manager> {
        let socket = UnixDatagram::bind_addr(address)?;
        socket.set_read_timeout(Some(wait::DEADLINE))?;
        Ok(Manager { socket })
    }

    fn next(&self) -> Result<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).context("the manager hears nothing more")?;
        Ok(String::from_utf8(buffer[..length].to_vec())?)
    }

    /// The next message that is not a sign of life.
    fn next_news(&self) -> Result<String> {
        loop {
            let message = self.next()?;
            if message != "WATCHDOG=1" {
                return Ok(message);
            }
        }
    }

    /// Whether anything comes within that time.
    fn hears_within(&self, limit: Duration) -> Result<Option<String>> {
        self.socket.set_read_timeout(Some(limit))?;
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Ok(Some(String::from_utf8(buffer[..length].to_vec())?)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

const COMPILING: &str = "STATUS=compiling plugins";
const READY: &str = "READY=1\nSTATUS=taking requests";

/// The variables that a manager sets, in front of the host's command line.
fn supervised(setup: Setup, socket: &str, watchdog: Duration) -> Setup {
    let (socket, watchdog) = (format!("NOTIFY_SOCKET={socket}"), format!("WATCHDOG_USEC={}", watchdog.as_micros()));
    setup.launched_by(&["env", &socket, &watchdog])
}

#[test]
fn a_manager_hears_of_start_reload_and_end_in_their_order() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let path = setup.folder().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path)?)?;
    let setup = supervised(setup, &path.display().to_string(), Duration::from_secs(1));
    let host = setup.spawn()?;
    assert_eq!(manager.next()?, COMPILING);
    assert_eq!(manager.next()?, READY);
    assert_eq!(
        http::get(host.endpoints().health, "/readyz", &[])?.status,
        200,
        "ready is what the health endpoint says"
    );
    assert_eq!(manager.next()?, "WATCHDOG=1");
    assert_eq!(manager.next()?, "WATCHDOG=1", "again and again");
    let before = uptime_micros()?;
    host.signal("HUP")?;
    let reloading = manager.next_news()?;
    let moment = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").with_context(|| reloading.clone())?;
    let moment: u64 = moment.parse()?;
    let after = uptime_micros()? + HUNDREDTH;
    ensure!((before..=after).contains(&moment), "{moment} is not between {before} and {after}");
    assert_eq!(manager.next_news()?, "READY=1");
    host.signal_terminate()?;
    assert_eq!(manager.next_news()?, "STOPPING=1\nSTATUS=draining");
    let mut host = host;
    ensure!(host.wait_for_end()?.success(), "{}", setup.log());
    Ok(())
}

/// Of a second, in microseconds.
const HUNDREDTH: u64 = 10_000;

/// The steady clock in microseconds, as far as no machine was suspended; `/proc/uptime` cuts it to hundredths of a second.
fn uptime_micros() -> Result<u64> {
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let seconds: f64 = uptime.split(' ').next().context("/proc/uptime is empty")?.parse()?;
    Ok((seconds * 1e6) as u64)
}

#[test]
fn a_name_in_the_abstract_namespace_is_one_as_well() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let name = format!("otelier-test-{}", setup.endpoints.health.port());
    let manager = Manager::at(&SocketAddr::from_abstract_name(&name)?)?;
    let setup = supervised(setup, &format!("@{name}"), Duration::from_secs(60));
    let _host = setup.start()?;
    assert_eq!(manager.next()?, COMPILING);
    assert_eq!(manager.next()?, READY);
    Ok(())
}

#[test]
fn the_watchdog_hears_nothing_more_once_a_worker_hangs() -> Result<()> {
    const WATCHDOG: Duration = Duration::from_secs(2);
    let file = environment::guest("endless-loop")?;
    let entry = json!({"limits": {"call_timeout": "1h"}});
    let config = Configuration::default().processor("endless-loop", json!({"way": "process"})).pipeline(
        "metrics",
        &["endless-loop"],
        &["prometheus"],
    );
    let setup = Setup::new(&config.text(), &manifest(&[("endless-loop", &file, entry)]))?;
    let path = setup.folder().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path)?)?;
    let setup = supervised(setup, &path.display().to_string(), WATCHDOG);
    let host = setup.start()?;
    assert_eq!(manager.next()?, COMPILING);
    assert_eq!(manager.next()?, READY);
    assert_eq!(manager.next()?, "WATCHDOG=1");
    // Nobody answers it: a worker has it for an hour.
    hang(&host);
    let told = manager.next_news()?;
    assert_eq!(told, "STATUS=thread worker-0 hangs, so the watchdog is not told that all is well");
    assert_eq!(manager.hears_within(2 * WATCHDOG)?, None, "the manager would have ended it by now");
    Ok(())
}

/// Sends what the guest never comes back from.
fn hang(host: &Host<'_>) {
    let body = payload::work("manual", Temporality::Delta, &[1]);
    // That there is no answer is what is wanted.
    let _ = http::export_within(Duration::from_millis(100), host.endpoints().http, "/v1/metrics", &body);
}
