//! What every type of exporters that push has in common: it says how its lane works, and makes a client.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::contract::{Client, ComponentId, Delivery, Signal};
use crate::families::{
    ComponentType, ExporterContext, ExporterType, FarEnd, FormerKey, MakeError, MetadataUse, Oddity, Reference, Role,
};
use crate::net::tls::Expiry;
use crate::telemetry::{Registry, show_certificate};

/// Before 0.36, TLS of a client had no mapping of its own.
const FORMER_KEYS: &[FormerKey] = &[
    FormerKey::renamed(&["sending_queue", "blocking"], &["sending_queue", "block_on_overflow"]),
    FormerKey::renamed(&["insecure"], &["tls", "insecure"]),
    FormerKey::renamed(&["insecure_skip_verify"], &["tls", "insecure_skip_verify"]),
    FormerKey::renamed(&["ca_file"], &["tls", "ca_file"]),
    FormerKey::renamed(&["cert_file"], &["tls", "cert_file"]),
    FormerKey::renamed(&["key_file"], &["tls", "key_file"]),
    FormerKey::renamed(&["server_name_override"], &["tls", "server_name_override"]),
];

/// A type of exporters that push.
pub trait PushType: 'static {
    /// See [`ComponentType::NAMES`].
    const NAMES: &'static [&'static str];

    /// See [`ExporterType::HAS_DESTINATIONS`].
    const HAS_DESTINATIONS: bool = false;

    /// See [`ComponentType::Config`].
    type Config: DeserializeOwned + JsonSchema;

    /// How its lane works.
    fn delivery(config: &Self::Config) -> Delivery;

    /// The extension that signs its requests in.
    fn authenticator(_config: &Self::Config) -> Option<&ComponentId> {
        None
    }

    /// The exporters that it passes on to.
    fn destinations(_config: &Self::Config) -> &[ComponentId] {
        &[]
    }

    /// See [`ExporterType::misfit`].
    fn misfit(_config: &Self::Config, _signal: Signal, _pipeline: &ComponentId) -> Option<String> {
        None
    }

    /// What sends. Files that the configuration names are read here.
    fn client(
        id: &ComponentId,
        config: Self::Config,
        context: &ExporterContext<'_>,
    ) -> Result<Arc<dyn Client>, MakeError>;
}

impl<T: PushType> ComponentType for T {
    const NAMES: &'static [&'static str] = T::NAMES;
    type Config = T::Config;
    const FORMER_KEYS: &'static [FormerKey] = FORMER_KEYS;

    fn references(config: &T::Config) -> Vec<Reference> {
        let destinations = T::destinations(config).iter().map(|id| (Role::Destination, id.clone()));
        let storage = T::delivery(config).queue.storage.map(|id| (Role::Storage, id));
        let authenticator = T::authenticator(config).map(|id| (Role::ClientAuthenticator, id.clone()));
        destinations.chain(storage).chain(authenticator).map(|(role, id)| Reference { role, id }).collect()
    }

    /// What keeps batches apart.
    fn metadata(config: &T::Config) -> Vec<MetadataUse> {
        let batch = T::delivery(config).queue.batch;
        let names = batch.into_iter().flat_map(|batch| batch.metadata_keys);
        names.map(|name| MetadataUse { key: "metadata_keys", name }).collect()
    }

    fn oddities(config: &T::Config) -> Vec<Oddity> {
        let warning = T::delivery(config).queue.warning();
        warning.map(|words| Oddity { keys: &["sending_queue"], words }).into_iter().collect()
    }
}

impl<T: PushType> ExporterType for T {
    const HAS_DESTINATIONS: bool = T::HAS_DESTINATIONS;

    fn make(id: &ComponentId, config: T::Config, context: &ExporterContext<'_>) -> Result<FarEnd, MakeError> {
        let delivery = Box::new(T::delivery(&config));
        Ok(FarEnd::Push(T::client(id, config, context)?, delivery))
    }

    fn delivery(config: &T::Config) -> Option<Delivery> {
        Some(T::delivery(config))
    }

    fn misfit(config: &T::Config, signal: Signal, pipeline: &ComponentId) -> Option<String> {
        T::misfit(config, signal, pipeline)
    }
}

/// Shows how long the certificate holds that an exporter shows, if it shows any.
pub fn show_expiry(id: &ComponentId, expiry: Option<Expiry>, registry: &Registry) {
    let Some(expiry) = expiry else { return };
    let exporter = id.to_string();
    show_certificate(registry, &[("exporter", exporter.as_str())], move || expiry.remaining_s());
}
