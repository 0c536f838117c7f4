//! Which pipelines get the same requests: those behind one by its connectors, and those beside it at its receivers.

use std::collections::{HashMap, HashSet};

use super::plan::{PipelinePlan, Plan};
use crate::contract::{ComponentId, Signal};

impl Plan {
    /// The pipelines that a connector begins where one of this signal ends in it.
    pub fn begun_by<'p>(
        &'p self,
        connector: &'p ComponentId,
        signal: Signal,
    ) -> impl Iterator<Item = &'p PipelinePlan> {
        self.pipelines.iter().filter(move |other| other.signal == signal && other.begun_by.contains(connector))
    }

    /// The pipelines that one leads to by a connector that ends it.
    pub fn next<'p>(
        &'p self,
        front: &'p PipelinePlan,
        connector: &'p ComponentId,
    ) -> impl Iterator<Item = &'p PipelinePlan> {
        self.pipelines.iter().filter(move |other| front.leads_to(connector, other))
    }

    /// Whether a connector is a plugin.
    pub fn is_plugin(&self, connector: &ComponentId) -> bool {
        self.pipelines.iter().any(|pipeline| pipeline.of_connector.as_ref() == Some(connector))
    }

    /// The pipelines that get what one gets, or something of it: itself, and those behind its connectors. There are no circles.
    pub fn behind<'p>(&'p self, start: &'p PipelinePlan) -> Vec<&'p PipelinePlan> {
        let mut behind = vec![start];
        let mut next = 0;
        while let Some(pipeline) = behind.get(next).copied() {
            next += 1;
            for other in pipeline.ended_by.iter().flat_map(|connector| self.next(pipeline, connector)) {
                if !behind.iter().any(|known| known.id == other.id) {
                    behind.push(other);
                }
            }
        }
        behind
    }

    /// Each pipeline with those that get the same requests, or something of them, itself among them: those behind any receiver that it is
    /// behind.
    pub fn beside(&self) -> Vec<(&PipelinePlan, Vec<&PipelinePlan>)> {
        let starts = self.pipelines.iter().filter(|start| !start.receivers.is_empty());
        let reached: Vec<(&PipelinePlan, Vec<&PipelinePlan>)> =
            starts.map(|start| (start, self.behind(start))).collect();
        // A receiver has other requests for each signal.
        let mut sources: HashMap<&ComponentId, HashSet<(&ComponentId, Signal)>> = HashMap::new();
        for (start, behind) in &reached {
            let of_start = || start.receivers.iter().map(|receiver| (receiver, start.signal));
            behind.iter().for_each(|pipeline| sources.entry(&pipeline.id).or_default().extend(of_start()));
        }
        let beside = |pipeline: &PipelinePlan| {
            let sources = sources.get(&pipeline.id);
            let is_shared = |receiver: &ComponentId, signal: Signal| {
                sources.is_some_and(|sources| sources.iter().any(|source| *source == (receiver, signal)))
            };
            let shares =
                |start: &PipelinePlan| start.receivers.iter().any(|receiver| is_shared(receiver, start.signal));
            let all = reached.iter().filter(|(start, _)| shares(start)).flat_map(|(_, behind)| behind.iter().copied());
            let mut known = HashSet::new();
            all.filter(|other| known.insert(&other.id)).collect()
        };
        self.pipelines.iter().map(|pipeline| (pipeline, beside(pipeline))).collect()
    }

    /// Pipelines with one of these processors, which keep state, beside an exporter that lets senders wait for the destination: each with the
    /// first such exporter. A request that is refused there, and sent again, would count twice.
    pub fn waiting_behind_state(
        &self,
        stateful: &HashSet<ComponentId>,
        waits: impl Fn(&ComponentId) -> bool,
    ) -> Vec<(&PipelinePlan, &ComponentId)> {
        let keeps_state = |pipeline: &PipelinePlan| pipeline.processors.iter().any(|id| stateful.contains(id));
        let with_state = self.beside().into_iter().filter(|(pipeline, _)| keeps_state(pipeline));
        let waiting = with_state.filter_map(|(pipeline, beside)| {
            let exporter = beside.into_iter().flat_map(|other| &other.exporters).find(|id| waits(id))?;
            Some((pipeline, exporter))
        });
        waiting.collect()
    }
}
