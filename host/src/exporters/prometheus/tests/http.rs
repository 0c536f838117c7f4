//! Scrapes over loopback, with nothing but a socket on the scraper's side.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use flate2::read::GzDecoder;
use tokio::sync::oneshot;

use super::request::{COUNTER, GAUGE, Metric, Point, integer, one};
use super::*;

/// A served exporter; stops when dropped.
struct Served {
    bench: Bench,
    address: String,
    stop: Option<oneshot::Sender<()>>,
    server: Option<thread::JoinHandle<()>>,
}

impl Served {
    fn new() -> Served {
        Served::limited(Limits::default())
    }

    fn limited(limits: Limits) -> Served {
        let mut bench = Bench::new(r#"{"endpoint": "127.0.0.1:0"}"#);
        bench.exporter.limits = limits;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { bench.exporter.bind() }).unwrap();
        let address = bench.exporter.address.unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = bench.exporter.serve(Box::pin(async move { drop(stopped.await) }));
        let server = thread::spawn(move || runtime.block_on(serve));
        Served { bench, address, stop: Some(stop), server: Some(server) }
    }

    fn request(&self, head: &str) -> (String, Vec<u8>) {
        request(&self.address, head)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }
}

/// Sends a request and returns the head of the answer, and its body without chunking.
fn request(address: &str, head: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let body = answer.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") { dechunk(&body) } else { body };
    if !body.is_empty() && !head.contains("content-encoding") {
        check(&head, &body);
    }
    (head, body)
}

/// What is served with the type of a scrape is one.
fn check(head: &str, body: &[u8]) {
    let types = [("text/plain; version=0.0.4", Format::Text), ("application/openmetrics-text", Format::OpenMetrics)];
    for (_, format) in types.into_iter().filter(|(kind, _)| head.contains(&format!("content-type: {kind}"))) {
        strict::read(format, std::str::from_utf8(body).unwrap()).unwrap();
    }
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 2 + length + 2..];
    }
}

/// Asks for metrics and reads only the beginning of the answer.
fn begin(served: &Served) -> TcpStream {
    let mut stream = TcpStream::connect(&served.address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stream
}

/// More than sockets hold by themselves.
const LARGE: usize = 250_000;

fn large(value: i64) -> Request {
    let names: Vec<String> = (0..LARGE).map(|number| format!("a-name-of-some-length-{number}")).collect();
    let pairs: Vec<[(&str, &str); 1]> = names.iter().map(|name| [("name", name.as_str())]).collect();
    let points: Vec<Point<'_>> = pairs.iter().map(|pairs| integer(pairs, value)).collect();
    one(Metric { name: "jobs", ..COUNTER }, &points)
}

fn many(count: usize) -> Request {
    let names: Vec<String> = (0..count).map(|number| format!("value-{number}")).collect();
    let pairs: Vec<[(&str, &str); 1]> = names.iter().map(|name| [("name", name.as_str())]).collect();
    let points: Vec<Point<'_>> = pairs.iter().map(|pairs| integer(pairs, 1)).collect();
    one(Metric { name: "jobs", ..COUNTER }, &points)
}

#[test]
fn a_scrape_gets_what_its_accept_header_asks_for() {
    let mut served = Served::new();
    served.bench.consume(many(1));
    let (head, body) = served.request("GET /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert_eq!(body, b"# TYPE jobs_total counter\njobs_total{name=\"value-0\"} 1\n");
    let (head, body) =
        served.request("GET /metrics?a=b HTTP/1.1\r\naccept: application/openmetrics-text;version=1.0.0");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert_eq!(body, b"# TYPE jobs counter\njobs_total{name=\"value-0\"} 1\n# EOF\n");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let served = Served::new();
    let (head, body) = served.request("GET / HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 404 ") && body == b"metrics are at /metrics\n", "{head}");
    let (head, _) = served.request("POST /metrics HTTP/1.1\r\ncontent-length: 0");
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD"), "{head}");
    let (head, body) = served.request("HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head}");
}

#[test]
fn a_large_scrape_is_streamed_and_can_be_compressed() {
    let mut served = Served::new();
    served.bench.consume(many(20_000));
    let (_, plain) = served.request("GET /metrics HTTP/1.1");
    assert_eq!(plain, served.bench.text().into_bytes());
    let (head, compressed) = served.request("GET /metrics HTTP/1.1\r\naccept-encoding: gzip");
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(compressed.len() < plain.len() / 3);
    let mut inflated = Vec::new();
    GzDecoder::new(compressed.as_slice()).read_to_end(&mut inflated).unwrap();
    assert!(inflated == plain);
}

/// Most of such an answer is heads, so that many a chunk ends behind one.
#[test]
fn a_chunk_that_ends_behind_the_head_of_a_family_is_followed_by_its_series() {
    let mut bench = Bench::new("{}");
    let help = "long ".repeat(200);
    let names: Vec<String> = (0..3000).map(|number| format!("family.{number}")).collect();
    for name in &names {
        bench.consume(one(Metric { name, help: &help, ..GAUGE }, &[integer(&[], 1)]));
    }
    assert_eq!(bench.text().matches("# TYPE ").count(), names.len());
    assert_eq!(bench.scrape(Format::OpenMetrics).matches("# TYPE ").count(), names.len());
}

#[test]
fn ingest_goes_on_while_scrapes_are_read_slowly() {
    let mut served = Served::new();
    served.bench.consume(many(20_000));
    // This one asks and never reads: its answer fills the socket and stays there.
    let mut idle = TcpStream::connect(&served.address).unwrap();
    write!(idle, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let address = served.address.clone();
    let scraper = thread::spawn(move || {
        for _ in 0..3 {
            let (_, body) = request(&address, "GET /metrics HTTP/1.1");
            assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 20_001);
        }
    });
    while !scraper.is_finished() {
        assert_eq!(served.bench.consume(many(1000)).items, 1000);
    }
    scraper.join().unwrap();
    drop(idle);
}

#[test]
fn a_scrape_that_is_not_read_holds_up_nobody_and_goes_on_with_what_is_there_then() {
    let mut served = Served::limited(Limits { stall: Duration::from_secs(3600), ..Limits::default() });
    served.bench.consume(large(1));
    let mut slow = begin(&served);
    assert_eq!(served.bench.consume(large(2)).items, LARGE as u64);
    let (_, second) = served.request("GET /metrics HTTP/1.1");
    let second = String::from_utf8(second).unwrap();
    assert!(second.lines().skip(1).all(|line| line.ends_with(" 2")) && second.lines().count() == LARGE + 1);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let shown = String::from_utf8(dechunk(&rest[end + 4..])).unwrap();
    let values: Vec<&str> = shown.lines().skip(1).map(|line| line.rsplit_once(' ').unwrap().1).collect();
    // What was on its way already, then what came meanwhile.
    assert!(values.len() == LARGE && values.is_sorted() && values[0] == "1" && values[LARGE - 1] == "2");
}

#[test]
fn a_scraper_that_does_not_read_is_cut_off() {
    let mut served = Served::limited(Limits { scrapes: 1, stall: Duration::from_millis(100), ..Limits::default() });
    served.bench.consume(large(1));
    let mut stuck = begin(&served);
    // Its turn is the only one: until it is cut off, others are told to come again.
    while !served.request("GET /metrics HTTP/1.1").0.starts_with("HTTP/1.1 200 ") {}
    let mut rest = Vec::new();
    // Cut off can be a reset.
    let _ = stuck.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}

#[test]
fn scrapes_at_a_time_are_limited() {
    let mut served = Served::limited(Limits { scrapes: 2, stall: Duration::from_secs(3600), ..Limits::default() });
    served.bench.consume(large(1));
    let held = [begin(&served), begin(&served)];
    let (head, _) = served.request("GET /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
    let [first, _second] = held;
    drop(first);
    while !served.request("GET /metrics HTTP/1.1").0.starts_with("HTTP/1.1 200 ") {}
}

#[test]
fn a_port_that_is_taken_is_found_at_bind() {
    let served = Served::new();
    let mut bench = Bench::new(&format!(r#"{{"endpoint": "{}"}}"#, served.address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async { bench.exporter.bind() }).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    assert_eq!(served.bench.exporter.endpoint().unwrap(), format!("http://{}/metrics", served.address));
    let mut bench = Bench::new(r#"{"endpoint": "no address"}"#);
    let error = runtime.block_on(async { bench.exporter.bind() }).unwrap_err();
    assert!(matches!(error, BindError::Address { .. }), "{error}");
}
