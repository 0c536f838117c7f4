//! The Prometheus server itself reads what the host shows, and promtool has nothing to say about it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric, Summary,
    SummaryDataPoint, exemplar, metric,
};
use otelier_tests::exposition::Format;
use otelier_tests::host::{Configuration, Setup};
use otelier_tests::payload::{self, Temporality};
use otelier_tests::{environment, http, scrape, wait};
use serde_json::{Value, json};
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
pub struct Server {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Server {
    pub fn start(target: SocketAddr, address: SocketAddr) -> Result<Server> {
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
    pub fn query(&self, name: &str) -> Result<Vec<(Value, String)>> {
        let answer = http::get(self.address, &format!("/api/v1/query?query={name}"), &[])?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer["status"] == "success", "{answer}");
        let series = answer["data"]["result"].as_array().context("no result")?;
        let value = |series: &Value| series["value"][1].as_str().unwrap_or_default().to_owned();
        Ok(series.iter().map(|series| (series["metric"].clone(), value(series))).collect())
    }

    pub fn log(&self) -> String {
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
    check(&promtool, &scrape::page(setup.endpoints.prometheus, Format::Text)?.text)
}

/// One metric of each kind that is more than a number, and a counter with an exemplar.
fn every_kind() -> Vec<u8> {
    let now = payload::now();
    let (start_time_unix_nano, time_unix_nano) = (now - 1_000_000_000, now);
    let exemplars = vec![Exemplar {
        time_unix_nano,
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        value: Some(exemplar::Value::AsDouble(0.7)),
        ..Exemplar::default()
    }];
    let cumulative = Temporality::Cumulative.into();
    let histogram = HistogramDataPoint {
        start_time_unix_nano,
        time_unix_nano,
        count: 10,
        sum: Some(7.5),
        bucket_counts: vec![1, 2, 3, 4],
        explicit_bounds: vec![0.5, 1.0, 2.5],
        exemplars: exemplars.clone(),
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        start_time_unix_nano,
        time_unix_nano,
        count: 6,
        sum: Some(9.0),
        zero_count: 1,
        positive: Some(Buckets { offset: 0, bucket_counts: vec![2, 3] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let summary = SummaryDataPoint {
        start_time_unix_nano,
        time_unix_nano,
        count: 5,
        sum: 2.5,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.5, value: 0.25 },
            ValueAtQuantile { quantile: 1.0, value: 2.0 },
        ],
        ..SummaryDataPoint::default()
    };
    let described = |name: &str, unit: &str, data| Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: "What it says.".to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let data_points = vec![histogram];
    let histogram = metric::Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative });
    let data_points = vec![exponential];
    let exponential =
        metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality: cumulative });
    let summary = metric::Data::Summary(Summary { data_points: vec![summary] });
    let mut counted = payload::integer(3, &[("shelf", "a\\b\"c\nd")]);
    counted.exemplars = exemplars;
    payload::metrics(vec![
        described("oven.time", "s", histogram),
        described("bread.weight", "g", exponential),
        described("queue.wait", "s", summary),
        payload::counter("loaves", Temporality::Cumulative, vec![counted]),
        payload::gauge("heat", vec![payload::double(0.1, &[])]),
    ])
}

#[test]
fn the_prometheus_server_and_promtool_accept_every_kind() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    let host = setup.start()?;
    let server = Server::start(setup.endpoints.prometheus, setup.endpoints.spare)?;
    host.accepts(&every_kind())?;
    let value_of = |query: &str, expected: &str| -> Result<()> {
        let found = wait::until(&format!("{query} is {expected}"), || {
            Ok(server.query(query)?.iter().any(|(_, value)| value == expected).then_some(()))
        });
        found.with_context(|| format!("the server's log:\n{}", server.log()))
    };
    // The selectors are percent-encoded: `{le="1.0"}`.
    value_of("oven_time_seconds_bucket%7Ble%3D%221.0%22%7D", "3")?;
    value_of("oven_time_seconds_bucket%7Ble%3D%22%2BInf%22%7D", "10")?;
    value_of("oven_time_seconds_sum", "7.5")?;
    value_of("histogram_quantile(0.6,oven_time_seconds_bucket)", "2.5")?;
    value_of("bread_weight_grams_bucket%7Ble%3D%222.0%22%7D", "3")?;
    value_of("bread_weight_grams_count", "6")?;
    value_of("queue_wait_seconds%7Bquantile%3D%220.5%22%7D", "0.25")?;
    value_of("loaves_total", "3")?;
    value_of("heat", "0.1")?;
    check(&environment::promtool()?, &scrape::page(setup.endpoints.prometheus, Format::Text)?.text)?;
    // In OpenMetrics, which the server was given too, the exemplars are there.
    let open_metrics = scrape::page(setup.endpoints.prometheus, Format::OpenMetrics)?.text;
    assert_eq!(
        open_metrics
            .matches("# {trace_id=\"07070707070707070707070707070707\",span_id=\"0808080808080808\"} 0.7 ")
            .count(),
        2
    );
    let up = server.query("up")?;
    assert!(up.iter().all(|(_, value)| value == "1"), "{up:?}");
    Ok(())
}

/// How many series, and how many of them come in one request.
const MILLION: usize = 1_000_000;
const PART: usize = 20_000;

/// One round of a million gauges that all have this value.
fn send_million(client: &mut otelier_tests::grpc::Client, value: i64) -> Result<()> {
    for part in (0..MILLION).step_by(PART) {
        let point = |number: usize| {
            let (shelf, place) = ((number / 1000).to_string(), (number % 1000).to_string());
            payload::integer(value, &[("shelf", &shelf), ("place", &place)])
        };
        let points = (part..part + PART).map(point).collect();
        let request = payload::metrics(vec![payload::gauge("loaves.left", points)]);
        let answer = client.send(otelier_tests::grpc::METRICS, &request);
        ensure!(answer.is_acknowledged(), "{answer:?}");
    }
    Ok(())
}

#[test]
fn a_million_series_are_scraped_while_more_points_come() -> Result<()> {
    let limit = json!(MILLION + 10);
    let setup = Setup::without_plugins(&Configuration::passthrough().set("exporters/prometheus/series_max", limit))?;
    let host = setup.start()?;
    let mut client = host.grpc()?;
    send_million(&mut client, 1)?;
    let labels = [("shelf", "999"), ("place", "999")];
    host_shows(setup.endpoints.prometheus, &labels, 1)?;
    // This scraper reads the beginning and stops.
    let mut slow = TcpStream::connect(setup.endpoints.prometheus)?;
    write!(slow, "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let mut start = [0; 15];
    slow.read_exact(&mut start)?;
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    // Meanwhile a whole round is acknowledged, and another scrape sees it.
    send_million(&mut client, 2)?;
    host_shows(setup.endpoints.prometheus, &labels, 2)?;
    drop(slow);
    Ok(())
}

/// Waits until a whole scrape has a million samples, this one with this value.
fn host_shows(address: SocketAddr, labels: &[(&str, &str)], value: i64) -> Result<()> {
    let [(_, shelf), (_, place)] = labels else { anyhow::bail!("two labels are needed") };
    let what = format!("all series are there and the last one is {value}");
    let page = scrape::until(&what, address, Format::Text, |text| {
        let samples = text.lines().filter(|line| line.starts_with("loaves_left{"));
        let is_last =
            |line: &&str| line.contains(&format!("shelf=\"{shelf}\"")) && line.contains(&format!("place=\"{place}\""));
        let shown = samples.clone().find(is_last).is_some_and(|line| line.ends_with(&format!(" {value}")));
        shown && samples.count() == MILLION
    })?;
    ensure!(page.exposition.named("loaves_left").count() == MILLION);
    Ok(())
}
