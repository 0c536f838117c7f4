//! What a plugin does not see, or may overlook: told in the log, and counted where it makes a difference to what comes out.

use super::Instance;
use crate::contract::Signal;
use crate::otlp::columns::Columns;
use crate::otlp::dictionary::Alike;
use crate::otlp::keying::Keying;
use crate::otlp::projection::Projector;

const WITHOUT_CODE_HELP: &str =
    "Items whose key has no code in a keying's dictionary, which is full, or whose key is longer than 64 KiB.";

impl Instance {
    /// Says in the log which kinds of metrics pass it unread, if any do.
    pub fn tell_unread_kinds(&mut self) {
        let unread = self.context().declared.projection.kinds().unread();
        if self.setup.signal == Signal::Metrics && self.reads && !unread.is_empty() {
            let (component, version, kinds) = (&self.setup.id, self.setup.version(), unread.join(", "));
            tracing::info!(%component, version, kinds, "metrics of these kinds pass the processor unread");
        }
    }

    pub(super) fn tell_unread(&mut self) {
        if !self.told_unread && self.setup.telling.is_some() {
            self.told_unread = true;
            tracing::warn!(component = %self.setup.id, "points pass untouched that the processor should read (`otelier_processor_unread_items` counts them): more metrics match than it can tell apart, or their names are too long; narrow its `metrics`, or look for a sender that makes up names");
        }
    }

    pub(super) fn take_without_code(&mut self, columns: &Columns) -> Vec<(usize, u64)> {
        let projector = self.processor.context().projector.as_mut();
        projector.map(|projector| projector.take_without_code(columns)).unwrap_or_default()
    }

    pub(super) fn tell_alike(&mut self) {
        let met = self.processor.context().projector.as_mut().map(Projector::take_met_alike).unwrap_or_default();
        for (attribute, kept, met) in met.iter().filter_map(Alike::difference) {
            if let Some(left_out) = self.setup.admit(&format!("attribute {attribute} in two types")) {
                tracing::warn!(
                    component = %self.setup.id, attribute, left_out,
                    "an attribute comes as {kept} and as {met} that is written alike: both are one key, of the type that came first"
                );
            }
        }
    }

    /// A full dictionary is the plugin's to deal with, and nobody's to overlook.
    pub(super) fn count_without_code(&mut self, without_code: &[(usize, u64)]) {
        let Some(registry) = self.setup.registry.clone().filter(|_| !self.follows) else { return };
        for (keying, rows) in without_code {
            let keying = self.context().declared.projection.keyings.get(*keying).map(Keying::name).unwrap_or_default();
            let (id, signal) = (self.setup.id.to_string(), self.setup.signal.name());
            let labels = [("processor", id.as_str()), ("otel.signal", signal), ("keying", keying.as_str())];
            registry.counter("otelier_processor_items_without_code", WITHOUT_CODE_HELP, &labels).add(*rows);
            if let Some(left_out) = self.setup.admit(&format!("keying {keying} is full")) {
                let (component, entries) = (&self.setup.id, self.setup.limits.dictionary_entries);
                tracing::warn!(
                    %component, keying, rows, left_out, dictionary_entries = entries,
                    "items have a key without a code: the dictionary is full, or the key is longer than 64 KiB; what becomes of them is up to the plugin, so raise `dictionary_entries`, or look for a sender that makes up values"
                );
            }
        }
    }
}
