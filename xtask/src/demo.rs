//! `cargo xtask demo`: the main story, as a person would try it by hand. Whatever differs from the story ends it with
//! an error and the host's own log.

mod endpoints;
mod host;
mod scrape;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::endpoints::Endpoints;
use self::host::Host;
use self::scrape::Series;
use crate::workspace::Workspace;
use crate::{cargo, doctor, process, setup};

const POINTS: u32 = 100;
const WORK_TYPE: &str = "manual";
/// Four of the plugin's intervals.
const SCRAPE_LIMIT: Duration = Duration::from_secs(20);

/// Sets up, builds, plays.
pub fn command(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    setup::ensure(workspace, setup::DEMO);
    println!("{}", doctor::estimate(workspace));
    cargo::build(workspace)?;
    let folder = std::env::temp_dir().join(format!("otelier-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let story = Story { workspace, endpoints: Endpoints::free()?, folder: folder.clone() };
    let start = Instant::now();
    if let Err(error) = story.play() {
        eprintln!("\nthe host's log:\n{}", host::log_tail(&folder));
        return Err(error.context(format!("the demo went wrong (state and log are in {})", folder.display())));
    }
    std::fs::remove_dir_all(&folder)?;
    println!("\nThat was the story, in {:.0} s.", start.elapsed().as_secs_f32());
    Ok(())
}

struct Story<'a> {
    workspace: &'a Workspace,
    endpoints: Endpoints,
    /// The host's state directory and log.
    folder: PathBuf,
}

impl Story<'_> {
    fn play(&self) -> Result<()> {
        say("Start the collector; its aggregate plugin is a sandboxed WebAssembly component.");
        let host = self.start()?;
        say(&format!("Send {POINTS} points with the OpenTelemetry SDK, each with a work.id of its own."));
        self.send()?;
        say("They are one series at the Prometheus endpoint.");
        let before = self.wait_for(POINTS)?;
        say("Kill it, with no chance to save anything.");
        println!("$ kill -9 {}", host.id());
        host.kill()?;
        say("Start it again: the first scrape shows the same total since the same moment.");
        let host = self.start()?;
        let after = self.scrape()?.context("the first scrape after the restart shows no series")?;
        after.print();
        ensure!(after == before, "before the kill it was {before:?}, after the restart {after:?}");
        say(&format!("Send {POINTS} more."));
        self.send()?;
        let last = self.wait_for(2 * POINTS)?;
        ensure!(last.created == before.created, "the start time moved from {} to {}", before.created, last.created);
        say("Stop it as an operator would.");
        println!("$ kill -TERM {}", host.id());
        host.stop()
    }

    fn start(&self) -> Result<Host> {
        let host = Host::start(self.workspace, &self.endpoints, &self.folder)?;
        host.wait_until_healthy(self.endpoints.health)?;
        println!("healthy: http://{}", self.endpoints.health);
        Ok(host)
    }

    fn send(&self) -> Result<()> {
        let python = setup::python::interpreter(self.workspace).context("no Python environment: cargo xtask setup")?;
        let mut client = Command::new(python);
        client.arg(setup::python::clients(self.workspace).join("send.py"));
        client.arg("--endpoint").arg(format!("http://{}", self.endpoints.grpc));
        client.arg("--count").arg(POINTS.to_string()).args(["--work-type", WORK_TYPE]);
        println!("$ {}", process::line(&client));
        process::run(&mut client)
    }

    /// Scrapes until the total has arrived; the plugin emits on its interval.
    fn wait_for(&self, total: u32) -> Result<Series> {
        println!("$ curl http://{}/metrics   (until it shows {total})", self.endpoints.prometheus);
        let deadline = Instant::now() + SCRAPE_LIMIT;
        loop {
            let series = self.scrape()?;
            match series {
                Some(series) if series.value == f64::from(total) => {
                    series.print();
                    return Ok(series);
                }
                other if Instant::now() >= deadline => {
                    bail!("after {} s the scrape shows {other:?}, not {total}", SCRAPE_LIMIT.as_secs())
                }
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn scrape(&self) -> Result<Option<Series>> {
        scrape::series(self.endpoints.prometheus, WORK_TYPE)
    }
}

fn say(text: &str) {
    println!("\n# {text}");
}
