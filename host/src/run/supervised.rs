//! What a service manager hears of a host that runs: that requests are taken, or why not, and that it is well. A host is well while the
//! I/O threads come to say so and neither a worker nor the commit hangs. Where only the disk or a destination is at fault, a restart would
//! mend nothing, so whoever waits for those is well.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::contract::{Health, Phase};
use crate::pipeline::committer::Committer;
use crate::pulse::Watch;
use crate::service_manager::ServiceManager;

use super::Workers;

/// How often the status is looked at where there is no watchdog.
const INTERVAL: Duration = Duration::from_secs(5);

/// The status of a host that takes requests.
const READY: &str = "taking requests";

struct Reporter {
    manager: ServiceManager,
    health: Health,
    watch: Watch,
    status: String,
}

/// Says that the start is over, and reports until the task is aborted.
pub fn start(manager: &ServiceManager, health: &Health, workers: &Workers, committer: &Committer) -> JoinHandle<()> {
    let of_workers = workers.iter().enumerate();
    let of_workers = of_workers.map(|(number, (worker, _))| (format!("worker-{number}"), worker.pulse()));
    let threads = of_workers.chain([("commit".to_owned(), committer.pulse())]);
    let watch = Watch::over(threads, manager.watchdog().unwrap_or(Duration::MAX));
    manager.ready(READY);
    let (manager, health, status) = (manager.clone(), health.clone(), READY.to_owned());
    tokio::spawn(Reporter { manager, health, watch, status }.report())
}

impl Reporter {
    async fn report(mut self) {
        if !self.manager.is_there() {
            return;
        }
        // The manager advises to report twice within the time that it waits.
        let mut interval = tokio::time::interval(self.manager.watchdog().map_or(INTERVAL, |within| within / 2));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.look(Instant::now());
        }
    }

    fn look(&mut self, now: Instant) {
        let hanging = self.watch.hanging(now);
        // The end has a bound of its own, and takes the threads with it.
        let hanging = hanging.filter(|_| self.health.phase().0 != Phase::Stopping);
        let status = match hanging {
            Some(thread) => format!("thread {thread} hangs, so the watchdog is not told that all is well"),
            None => self.health.obstacle().map_or_else(|| READY.to_owned(), |why| format!("not ready: {why}")),
        };
        let hangs = hanging.is_some();
        if status != self.status {
            if hangs {
                tracing::error!("{status}");
            }
            self.manager.status(&status);
            self.status = status;
        }
        if !hangs && self.manager.watchdog().is_some() {
            self.manager.alive();
        }
    }
}
