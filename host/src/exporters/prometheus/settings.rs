//! What ingest needs to know of the configuration, prepared once.

use super::config::{Config, LabelName, NonMonotonicDeltas};
use super::family::Meta;
use super::labels::Label;
use super::promoted::PromotedAttributes;
use super::target;
use crate::otlp::hash::Hasher;

/// What the configuration says about labels and names, in the form ingest needs.
#[derive(Debug)]
pub struct Settings {
    /// What is in front of every metric name.
    pub namespace: String,
    /// Whether unit and type are added to names.
    pub suffixes: bool,
    /// Which resource attributes become labels.
    pub promoted: PromotedAttributes,
    /// Whether series say nothing of their scope.
    pub without_scope: bool,
    /// Whether deltas of sums that go up and down are accumulated.
    pub non_monotonic_deltas: bool,
    /// Whether exemplars are kept: they are shown in OpenMetrics only.
    pub exemplars: bool,
    /// The labels that every series has.
    pub const_labels: Vec<Label>,
    /// How series are told apart.
    pub identity: Identity,
    /// The family of `target_info`.
    pub target_meta: Meta,
}

impl Settings {
    /// Takes what it needs from the configuration.
    pub fn new(config: &Config) -> Settings {
        let const_label =
            |(name, value): (&LabelName, &String)| Label::added(name.as_str(), name.as_str(), value.clone());
        Settings {
            namespace: config.namespace.clone(),
            suffixes: config.suffixes,
            promoted: config.promoted.clone(),
            without_scope: config.without_scope_info,
            non_monotonic_deltas: config.non_monotonic_deltas == NonMonotonicDeltas::Accumulate,
            exemplars: config.enable_open_metrics,
            const_labels: config.const_labels.iter().map(const_label).collect(),
            identity: Identity::random(),
            target_meta: target::meta(&config.namespace),
        }
    }
}

/// What a hash is of: equal bytes of different kinds must not look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salt {
    /// A point's attribute, as it stands in the request.
    Attribute,
    /// A resource's attribute, as it stands in the request.
    Resource,
    /// The labels that come from a scope.
    Scope,
    /// Job and instance.
    Target,
    /// A resource's bytes.
    ResourceBytes,
    /// A scope's bytes.
    ScopeBytes,
    /// A metric's name in the sender's words.
    Name,
    /// A metric's unit.
    Unit,
    /// A metric's description.
    Help,
    /// A metric's kind and temporality.
    Shape,
    /// A scope's schema URL.
    SchemaUrl,
    /// Label text.
    Text,
}

/// The hash that series are told apart by.
#[derive(Debug)]
pub struct Identity(Hasher);

impl Identity {
    /// With a seed of its own.
    pub fn random() -> Identity {
        Identity(Hasher::random())
    }

    /// The hash of some bytes.
    pub fn of(&self, salt: Salt, bytes: &[u8]) -> u128 {
        self.0.hash(salt as u8, bytes)
    }

    /// The hash of a message in pieces, and its length.
    pub fn of_pieces<'a>(&self, salt: Salt, pieces: impl Iterator<Item = &'a [u8]>) -> (u128, usize) {
        // Where one piece ends and the next begins makes no difference to what they say, but here it may.
        pieces.fold((0, 0), |(hash, bytes): (u128, usize), piece| {
            (hash.rotate_left(1).wrapping_add(self.of(salt, piece)), bytes + piece.len())
        })
    }

    /// The hash of labels, in their order.
    pub fn of_labels(&self, salt: Salt, labels: &[Label]) -> u128 {
        let mut bytes = Vec::new();
        labels.iter().for_each(|label| label.identify(&mut bytes));
        self.of(salt, &bytes)
    }

    /// The hash of label text; the part of it that an index needs.
    pub fn of_text(&self, text: &str) -> u32 {
        self.of(Salt::Text, text.as_bytes()) as u32
    }
}
