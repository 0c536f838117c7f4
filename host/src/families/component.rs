//! What every type of components says of itself, whatever its family.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema;
use crate::config::{Error, FormerKey, Node};
use crate::contract::ComponentId;

/// How far a type is, in the Collector's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// Being built; keys and behaviour may change without notice.
    Development,
    /// For trying out.
    Alpha,
    /// For use; keys change with a notice in the changelog.
    Beta,
    /// Keys keep their meaning.
    Stable,
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stability::Development => "development",
            Stability::Alpha => "alpha",
            Stability::Beta => "beta",
            Stability::Stable => "stable",
        })
    }
}

/// A type of components: what a configuration can name.
pub trait ComponentType: 'static {
    /// The type's name, and behind it what else it goes by.
    const NAMES: &'static [&'static str];

    /// How far it is.
    const STABILITY: Stability = Stability::Beta;

    /// Keys, with dots between levels, that a running component can take over. A change of any other key needs a new component.
    const CHANGES_IN_PLACE: &'static [&'static str] = &[];

    /// Keys that earlier Collectors called otherwise.
    const FORMER_KEYS: &'static [FormerKey] = &[];

    /// What stands behind an id of this type. What parsed is valid, as far as it can be seen without the rest of the configuration.
    type Config: DeserializeOwned + JsonSchema;

    /// The components that a configuration names.
    fn references(_config: &Self::Config) -> Vec<Reference> {
        Vec::new()
    }

    /// Where such a component listens.
    fn listeners(_config: &Self::Config) -> Vec<Listener> {
        Vec::new()
    }

    /// What it needs of the metadata of requests.
    fn metadata(_config: &Self::Config) -> Vec<MetadataUse> {
        Vec::new()
    }

    /// What is probably not meant, but harms nothing.
    fn oddities(_config: &Self::Config) -> Vec<Oddity> {
        Vec::new()
    }
}

/// What a component is needed for by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An extension that looks at requests.
    ServerAuthenticator,
    /// An extension that signs requests in.
    ClientAuthenticator,
    /// An extension that keeps queues.
    Storage,
    /// An exporter that takes what another one passes on.
    Destination,
}

/// A component that another one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What for.
    pub role: Role,
    /// Whom.
    pub id: ComponentId,
}

/// A place where a component listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The keys that lead to the mapping with its `endpoint`.
    pub keys: &'static [&'static str],
    /// `host:port`.
    pub endpoint: String,
    /// Connections that it takes at a time; 0 where they are reserved.
    pub connections_max: usize,
    /// Whether another component can be served there as well.
    pub is_shared: bool,
}

/// A part of a request's metadata that a component needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataUse {
    /// The key that names it.
    pub key: &'static str,
    /// In lower case.
    pub name: String,
}

/// Something in a configuration that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// The keys that lead to it.
    pub keys: &'static [&'static str],
    /// What is odd, and the way out.
    pub words: String,
}

/// A type as an entry of its family's table has it: its traits, for configurations that are not read yet. Where one does not read, it says
/// nothing, and `faults` says why.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The name first.
    pub names: &'static [&'static str],
    /// How far it is.
    pub stability: Stability,
    /// Keys that a running component can take over.
    pub changes_in_place: &'static [&'static str],
    /// See [`ComponentType::FORMER_KEYS`].
    pub former_keys: &'static [FormerKey],
    /// What a configuration can have: see [`schema`].
    pub schema: fn() -> Value,
    /// Everything in a configuration that cannot be read, each at its place.
    pub faults: fn(&Node) -> Vec<Error>,
    /// See [`ComponentType::references`].
    pub references: fn(&Node) -> Vec<Reference>,
    /// See [`ComponentType::listeners`].
    pub listeners: fn(&Node) -> Vec<Listener>,
    /// See [`ComponentType::metadata`].
    pub metadata: fn(&Node) -> Vec<MetadataUse>,
    /// See [`ComponentType::oddities`].
    pub oddities: fn(&Node) -> Vec<Oddity>,
}

impl About {
    /// What a type says of itself.
    pub const fn of<T: ComponentType>() -> About {
        About {
            names: T::NAMES,
            stability: T::STABILITY,
            changes_in_place: T::CHANGES_IN_PLACE,
            former_keys: T::FORMER_KEYS,
            schema: schema::of::<T::Config>,
            faults: |node| node.faults::<T::Config>(),
            references: |node| read::<T, _>(node, T::references),
            listeners: |node| read::<T, _>(node, T::listeners),
            metadata: |node| read::<T, _>(node, T::metadata),
            oddities: |node| read::<T, _>(node, T::oddities),
        }
    }

    /// Whether a configuration calls the type so.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.contains(&name)
    }
}

fn read<T: ComponentType, R: Default>(node: &Node, ask: fn(&T::Config) -> R) -> R {
    node.parse::<T::Config>().map(|config| ask(&config)).unwrap_or_default()
}
