//! The clients against the host itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use otelier_tests::capture;
use otelier_tests::host::{Host, Setup};
use otelier_tests::recorder::{Tap, Transport};
use otelier_tests::request::Request;
use tempfile::TempDir;

use crate::programs::{GENERATED, SDKS, Sdk, TRANSPORTS, Target};
use crate::replay::capturing_host;

#[test]
fn live_python() -> Result<()> {
    Capturing::new()?.takes_from(&SDKS[0])
}

#[test]
fn live_javascript() -> Result<()> {
    Capturing::new()?.takes_from(&SDKS[1])
}

#[test]
fn live_python_packed() -> Result<()> {
    Capturing::new()?.takes_packed_from(&SDKS[0])
}

#[test]
fn live_javascript_packed() -> Result<()> {
    Capturing::new()?.takes_packed_from(&SDKS[1])
}

/// What one host and one run of a client need.
struct Capturing {
    folder: TempDir,
    setup: Setup,
}

impl Capturing {
    fn new() -> Result<Capturing> {
        let folder = tempfile::tempdir()?;
        let config = capture::configuration(&folder.path().join("captured"), &[]);
        let setup = Setup::without_plugins(&config)?.run_by(capturing_host());
        std::fs::create_dir(folder.path().join("said"))?;
        Ok(Capturing { folder, setup })
    }

    fn captured(&self) -> PathBuf {
        self.folder.path().join("captured")
    }

    fn takes_from(&self, sdk: &Sdk) -> Result<()> {
        let host = self.setup.start()?;
        let target = Target { grpc: host.endpoints().grpc, http: host.endpoints().http };
        sdk.send(target, &self.folder.path().join("said"), false)?;
        self.compare(&host)
    }

    fn takes_packed_from(&self, sdk: &Sdk) -> Result<()> {
        let host = self.setup.start()?;
        let (grpc, http) = (Tap::start(host.endpoints().grpc)?, Tap::start(host.endpoints().http)?);
        let target = Target { grpc: grpc.address, http: http.address };
        sdk.send(target, &self.folder.path().join("said"), true)?;
        let count = self.said()?.len();
        for (tap, count) in [(grpc, count), (http, 2 * count)] {
            let requests = tap.requests(count)?;
            ensure!(requests.iter().all(|request| request.packed), "not all requests are compressed on the wire");
        }
        self.compare(&host)
    }

    /// What arrived is what the SDK's own encoder says the client sent: three times, once for each transport.
    fn compare(&self, host: &Host<'_>) -> Result<()> {
        let said = self.said()?;
        let mut arrived: BTreeMap<String, Vec<Request>> = BTreeMap::new();
        for request in capture::wait_for(host, &self.captured(), said.len() * TRANSPORTS.len())? {
            arrived.entry(request.scope().context("no scope")?.to_owned()).or_default().push(request);
        }
        assert!(said.keys().eq(arrived.keys()), "sent {:?}, arrived {:?}", said.keys(), arrived.keys());
        let mut wrong = Vec::new();
        for ((name, said), arrived) in said.iter().zip(arrived.values()) {
            ensure!(arrived.len() == TRANSPORTS.len(), "{name} arrived {} times", arrived.len());
            for (arrived, transport) in arrived.iter().zip(TRANSPORTS) {
                let said = Request::decode(arrived.signal(), said)?;
                if let Err(difference) = said.assert_arrived_as(arrived) {
                    wrong.push(format!("{name} over {transport:?}: {difference:#}"));
                }
            }
        }
        ensure!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n\n"));
        Ok(())
    }

    /// What the client says it sent, by the name of the case.
    fn said(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut said = BTreeMap::new();
        for path in std::fs::read_dir(self.folder.path().join("said"))?.flatten().map(|entry| entry.path()) {
            let name = path.file_stem().context("a file without a name")?.to_string_lossy().into_owned();
            said.insert(name, std::fs::read(path)?);
        }
        ensure!(said.len() > 10, "the client says that it sent only {:?}", said.keys());
        Ok(said)
    }
}

/// telemetrygen does not say what it sends, and its values are random: it is read off the wire on the way to the host.
#[test]
fn live_telemetrygen() -> Result<()> {
    let capturing = Capturing::new()?;
    let (host, file) = (capturing.setup.start()?, capturing.captured());
    let mut count = 0;
    for transport in [Transport::Grpc, Transport::HttpProtobuf] {
        let target = if transport == Transport::Grpc { host.endpoints().grpc } else { host.endpoints().http };
        for generated in GENERATED {
            let tap = Tap::start(target)?;
            generated.send(transport, tap.address)?;
            count += 1;
            let arrived = capture::wait_for(&host, &file, count)?;
            let name = format!("{} over {transport:?}", generated.name);
            ensure!(arrived.len() == count, "{name}: {count} were sent, {} arrived", arrived.len());
            let sent = tap.requests(1)?;
            let [sent] = &sent[..] else { anyhow::bail!("{name}: {} requests on the wire", sent.len()) };
            assert_eq!((sent.signal, sent.transport), (generated.signal, transport), "{name}");
            let sent = Request::decode(sent.signal, &sent.message)?;
            ensure!(sent.items().len() >= 3, "{name}: only {} items", sent.items().len());
            let arrived = arrived.last().context("nothing arrived")?;
            sent.assert_arrived_as(arrived).context(name)?;
        }
    }
    Ok(())
}
