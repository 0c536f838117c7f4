//! The servers that are compared. Each is a process of its own, alone on its core, and says in the end what it received.

pub mod host;
mod http2;
pub mod native;
pub mod paced;
pub mod prost;
pub mod proxy;
pub mod raw;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::kernel;
use crate::payload::GROUPS;
use host::Files;

/// Compiling the plugin is part of it.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Server {
    /// The host as it is built, with the plugin in the sandbox.
    Otelier,
    /// Reads HTTP/2 and forgets.
    Raw,
    /// The host with the same plugin linked natively.
    Native,
    /// Decodes with prost and adds up in hash maps.
    Prost,
}

impl Server {
    /// All, in the order of a round.
    pub const ALL: [Server; 4] = [Server::Otelier, Server::Raw, Server::Native, Server::Prost];

    /// As in keys of the output.
    pub fn name(self) -> &'static str {
        match self {
            Server::Otelier => "otelier",
            Server::Raw => "raw_http2",
            Server::Native => "native",
            Server::Prost => "prost",
        }
    }
}

/// What a server that lost nothing has received.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The sum over the points.
    pub total: i64,
    /// Bytes of all requests.
    pub bytes: i64,
}

/// What the plugin has to keep.
#[derive(Debug, Clone, Copy)]
pub struct Shares {
    /// Cumulative input streams, if there are any.
    pub streams: Option<usize>,
    /// Series that come out, where they are as many as was asked for.
    pub series: Option<usize>,
    /// How often the plugin is flushed, where it is not as usual.
    pub interval: Option<&'static str>,
}

impl Shares {
    /// More series than a plugin keeps without being told.
    pub fn many_series(&self) -> Option<usize> {
        self.series.filter(|series| *series > GROUPS)
    }
}

/// How servers are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The core of the server.
    pub core: usize,
    /// The core of everything else.
    pub load_core: usize,
    /// As in the host's configuration: `sync`, `interval` or `memory`.
    pub durability: String,
    /// The host's binary.
    pub otelier: PathBuf,
    /// The plugin.
    pub plugin: PathBuf,
    /// Where state directories are made: a disk, not memory.
    pub state_root: PathBuf,
    /// So many instances of the plugin, on all cores and not on one.
    pub instances: Option<u32>,
}

/// A server at work; dropped before its end, it is killed.
pub struct Running {
    child: Child,
    address: SocketAddr,
    kind: Kind,
}

enum Kind {
    /// Of this crate: ends when its standard input does, and then prints its total.
    Own(Server, BufReader<ChildStdout>),
    /// The host, in the sandbox or natively.
    Host(Files),
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// On a core of its own, or on all where there are several instances.
fn host_process(files: &Files, server: Server, settings: &Settings) -> Result<Child> {
    let mut command = files.command(server, settings)?;
    match settings.instances {
        None => kernel::spawn_on(settings.core, &mut command),
        Some(_) => Ok(command.spawn()?),
    }
}

impl Running {
    /// Starts a server and waits until it listens.
    pub fn start(server: Server, shares: Shares, settings: &Settings) -> Result<Running> {
        match server {
            Server::Raw | Server::Prost => Running::own(server, settings.core, &[]),
            Server::Otelier | Server::Native => {
                let files = Files::make(shares, settings)?;
                let child = host_process(&files, server, settings)?;
                let mut running = Running { child, address: files.grpc, kind: Kind::Host(files) };
                running.wait_until_listening()?;
                Ok(running)
            }
        }
    }

    /// What receives what is sent on: on the load generator's core, so that the servers' core has one process only.
    pub fn sink(load_core: usize) -> Result<Running> {
        Running::own(Server::Raw, load_core, &[])
    }

    /// What takes so many requests a second and no more.
    pub fn paced(requests_per_s: u32, settings: &Settings) -> Result<Running> {
        Running::own(Server::Raw, settings.load_core, &["paced", &requests_per_s.to_string()])
    }

    /// The server that sends everything on to `to`.
    pub fn proxy(to: SocketAddr, settings: &Settings) -> Result<Running> {
        Running::own(Server::Raw, settings.core, &["proxy", &to.to_string()])
    }

    fn own(server: Server, core: usize, words: &[&str]) -> Result<Running> {
        let mut command = Command::new(std::env::current_exe()?);
        let name = if server == Server::Raw { "raw" } else { "prost" };
        let words = if words.is_empty() { &[name] } else { words };
        command.arg("serve").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = kernel::spawn_on(core, &mut command)?;
        let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{name} did not start"))?;
        Ok(Running { child, address, kind: Kind::Own(server, stdout) })
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the host did not start: {status}");
            }
            ensure!(start.elapsed() < START_TIMEOUT, "the host does not listen at {}", self.address);
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Where it listens for gRPC.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the host says of versions of its plugin, a line of JSON each.
    pub fn history(&self) -> Vec<serde_json::Value> {
        match &self.kind {
            Kind::Host(files) => files.history(),
            Kind::Own(..) => Vec::new(),
        }
    }

    /// Kills the host in the middle of whatever it does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts another on the configuration and the state of one that was killed.
    pub fn resume(&mut self, settings: &Settings) -> Result<()> {
        let Kind::Host(files) = &self.kind else { bail!("only the host goes on from its state") };
        self.child = host_process(files, Server::Otelier, settings)?;
        self.wait_until_listening()
    }

    /// What the host shows now, over all series.
    pub fn total(&self) -> Result<f64> {
        match &self.kind {
            Kind::Host(files) => files.total(),
            Kind::Own(..) => bail!("only the host shows totals while it runs"),
        }
    }

    /// Checks what it received, and ends it.
    pub fn finish(mut self, expected: Expected) -> Result<()> {
        match &mut self.kind {
            Kind::Host(files) => {
                files.check(expected.total)?;
                let pid = rustix::process::Pid::from_child(&self.child);
                rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            }
            Kind::Own(server, stdout) => {
                drop(self.child.stdin.take());
                let mut text = String::new();
                stdout.read_to_string(&mut text)?;
                let received: i64 = text.trim().parse().context("the server printed no total")?;
                let expected = if *server == Server::Raw { expected.bytes } else { expected.total };
                ensure!(received == expected, "{}: received {received}, acknowledged {expected}", server.name());
            }
        }
        self.wait_until_ended()
    }

    fn wait_until_ended(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(start.elapsed() < EXIT_TIMEOUT, "the server does not end");
            std::thread::sleep(POLL);
        }
    }
}
