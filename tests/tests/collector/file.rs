//! The `file` exporter beside the Collector's: the same requests, every form of file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::json::to_protobuf;
use otelier_tests::certificates::Security;
use otelier_tests::collector::{Collector, Route};
use otelier_tests::host::{self, Configuration, Setup};
use otelier_tests::request::Request;
use otelier_tests::{grpc, wait};
use serde_json::{Value, json};

use crate::requests::{self, Sent};
use crate::ways;

/// A file for each signal, by the Collector and by the host.
struct Both {
    folder: tempfile::TempDir,
    collector: Collector,
    listen: std::net::SocketAddr,
    setup: Setup,
}

fn exporters(folder: &Path, name: &str, settings: &Value) -> Result<BTreeMap<&'static str, Value>> {
    fs::create_dir(folder.join(name))?;
    let exporter = |signal: Signal| {
        let mut settings = settings.clone();
        let star = if settings["group_by"]["enabled"] == true { "-*" } else { "" };
        settings["path"] = json!(folder.join(name).join(format!("{signal}{star}")));
        (signal.name(), settings)
    };
    Ok(Signal::ALL.map(exporter).into())
}

impl Both {
    fn start(settings: &Value) -> Result<Both> {
        let folder = tempfile::tempdir()?;
        let listen = host::free(1)?[0];
        let theirs = exporters(folder.path(), "theirs", settings)?;
        let ours = exporters(folder.path(), "ours", settings)?;
        let mut settings = settings.clone();
        settings["flush_interval"] = json!("20ms");
        let star = if settings["group_by"]["enabled"] == true { "-*" } else { "" };
        settings["path"] = json!(folder.path().join("theirs").join(format!("{{signal}}{star}")));
        let route = Route {
            name: "file".to_owned(),
            protocols: ways::PLAIN.receiver(listen, Security::Plain),
            listen,
            exporter: "file",
            settings,
        };
        drop(theirs);
        let collector = Collector::start(&[route])?;
        let mut config = Configuration::default();
        for (signal, mut exporter) in ours {
            exporter["sending_queue"] = json!({"num_consumers": 1});
            config = config.set(&format!("exporters/file~1{signal}"), exporter);
            config = config.pipeline(signal, &[], &[&format!("file/{signal}")]);
        }
        let setup = Setup::without_plugins(&config)?;
        Ok(Both { folder, collector, listen, setup })
    }

    /// Compares the messages of both, once they have as many as were sent. Of those that are not equal each is what it has to be: here
    /// what was sent, there what the Collector makes of that.
    fn files(
        &self,
        sent: &[(Sent, Request)],
        is_equal: bool,
        read: impl Fn(&Path) -> Result<Vec<Vec<u8>>>,
    ) -> Result<()> {
        let running = self.setup.start()?;
        let (mut theirs, mut ours) = (grpc::Client::connect(self.listen)?, running.grpc()?);
        for (sent, _) in sent {
            sent.send(&mut theirs).with_context(|| self.collector.log())?;
            sent.send(&mut ours).with_context(|| self.setup.log())?;
        }
        for signal in Signal::ALL {
            let count = sent.iter().filter(|(sent, _)| sent.signal == signal).count();
            let of = |whose: &str| {
                let path = self.folder.path().join(whose).join(signal.name());
                wait::until(&format!("{count} messages are in {}", path.display()), || {
                    let messages = read(&path)?;
                    Ok((messages.len() >= count).then_some(messages))
                })
            };
            let (theirs, ours) = (of("theirs")?, of("ours").with_context(|| self.setup.log())?);
            ensure!((theirs.len(), ours.len()) == (count, count), "{signal}: {} and {}", theirs.len(), ours.len());
            let of_signal = sent.iter().filter(|(sent, _)| sent.signal == signal);
            for ((their, our), (sent, expected)) in theirs.iter().zip(&ours).zip(of_signal) {
                let (their, our) = (decoded(signal, their)?, decoded(signal, our)?);
                if is_equal {
                    their.assert_arrived_as(&our).with_context(|| sent.name.clone())?;
                }
                let as_sent = decoded(signal, &sent.protobuf)?;
                as_sent.assert_arrived_as(&our).with_context(|| format!("{} here", sent.name))?;
                expected.assert_arrived_as(&their).with_context(|| format!("{} there", sent.name))?;
            }
        }
        Ok(())
    }
}

/// JSON or protobuf. JSON is compared as what it means, after both were read by the same strict reader.
fn decoded(signal: Signal, message: &[u8]) -> Result<Request> {
    let protobuf = match message.first() {
        // No request has a field 15 with a group in it.
        Some(b'{') => to_protobuf(signal, message, usize::MAX, Strings::Bytes)?.to_vec(),
        _ => message.to_vec(),
    };
    let mut request = Request::decode(signal, &protobuf)?;
    requests::fill_scopes(&mut request);
    Ok(request)
}

fn lines(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(path)?;
    let (whole, _) = bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    Ok(whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

fn messages(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(path)?;
    let (mut rest, mut messages) = (&bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((message, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        messages.push(message.to_vec());
        rest = after;
    }
    Ok(messages)
}

fn packed(path: &Path) -> Result<Vec<Vec<u8>>> {
    messages(path)?.iter().map(|message| Ok(zstd::decode_all(&message[..])?)).collect()
}

#[test]
fn lines_of_json_are_the_collectors() -> Result<()> {
    Both::start(&json!({}))?.files(&requests::random(60)?, false, lines)
}

/// A line without what is empty or has its default: clients write that or not, and the Collector leaves it out, or adds it.
fn pruned(value: Value) -> Value {
    let is_default = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, pruned(value)));
            fields.filter(|(_, value)| !is_default(value)).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(values) => values.into_iter().map(pruned).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

/// Names, forms of numbers, ids, enums: read as JSON and nothing else, the lines are equal.
#[test]
fn lines_are_the_collectors_as_json() -> Result<()> {
    let both = Both::start(&json!({}))?;
    both.files(&requests::of_clients()?, true, lines)?;
    let mut compared = 0;
    for signal in Signal::ALL {
        let of = |whose: &str| lines(&both.folder.path().join(whose).join(signal.name()));
        for (their, our) in of("theirs")?.iter().zip(&of("ours")?) {
            let (their, our) = (pruned(serde_json::from_slice(their)?), pruned(serde_json::from_slice(our)?));
            ensure!(their == our, "the Collector wrote\n{their:#}\nand the host\n{our:#}");
            compared += 1;
        }
    }
    ensure!(compared > 10, "{compared} lines");
    Ok(())
}

#[test]
fn protobuf_stands_behind_its_length_as_in_the_collector() -> Result<()> {
    Both::start(&json!({"format": "proto"}))?.files(&requests::of_clients()?, true, messages)?;
    Both::start(&json!({"format": "proto"}))?.files(&requests::random(60)?, false, messages)
}

#[test]
fn zstd_stands_behind_its_length_as_in_the_collector() -> Result<()> {
    for format in ["json", "proto"] {
        Both::start(&json!({"format": format, "compression": "zstd"}))?.files(
            &requests::of_clients()?,
            true,
            packed,
        )?;
    }
    Ok(())
}

/// Groups with names that are allowed.
#[test]
fn groups_are_the_same_files() -> Result<()> {
    let group_by = json!({"enabled": true, "resource_attribute": "service.name"});
    let both = Both::start(&json!({"group_by": group_by}))?;
    let running = both.setup.start()?;
    let (mut theirs, mut ours) = (grpc::Client::connect(both.listen)?, running.grpc()?);
    let names = ["shop", "cart", "deep/er"];
    for signal in Signal::ALL {
        for name in names {
            let sent = Sent { name: name.to_owned(), signal, protobuf: of_service(signal, name)? };
            sent.send(&mut theirs).with_context(|| both.collector.log())?;
            sent.send(&mut ours).with_context(|| both.setup.log())?;
        }
    }
    let written = |whose: &str| -> Result<BTreeMap<PathBuf, usize>> {
        let root = both.folder.path().join(whose);
        let mut found = BTreeMap::new();
        walk(&root, &mut |path| {
            found.insert(path.strip_prefix(&root)?.to_owned(), lines(path)?.len());
            Ok(())
        })?;
        Ok(found)
    };
    let expected = wait::until("the Collector has written", || {
        let theirs = written("theirs")?;
        Ok((theirs.values().sum::<usize>() == 9).then_some(theirs))
    })?;
    wait::until_equal("the same files", &expected, || written("ours"))
}

fn walk(folder: &Path, each: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, each)? } else { each(&path)? }
    }
    Ok(())
}

fn of_service(signal: Signal, name: &str) -> Result<Vec<u8>> {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": name}}]});
    let request = match signal {
        Signal::Metrics => {
            json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": {}, "metrics": [
            {"name": "m", "gauge": {"dataPoints": [{"asInt": "1", "timeUnixNano": "1"}]}}]}]}]})
        }
        Signal::Traces => json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [
            {"name": "s", "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}]}]}]}),
        Signal::Logs => json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": [
            {"body": {"stringValue": "l"}}]}]}]}),
    };
    match to_protobuf(signal, request.to_string().as_bytes(), 1 << 20, Strings::Utf8) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => bail!("{error}"),
    }
}
