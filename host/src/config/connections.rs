//! Whether connectors lead from pipelines to pipelines, and never in a circle.

use std::collections::BTreeSet;

use super::error::Error;
use super::plan::PipelinePlan;
use super::problem::Problem;
use super::raw::{Raw, RawComponent};
use crate::contract::{ComponentId, Signal};

/// Pipelines that one request may pass, each as often as it comes to it.
const WAYS_MAX: usize = 1000;

/// Adds what is wrong with how pipelines are connected.
pub(super) fn check(
    pipelines: &[PipelinePlan],
    raw: &Raw<'_>,
    types: &[&str],
    is_plugin: &dyn Fn(&RawComponent<'_>) -> bool,
    problems: &mut Vec<Error>,
) {
    halves(pipelines, raw, types, problems);
    for connector in raw.connectors.iter().filter(|connector| is_plugin(connector)) {
        plugin(pipelines, connector, problems);
    }
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

/// Whether a connector that is a plugin leads from spans or log records to metrics, if it leads anywhere.
fn plugin(pipelines: &[PipelinePlan], connector: &RawComponent<'_>, problems: &mut Vec<Error>) {
    let signals = |stands: fn(&PipelinePlan) -> &Vec<ComponentId>| -> Vec<Signal> {
        let of_user = pipelines.iter().filter(|pipeline| pipeline.of_connector.is_none());
        of_user.filter(|pipeline| stands(pipeline).contains(&connector.id)).map(|pipeline| pipeline.signal).collect()
    };
    let (from, to) = (signals(|pipeline| &pipeline.ended_by), signals(|pipeline| &pipeline.begun_by));
    let is_metrics = |signal: &Signal| *signal == Signal::Metrics;
    let is_whole = from.is_empty() == to.is_empty();
    if !is_whole || from.iter().any(is_metrics) || !to.iter().all(is_metrics) {
        problems.push(Error::new(connector.position, Problem::PluginConnector { id: connector.id.to_string() }));
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
            for next in self.pipelines.iter().filter(|other| pipeline.leads_to(connector, other)) {
                self.from(next);
            }
        }
        self.way.pop();
    }
}
