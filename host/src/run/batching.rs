//! What processors say of how exporters merge and split batches.

use std::collections::HashMap;

use super::components::Components;
use crate::config::{Component, PipelinePlan, Plan};
use crate::contract::{Batching, ComponentId, Delivery, SendingQueue};

/// What a processor says holds for exporters of its pipelines that push, have a queue, and say nothing themselves. An exporter in several
/// pipelines has one queue, so the first of them decides.
#[derive(Debug, Default)]
pub struct BatchingOfPipelines {
    settings: HashMap<ComponentId, Chosen>,
    /// What is probably not meant.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct Chosen {
    batching: Batching,
    /// Where it comes from.
    pipeline: ComponentId,
}

impl BatchingOfPipelines {
    /// Looks at all pipelines, in the order of the file.
    pub fn of(plan: &Plan, components: &Components) -> BatchingOfPipelines {
        let mut found = BatchingOfPipelines::default();
        for pipeline in &plan.pipelines {
            for component in plan.of_process.iter().filter(|component| pipeline.of_process.contains(&component.id)) {
                if let Some(batching) = components.batching(component) {
                    found.add(plan, components, pipeline, component, &batching);
                }
            }
        }
        found
    }

    fn add(
        &mut self,
        plan: &Plan,
        components: &Components,
        pipeline: &PipelinePlan,
        processor: &Component,
        batching: &Batching,
    ) {
        let mut is_used = false;
        for exporter in plan.exporters.iter().filter(|exporter| pipeline.exporters.contains(&exporter.id)) {
            // One that holds its data in memory sends nothing.
            let Some(Delivery { queue, .. }) = components.delivery(exporter) else { continue };
            is_used = true;
            if let Some(own) = &queue.batch {
                let most = batching.max_size;
                if most > 0 && (own.max_size == 0 || own.max_size > most) {
                    let words = format!(
                        "exporter {} batches as its own `sending_queue.batch` says, without this `send_batch_max_size`; set `max_size` there",
                        exporter.id
                    );
                    self.tell(processor, &words);
                }
                continue;
            }
            if !queue.enabled {
                self.tell(processor, &format!("exporter {} has no queue, so it sends each batch alone", exporter.id));
                continue;
            }
            match self.settings.get(&exporter.id) {
                Some(first) if first.batching != *batching => {
                    let words = format!(
                        "exporter {} has one queue for pipelines {} and {}, and batches as the first of them says; define an exporter for each, or set `sending_queue: {{batch: ...}}` there",
                        exporter.id, first.pipeline, pipeline.id
                    );
                    self.tell(processor, &words);
                }
                Some(_) => {}
                None => {
                    let chosen = Chosen { batching: batching.clone(), pipeline: pipeline.id.clone() };
                    self.settings.insert(exporter.id.clone(), chosen);
                    if let Some(words) = (SendingQueue { batch: Some(batching.clone()), ..queue }).warning() {
                        self.tell(processor, &format!("exporter {}: {words}", exporter.id));
                    }
                }
            }
        }
        if !is_used {
            let words = format!("it has no effect in pipeline {}, none of whose exporters sends batches", pipeline.id);
            self.tell(processor, &words);
        }
    }

    fn tell(&mut self, processor: &Component, words: &str) {
        let words = format!("processor {}: {words}", processor.id);
        self.warnings.push(processor.node.plugin_error(&words).to_string());
    }

    /// How the lane of an exporter works, with what processors say of it.
    pub fn applied(&self, exporter: &ComponentId, mut delivery: Delivery) -> Delivery {
        if let Some(chosen) = self.settings.get(exporter) {
            delivery.queue.batch.get_or_insert_with(|| chosen.batching.clone());
        }
        delivery
    }
}
