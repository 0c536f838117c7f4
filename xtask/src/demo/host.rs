//! The demo's host process: started, watched, killed or stopped, and never left behind.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::endpoints::Endpoints;
use crate::workspace::Workspace;
use crate::{http, process};

const HEALTHY_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
const LOG: &str = "otelier.log";
const LOG_LINES: usize = 40;

/// A running host; dropping it kills it.
pub struct Host {
    child: Child,
}

impl Host {
    /// Starts it on the state directory and the log in `folder`.
    pub fn start(workspace: &Workspace, endpoints: &Endpoints, folder: &Path) -> Result<Self> {
        let mut host = Command::new("target/release/otelier");
        host.current_dir(workspace.root()).args(["run", "--state-dir"]).arg(folder.join("state"));
        endpoints.apply(&mut host);
        println!("$ {}", process::line(&host));
        let log = OpenOptions::new().create(true).append(true).open(folder.join(LOG))?;
        host.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self { child: host.spawn().context("cannot start target/release/otelier")? })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the health endpoint to say yes.
    pub fn wait_until_healthy(&self, health: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + HEALTHY_LIMIT;
        while !http::get(health, "/", "*/*").is_ok_and(|answer| answer.status == 200) {
            if Instant::now() >= deadline {
                bail!("http://{health} did not answer 200 within {} s", HEALTHY_LIMIT.as_secs());
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(9), "it had ended by itself before the kill ({status})");
        Ok(())
    }

    /// SIGTERM; anything but a clean exit in time is an error.
    pub fn stop(mut self) -> Result<()> {
        process::run(Command::new("kill").args(["-TERM", &self.id().to_string()]))?;
        let status = self.wait(STOP_LIMIT)?;
        ensure!(status.success(), "after SIGTERM it ended with {status}");
        println!("stopped: exit code 0");
        Ok(())
    }

    fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(POLL);
        }
        bail!("after SIGTERM it was still running {} s later", limit.as_secs())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill, and nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of what the hosts in `folder` wrote.
pub fn log_tail(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
