//! From samples to one line of JSON: medians over the rounds, and ratios within a round.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::Calls;
use crate::measure::{Plan, Sample, Shape};
use crate::payload::Input;
use crate::servers::Server;

const MIB: f64 = (1 << 20) as f64;

/// The samples of one batch size: one list a server, in the order of the rounds.
pub struct Rounds {
    samples: Vec<(Server, Vec<Sample>)>,
}

impl Rounds {
    /// Nothing measured yet.
    pub fn new(servers: &[Server]) -> Rounds {
        Rounds { samples: servers.iter().map(|server| (*server, Vec::new())).collect() }
    }

    /// A server's sample of the current round.
    pub fn add(&mut self, server: Server, sample: Sample) {
        for (_, samples) in self.samples.iter_mut().filter(|(known, _)| *known == server) {
            samples.push(sample);
        }
    }

    fn of(&self, server: Server) -> &[Sample] {
        self.samples.iter().find(|(known, _)| *known == server).map_or(&[], |(_, samples)| samples)
    }

    fn column(&self, server: Server, value: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.of(server).iter().map(value).collect()
    }

    /// In each round, what a point costs the other server by what it costs the host.
    fn ratio(&self, other: Server) -> Vec<f64> {
        let pairs = self.of(other).iter().zip(self.of(Server::Otelier));
        pairs.map(|(other, host)| other.cpu_ns_per_point / host.cpu_ns_per_point).collect()
    }

    /// The line of this batch size.
    pub fn line(&self, plan: &Plan, durability: &str, shape: Option<Shape>, calls: Option<&Calls>) -> Line {
        let host = |value: fn(&Sample) -> f64| self.column(Server::Otelier, value);
        let points_per_s = host(|sample| sample.points_per_s);
        let cpu_ns = host(|sample| sample.cpu_ns_per_point);
        let ratio = |server| figure(median(self.ratio(server)));
        let call_ratio = calls.map(Calls::ratio).unwrap_or_default();
        Line {
            bench: match plan.input {
                Input::Delta => "aggregate-delta",
                Input::Cumulative => "aggregate-cumulative",
            },
            batch: plan.batch,
            series: plan.series,
            durability: durability.to_owned(),
            points_per_s_core: figure(median(points_per_s.clone())),
            cpu_ns_per_point: figure(median(cpu_ns.clone())),
            rss_mib: figure(median(host(|sample| sample.rss_mib[1]))),
            rss_bytes_per_series: figure(median(self.column(Server::Otelier, |sample| {
                (sample.rss_mib[1] - sample.rss_idle_mib) * MIB / plan.series as f64
            }))),
            ratio_raw_http2: ratio(Server::Raw),
            ratio_native: ratio(Server::Native),
            ratio_native_call: figure(median(call_ratio.clone())),
            ratio_prost: ratio(Server::Prost),
            points_per_cpu_s: figure(median(cpu_ns.iter().map(|ns| 1e9 / ns).collect())),
            rss_mib_mid: figure(median(host(|sample| sample.rss_mib[0]))),
            rss_mib_most: figure(median(host(|sample| sample.rss_mib[2]))),
            streams: shape.and_then(|shape| shape.streams),
            bytes_per_point: figure(shape.map(|shape| shape.bytes_per_point)),
            in_flight: plan.in_flight,
            rounds: points_per_s.len(),
            call_ns_per_point: calls.map(Calls::json),
            servers: self.samples.iter().map(|(server, samples)| (server.name(), summary(samples))).collect(),
            spread: json!({
                "points_per_s_core": spread(&points_per_s),
                "cpu_ns_per_point": spread(&cpu_ns),
                "ratio_raw_http2": spread(&self.ratio(Server::Raw)),
                "ratio_native": spread(&self.ratio(Server::Native)),
                "ratio_native_call": spread(&call_ratio),
                "ratio_prost": spread(&self.ratio(Server::Prost)),
            }),
        }
    }
}

/// What is printed for a batch size. The README says what each key means; a figure that was not measured is null.
#[derive(Debug, serde::Serialize)]
pub struct Line {
    bench: &'static str,
    batch: usize,
    series: usize,
    durability: String,
    points_per_s_core: Value,
    cpu_ns_per_point: Value,
    rss_mib: Value,
    rss_bytes_per_series: Value,
    ratio_raw_http2: Value,
    ratio_native: Value,
    ratio_native_call: Value,
    ratio_prost: Value,
    points_per_cpu_s: Value,
    rss_mib_mid: Value,
    rss_mib_most: Value,
    streams: Option<usize>,
    bytes_per_point: Value,
    in_flight: usize,
    rounds: usize,
    call_ns_per_point: Option<Value>,
    servers: BTreeMap<&'static str, Value>,
    spread: Value,
}

fn summary(samples: &[Sample]) -> Value {
    let middle = |value: fn(&Sample) -> f64| figure(median(samples.iter().map(value).collect()));
    json!({
        "points_per_s_core": middle(|sample| sample.points_per_s),
        "cpu_ns_per_point": middle(|sample| sample.cpu_ns_per_point),
        "core_busy": middle(|sample| sample.busy),
        "load_core_busy": middle(|sample| sample.load_busy),
        "rss_mib": middle(|sample| sample.rss_mib[1]),
    })
}

/// One sample, for a person.
pub fn text(sample: &Sample) -> String {
    let Sample { points_per_s, cpu_ns_per_point, busy, load_busy, rss_mib: [mid, end, most], rss_idle_mib } = sample;
    format!(
        "{:>6.2} M points/s  {cpu_ns_per_point:>6.1} ns/point  core {:>3.0} %  generator {:>3.0} %  RSS {rss_idle_mib:.0} {mid:.0} {end:.0} (most {most:.0}) MiB",
        points_per_s / 1e6,
        busy * 100.0,
        load_busy * 100.0
    )
}

/// The middle one, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

/// The least and the greatest.
pub fn spread(values: &[f64]) -> Value {
    let least = values.iter().copied().reduce(f64::min);
    let greatest = values.iter().copied().reduce(f64::max);
    json!([figure(least), figure(greatest)])
}

/// Four digits: the rest is noise. What was not measured is null.
pub fn figure(value: Option<f64>) -> Value {
    let Some(value) = value.filter(|value| value.is_finite()) else { return Value::Null };
    if value == 0.0 {
        return json!(0);
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    if digits <= 0 {
        let unit = 10_f64.powi(-digits);
        return json!(((value / unit).round() * unit) as i64);
    }
    let unit = 10_f64.powi(digits);
    json!((value * unit).round() / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(figure(Some(12_345_678.0)), json!(12_350_000));
        assert_eq!(figure(Some(0.876_543)), json!(0.8765));
        assert_eq!(figure(Some(61.5)), json!(61.5));
        assert_eq!(figure(None), Value::Null);
    }

    #[test]
    fn a_median_of_two_is_their_mean() {
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
        assert_eq!(median(vec![5.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
