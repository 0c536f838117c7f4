//! A disk that refuses: senders are told to try again, health says why, and what was acknowledged is there afterwards.

use anyhow::{Context, Result, bail, ensure};
use otelier_tests::grpc::{self, Outcome, Refusal};
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::mount::{Namespace, fill};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{http, length, wait};
use serde_json::json;

const TOTAL: &str = "work_done_batched_total";
/// Far more than it takes to fill what the store has reserved before the disk became full.
const REQUESTS_MAX: u32 = 20_000;

/// Sends requests that each make a series of their own, with a long name, and remembers which were acknowledged.
struct Filler {
    client: grpc::Client,
    sent: u32,
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

impl Filler {
    fn new(host: &Host<'_>) -> Result<Filler> {
        Ok(Filler { client: host.grpc()?, sent: 0, acknowledged: Vec::new(), refused: Vec::new() })
    }

    fn send(&mut self) -> Result<Option<Refusal>> {
        self.sent += 1;
        let name = format!("{}-{}", self.sent, "x".repeat(5000));
        match self.client.send(grpc::METRICS, &payload::work(&name, Temporality::Delta, &[1, 2])) {
            Outcome::Refused(refusal) => {
                self.refused.push(name);
                Ok(Some(refusal))
            }
            outcome => {
                ensure!(outcome.is_acknowledged(), "request {}: {outcome:?}", self.sent);
                self.acknowledged.push(name);
                Ok(None)
            }
        }
    }

    /// The same over HTTP.
    fn post(&mut self, host: &Host<'_>) -> Result<http::Response> {
        self.sent += 1;
        let name = format!("{}-{}", self.sent, "x".repeat(5000));
        let request = payload::work(&name, Temporality::Delta, &[1, 2]);
        let kind = [("content-type", "application/x-protobuf")];
        let answer = http::post(host.endpoints().http, "/v1/metrics", &kind, &request)?;
        match answer.status {
            200 => self.acknowledged.push(name),
            503 => self.refused.push(name),
            status => bail!("status {status}: {}", answer.text()),
        }
        Ok(answer)
    }

    fn until_refused(&mut self) -> Result<Refusal> {
        while self.sent < REQUESTS_MAX {
            if let Some(refusal) = self.send()? {
                return Ok(refusal);
            }
        }
        bail!("{REQUESTS_MAX} requests were acknowledged on a full disk")
    }

    /// What was acknowledged is shown, what was refused is not.
    fn check(&self, host: &Host<'_>) -> Result<()> {
        let scrape = host.scrape()?;
        let value = |name: &String| scrape.value(TOTAL, &[("work_type", name)]);
        let cut = |name: &String| name.split('-').next().unwrap_or_default().to_owned();
        let lost: Vec<String> = self.acknowledged.iter().filter(|name| value(name) != Some(3.0)).map(cut).collect();
        ensure!(lost.is_empty(), "acknowledged and not shown: {lost:?}");
        let extra: Vec<String> = self.refused.iter().filter(|name| value(name).is_some()).map(cut).collect();
        ensure!(extra.is_empty(), "refused and shown: {extra:?}");
        Ok(())
    }
}

/// What health says of a part; while it does of the store, no requests are to be sent here, and nobody has a reason to restart it.
fn trouble(host: &Host<'_>, part: &str) -> Result<String> {
    let troubles = host.troubles()?;
    let words = troubles.get(part).with_context(|| format!("no trouble with {part}: {troubles:?}"))?;
    Ok(words.clone())
}

/// The end of a log, which is long when every request is refused.
fn tail(log: &str) -> &str {
    log.get(log.len().saturating_sub(4000)..).unwrap_or(log)
}

#[test]
fn a_full_disk_refuses_requests_until_there_is_room() -> Result<()> {
    length::repeat(|| a_disk_becomes_full(&Configuration::aggregate()))
}

/// A sync may fail that no sender waits for, and none may come to write again.
#[test]
fn a_full_disk_that_is_synced_now_and_then_is_found_to_have_room_again() -> Result<()> {
    let configuration = Configuration::aggregate().set("service/pipelines/metrics/durability", json!("interval"));
    length::repeat(|| a_disk_becomes_full(&configuration))
}

fn a_disk_becomes_full(configuration: &Configuration) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // RocksDB goes on by itself, some seconds after there is as much room again as its log may take: 64 MiB.
    let mount = format!("mount -t tmpfs -o size=128m none {}", folder.path().display());
    let Some(disk) = Namespace::if_permitted(&mount)? else {
        println!("no file system may be mounted here: a disk that fails has to stand for one that is full");
        return a_disk_fails(configuration);
    };
    let setup = Setup::with_aggregate(configuration)?;
    let setup = setup.state_in(&folder.path().join("state")).launched_by(&disk.enter());
    let mut host = setup.start()?;
    let mut filler = Filler::new(&host)?;
    ensure!(filler.send()?.is_none(), "there is room in the beginning");
    let fat = disk.outside(&folder.path().join("fat"));
    fill(&fat)?;
    refuses(&host, &mut filler, "No space left on device")?;
    ensure!(host.health("/livez")?.status == 200 && host.health("/")?.status == 200, "a restart makes no room");
    std::fs::remove_file(&fat)?;
    // Nobody sends while it is not ready, and it finds out by itself.
    host.wait_until_healthy()?;
    let again = wait::until("a request is acknowledged again", || Ok(filler.send()?.is_none().then_some(())));
    again.with_context(|| format!("the host's log:\n{}", tail(&setup.log())))?;
    wait::until("all of it is shown", || filler.check(&host).map(Some))?;
    host.kill()?;
    filler.check(&setup.start()?)
}

#[test]
fn a_disk_that_fails_refuses_requests_and_says_what_to_do() -> Result<()> {
    length::repeat(|| a_disk_fails(&Configuration::aggregate()))
}

fn a_disk_fails(configuration: &Configuration) -> Result<()> {
    let setup = Setup::with_aggregate(configuration)?;
    let host = setup.start()?;
    let mut filler = Filler::new(&host)?;
    ensure!(filler.send()?.is_none(), "the disk works in the beginning");
    host.limit_files("2097152")?;
    refuses(&host, &mut filler, "File too large")?;
    host.limit_files("unlimited")?;
    wait::until("it goes on, or health says that it has to be restarted", || {
        let goes_on = filler.send()?.is_none();
        Ok((goes_on || trouble(&host, "store")?.contains("restart")).then_some(()))
    })
    .with_context(|| trouble(&host, "store").unwrap_or_default())?;
    host.kill()?;
    filler.check(&setup.start()?)
}

/// Sends until the disk's refusal is the sender's: both protocols, health and the ledger say so.
fn refuses(host: &Host<'_>, filler: &mut Filler, cause: &str) -> Result<()> {
    let refusal = filler.until_refused()?;
    assert_eq!(refusal.code, grpc::UNAVAILABLE, "{refusal:?}");
    assert!(refusal.retry_after.is_some(), "{refusal:?}");
    assert!(refusal.message.contains("state cannot be written"), "{refusal:?}");
    assert!(refusal.message.contains(cause), "{refusal:?}");
    // The store opens again at every request, and a little may fit in: refusals go on, with requests between them that are not.
    let words = wait::until("health says so", || {
        filler.until_refused()?;
        Ok(trouble(host, "store").ok())
    })?;
    assert!(words.contains(cause), "{words}");
    wait::until("no requests are wanted", || {
        filler.until_refused()?;
        let answer = host.health("/readyz")?;
        Ok((answer.status == 503 && answer.text().contains(cause)).then_some(()))
    })?;
    let over_http = wait::until("a request over HTTP is refused", || {
        let answer = filler.post(host)?;
        Ok((answer.status == 503).then_some(answer))
    })?;
    assert!(over_http.header("retry-after").is_some(), "{}", over_http.text());
    assert!(host.refused("grpc", "unavailable")? >= 1.0 && host.refused("http", "unavailable")? >= 1.0);
    Ok(())
}
