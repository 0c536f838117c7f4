//! The Prometheus server itself reads what the host shows, and promtool has nothing to say about it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, http, wait};
use serde_json::Value;
use tempfile::TempDir;

/// A scrape's text, checked by `promtool check metrics`.
pub fn check(promtool: &Path, text: &str) -> Result<()> {
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start promtool")?;
    child.stdin.take().context("no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && said.is_empty(), "promtool says:\n{said}\nabout:\n{text}");
    Ok(())
}

/// A server that scrapes one target. Ended by its process id.
struct Server {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Server {
    fn start(target: SocketAddr, address: SocketAddr) -> Result<Server> {
        let folder = tempfile::Builder::new().prefix("otelier-prometheus-").tempdir()?;
        let config = format!(
            "global: {{scrape_interval: 100ms}}\n\
             scrape_configs:\n- job_name: otelier\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config)?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = Command::new(environment::prometheus()?)
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the Prometheus server")?;
        Ok(Server { child, address, folder })
    }

    /// The labels and value of each series that an instant query finds.
    fn query(&self, name: &str) -> Result<Vec<(Value, String)>> {
        let answer = http::get(self.address, &format!("/api/v1/query?query={name}"), &[])?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer["status"] == "success", "{answer}");
        let series = answer["data"]["result"].as_array().context("no result")?;
        let value = |series: &Value| series["value"][1].as_str().unwrap_or_default().to_owned();
        Ok(series.iter().map(|series| (series["metric"].clone(), value(series))).collect())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_prometheus_server_scrapes_the_aggregated_total() -> Result<()> {
    let setup = Setup::with_aggregate(&Configuration::aggregate())?;
    let host = setup.start()?;
    let server = Server::start(setup.endpoints.prometheus, setup.endpoints.spare)?;
    host.accepts(&payload::work("manual", Temporality::Delta, &[1, 2, 3]))?;
    let found = wait::until("the server has the total", || {
        let found = server.query("work_done_batched_total")?;
        Ok(found.iter().any(|(_, value)| value == "6").then_some(found))
    });
    let found = found.with_context(|| format!("the server's log:\n{}", server.log()))?;
    let [(labels, _)] = &found[..] else { anyhow::bail!("more than one series: {found:?}") };
    assert_eq!(labels["work_type"], "manual");
    let names: Vec<&str> = labels.as_object().context("no labels")?.keys().map(String::as_str).collect();
    for name in names {
        assert!(["__name__", "instance", "job", "work_type"].contains(&name), "an unexpected label: {labels}");
    }
    let up = server.query("up")?;
    assert!(up.iter().all(|(_, value)| value == "1"), "{up:?}");
    let promtool = environment::promtool()?;
    check(&promtool, &http::get(setup.endpoints.prometheus, "/metrics", &[])?.text())
}
