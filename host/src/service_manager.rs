//! What the process says to the service manager that has started it, by the protocol of sd_notify(3): a datagram of `NAME=value` lines to
//! the Unix socket that `NOTIFY_SOCKET` names. Without that variable nothing is said.
//!
//! A message that cannot be sent changes nothing for the process: it is told once in the log.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long a manager that does not read may hold up whoever tells it something.
const SEND_MAX: Duration = Duration::from_secs(1);

/// The way to the service manager. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager(Option<Arc<Way>>);

#[derive(Debug)]
struct Way {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
    is_lost: AtomicBool,
    is_ready: AtomicBool,
}

impl ServiceManager {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` unless `WATCHDOG_PID` means another process.
    pub fn of_process() -> ServiceManager {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return ServiceManager::default();
        };
        let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        let is_meant = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_meant && *micros > 0).map(Duration::from_micros);
        ServiceManager::at(&name, watchdog).unwrap_or_else(|error| {
            let socket = name.display();
            tracing::warn!(%socket, "NOTIFY_SOCKET cannot be used, so the service manager is told nothing: {error}");
            ServiceManager::default()
        })
    }

    /// By the socket of that name: a path, or a name in Linux's abstract namespace behind `@`.
    fn at(name: &OsString, watchdog: Option<Duration>) -> io::Result<ServiceManager> {
        let address = match name.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            [b'@', rest @ ..] => abstract_address(rest)?,
            _ => return Err(io::Error::other("it is neither an absolute path nor a name behind `@`")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_MAX))?;
        let (is_lost, is_ready) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(ServiceManager(Some(Arc::new(Way { socket, address, watchdog, is_lost, is_ready }))))
    }

    /// Whether anybody is told anything.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Within what time it wants to hear that the process is well, where it does.
    pub fn watchdog(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog
    }

    /// In which state the process is, for people.
    pub fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}", one_line(text)));
    }

    /// The start is over.
    pub fn ready(&self, text: &str) {
        self.0.iter().for_each(|way| way.is_ready.store(true, Ordering::Relaxed));
        self.tell(&format!("READY=1\nSTATUS={}", one_line(text)));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// Reloads, and says before and after that it does. While the process starts nobody can have asked for it, and `READY` would be untrue.
    pub fn reload(&self, reload: impl FnOnce()) {
        let is_ready = self.0.as_ref().is_some_and(|way| way.is_ready.load(Ordering::Relaxed));
        if !is_ready {
            return reload();
        }
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()));
        reload();
        self.tell("READY=1");
    }

    /// The process is well.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, message: &str) {
        let Some(way) = &self.0 else { return };
        let sent = way.socket.send_to_addr(message.as_bytes(), &way.address);
        if let Err(error) = sent
            && !way.is_lost.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("the service manager cannot be told `{}`: {error}", one_line(message));
        }
    }
}

/// What goes between the lines of a message would be one more of them.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// As the manager measures it, to tell a reload from one before.
fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000)
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::other("only Linux has names behind `@`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> io::Result<String> {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    #[test]
    fn each_message_is_a_datagram_of_lines() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        let manager = ServiceManager::at(&path.into_os_string(), None)?;
        manager.ready("well\nREADY=0");
        manager.alive();
        manager.stopping();
        assert_eq!(received(&socket)?, "READY=1\nSTATUS=well READY=0");
        assert_eq!(received(&socket)?, "WATCHDOG=1");
        assert_eq!(received(&socket)?, "STOPPING=1\nSTATUS=draining");
        Ok(())
    }

    #[test]
    fn what_is_no_address_is_an_error_and_a_manager_that_is_gone_is_none() -> io::Result<()> {
        assert!(ServiceManager::at(&"vsock:2:1234".into(), None).is_err());
        ServiceManager::at(&"/nowhere/notify".into(), None)?.ready("nobody hears it");
        Ok(())
    }
}
