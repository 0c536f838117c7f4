//! What every exporter that pushes says of its lane.

use crate::contract::{ComponentId, Delivery};
use crate::families::{MetadataUse, Oddity, Reference, Role};

/// The extensions that it names.
pub(super) fn references(delivery: &Delivery, authenticator: Option<&ComponentId>) -> Vec<Reference> {
    let named = [(Role::Storage, delivery.queue.storage.as_ref()), (Role::ClientAuthenticator, authenticator)];
    named.into_iter().filter_map(|(role, id)| Some(Reference { role, id: id?.clone() })).collect()
}

/// What keeps batches apart.
pub(super) fn metadata(delivery: &Delivery) -> Vec<MetadataUse> {
    let names = delivery.queue.batch.iter().flat_map(|batch| &batch.metadata_keys);
    names.map(|name| MetadataUse { key: "metadata_keys", name: name.clone() }).collect()
}

/// What is odd about its queue.
pub(super) fn oddities(delivery: &Delivery) -> Vec<Oddity> {
    delivery.queue.warning().map(|words| Oddity { keys: &["sending_queue"], words }).into_iter().collect()
}
