//! Whether connectors lead from pipelines to pipelines, and never in a circle.

use std::collections::BTreeSet;

use super::error::Error;
use super::plan::PipelinePlan;
use super::problem::Problem;
use super::raw::Raw;
use crate::contract::{ComponentId, Signal};

/// Pipelines that one request may pass, each as often as it comes to it.
const WAYS_MAX: usize = 1000;

/// Adds what is wrong with how pipelines are connected.
pub(super) fn check(pipelines: &[PipelinePlan], raw: &Raw<'_>, types: &[&str], problems: &mut Vec<Error>) {
    halves(pipelines, raw, types, problems);
    let mut told = BTreeSet::new();
    for start in pipelines {
        let mut walk = Walk { pipelines, way: Vec::new(), ways: 0, circle: None };
        walk.from(start);
        if let Some(circle) = walk.circle {
            // Each circle once, wherever one comes into it.
            let members: BTreeSet<&str> = circle.iter().map(String::as_str).collect();
            if told.insert(members.into_iter().map(str::to_owned).collect::<Vec<_>>()) {
                problems.push(Error::new(&start.position, Problem::Circle { way: circle.join(" → ") }));
            }
        } else if walk.ways > WAYS_MAX {
            problems.push(Error::new(&start.position, Problem::TooManyWays { limit: WAYS_MAX }));
        }
    }
}

/// Connectors that stand on one side alone. Those of other types may make one signal of another, and are told already.
fn halves(pipelines: &[PipelinePlan], raw: &Raw<'_>, types: &[&str], problems: &mut Vec<Error>) {
    for connector in raw.connectors.iter().filter(|connector| types.contains(&connector.id.kind())) {
        for signal in Signal::ALL {
            let of_signal = || pipelines.iter().filter(move |pipeline| pipeline.signal == signal);
            let ends = of_signal().any(|pipeline| pipeline.ended_by.contains(&connector.id));
            let begins = of_signal().any(|pipeline| pipeline.begun_by.contains(&connector.id));
            let (there, missing) = match (ends, begins) {
                (true, false) => ("exporters", "receivers"),
                (false, true) => ("receivers", "exporters"),
                _ => continue,
            };
            let id = connector.id.to_string();
            problems.push(Error::new(
                connector.position,
                Problem::HalfConnector { id, signal: signal.name(), there, missing },
            ));
        }
    }
}

struct Walk<'p> {
    pipelines: &'p [PipelinePlan],
    /// Pipelines that lead here, each with the connector that ends it.
    way: Vec<(&'p ComponentId, Option<&'p ComponentId>)>,
    ways: usize,
    circle: Option<Vec<String>>,
}

impl<'p> Walk<'p> {
    fn from(&mut self, pipeline: &'p PipelinePlan) {
        self.ways += 1;
        if self.ways > WAYS_MAX || self.circle.is_some() {
            return;
        }
        if let Some(first) = self.way.iter().position(|(id, _)| **id == pipeline.id) {
            let circle = self.way.get(first..).unwrap_or_default();
            let named = circle.iter().flat_map(|(id, connector)| {
                [Some(id.to_string()), connector.map(|connector| format!("`{connector}`"))].into_iter().flatten()
            });
            self.circle = Some(named.chain([pipeline.id.to_string()]).collect());
            return;
        }
        self.way.push((&pipeline.id, None));
        for connector in &pipeline.ended_by {
            if let Some(last) = self.way.last_mut() {
                last.1 = Some(connector);
            }
            let is_behind =
                |other: &&PipelinePlan| other.signal == pipeline.signal && other.begun_by.contains(connector);
            for next in self.pipelines.iter().filter(is_behind) {
                self.from(next);
            }
        }
        self.way.pop();
    }
}
