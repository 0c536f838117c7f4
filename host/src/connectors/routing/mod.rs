//! The routing connector: which pipeline gets a request, or what of it comes from one resource, is decided by the request's metadata and the
//! resource's attributes.
//!
//! A request is divided on its bytes: what stands under a resource is copied as it is, and where all of it goes one way nothing is.

mod condition;
mod config;
mod router;

use std::sync::Arc;

use crate::contract::{ComponentId, Connector};
use crate::families::{ComponentType, ConnectorContext, ConnectorType, MakeError, MetadataUse, Stability};

pub use config::Config;

use router::{Router, Rule};

/// The type `routing`.
pub struct Type;

impl ComponentType for Type {
    const NAMES: &'static [&'static str] = &["routing"];
    const STABILITY: Stability = Stability::Alpha;
    type Config = Config;

    fn metadata(config: &Config) -> Vec<MetadataUse> {
        let names = config.table.iter().flat_map(|route| route.matcher.metadata());
        names.map(|name| MetadataUse { key: "condition", name: name.to_owned() }).collect()
    }
}

impl ConnectorType for Type {
    fn make(config: Config, context: &ConnectorContext<'_>) -> Result<Arc<dyn Connector>, MakeError> {
        let places = |ids: &[ComponentId]| -> Result<Vec<usize>, MakeError> {
            let place = |id: &ComponentId| {
                let found = context.behind.iter().position(|behind| behind == id);
                found.ok_or_else(|| MakeError::from(not_behind(id, context)))
            };
            ids.iter().map(place).collect()
        };
        let rule = |route: &config::Route| {
            let targets = places(&route.pipelines).map_err(|error| error.below("table"))?;
            Ok(Rule { matcher: route.matcher.clone(), action: route.action, targets })
        };
        let rules = config.table.iter().map(rule).collect::<Result<_, MakeError>>()?;
        let default = places(&config.default_pipelines).map_err(|error| error.below("default_pipelines"))?;
        Ok(Arc::new(Router { rules, default, count: context.behind.len() }))
    }
}

fn not_behind(id: &ComponentId, context: &ConnectorContext<'_>) -> String {
    format!(
        "`{id}` is no pipeline that begins with this connector: list `{}` among the receivers of a pipeline of that name, whose signal is that of the pipelines in front",
        context.id
    )
}
