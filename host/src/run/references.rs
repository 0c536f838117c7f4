//! Components that name others, and whether those are what they are named for.

use std::collections::HashSet;

use super::components::Components;
use crate::config::{Component, Error, Family, Named, Plan, Problem, ProcessorPlan};
use crate::contract::{Authenticators, ComponentId};
use crate::families::{Reference, Role};

/// Some of a plan's components.
pub type Parts = HashSet<(Family, ComponentId)>;

/// Who names whom in a plan.
pub struct References<'p> {
    pub plan: &'p Plan,
    pub components: &'p Components,
    /// Those that could be made.
    pub authenticators: &'p Authenticators,
    /// What could not be read or made, which is told.
    pub broken: &'p Parts,
}

impl References<'_> {
    /// Adds what is wrong, and returns who names somebody that cannot be what he is named for. Whom it names is not blamed twice.
    pub fn check(&self, errors: &mut Vec<Error>) -> Parts {
        let mut misled = Parts::new();
        for (family, component, about) in self.components.of_plan(self.plan) {
            for reference in (about.references)(&component.node) {
                let part = (family, component.id.clone());
                if self.broken.contains(&(family_of(reference.role), reference.id.clone())) {
                    misled.insert(part);
                } else if let Some(words) = self.wrong(component, &reference) {
                    misled.insert(part);
                    errors.push(component.node.plugin_error(&words));
                }
            }
        }
        errors.extend(self.plan.processors.iter().filter_map(|processor| self.misplaced_state(processor)));
        misled
    }

    /// A processor whose state is to be where there is no store.
    fn misplaced_state(&self, processor: &ProcessorPlan) -> Option<Error> {
        let Named { id, position } = processor.storage.as_ref()?;
        if self.broken.contains(&(Family::Extension, id.clone())) {
            return None;
        }
        let message = self.wrong(&processor.component, &Reference { role: Role::Storage, id: id.clone() })?;
        Some(Error { position: position.clone(), problem: Problem::Plugin { message } })
    }

    fn wrong(&self, component: &Component, Reference { role, id }: &Reference) -> Option<String> {
        let types = self.components.types_for(*role).join(", ");
        match role {
            Role::ServerAuthenticator if self.authenticators.server(Some(id)).is_err() => Some(format!(
                "`auth` names {id}, which is no authenticator of the service that looks at requests (`basicauth` with `htpasswd`): define one of type {types} under `extensions` and list it under `service.extensions`"
            )),
            Role::ClientAuthenticator if self.authenticators.client(Some(id)).is_err() => Some(format!(
                "`auth` names {id}, which is no authenticator of the service that signs requests in (`basicauth` with `client_auth`): define one of type {types} under `extensions` and list it under `service.extensions`"
            )),
            Role::Storage if !self.is_storage(id) => Some(format!(
                "`{id}` is no storage extension that runs: define `rocksdb:` under `extensions`, and list it under `service.extensions`"
            )),
            // One that is not defined is told already.
            Role::Destination
                if self.exporter(id).is_some_and(|exporter| !self.components.is_destination(exporter)) =>
            {
                let kind = component.id.kind();
                Some(format!("`{id}` cannot stand in a {kind}: only exporters that push over OTLP can"))
            }
            _ => None,
        }
    }

    fn is_storage(&self, id: &ComponentId) -> bool {
        self.components.can_be(id, Role::Storage) && self.plan.extensions.iter().any(|extension| extension.id == *id)
    }

    fn exporter(&self, id: &ComponentId) -> Option<&Component> {
        self.plan.exporters.iter().chain(&self.plan.members).find(|exporter| exporter.id == *id)
    }

    /// Components that need what a receiver never keeps of a request: the header in which an authenticator looks for a secret.
    pub fn secret_metadata(&self) -> Vec<Error> {
        let secret = self.authenticators.secret_headers();
        let is_secret = |name: &str| secret.iter().any(|header| header.as_str() == name);
        let named = self.components.of_plan(self.plan).flat_map(|(_, component, about)| {
            (about.metadata)(&component.node).into_iter().map(move |used| (component, used))
        });
        let wrong = named.filter(|(_, used)| is_secret(&used.name)).map(|(component, used)| {
            let (key, name) = (used.key, used.name);
            component.node.plugin_error(&format!(
                "`{key}` names `{name}`, in which an authenticator of this configuration looks for a secret: it is not kept of a request, because queues keep what is, on disk too; use another header"
            ))
        });
        wrong.collect()
    }
}

fn family_of(role: Role) -> Family {
    match role {
        Role::ServerAuthenticator | Role::ClientAuthenticator | Role::Storage => Family::Extension,
        Role::Destination => Family::Exporter,
    }
}
