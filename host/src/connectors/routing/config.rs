//! The connector's part of the configuration, with the Collector's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::condition::{Condition, ConditionError};
use super::router::Matcher;
use crate::contract::{ComponentId, Metadata};

/// `connectors: {routing: …}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The routes, the first one that fits first; at least one.
    #[serde(deserialize_with = "some")]
    pub table: Vec<Route>,
    /// Pipelines that get what no route fits; without it, that is dropped and counted.
    #[serde(default)]
    pub default_pipelines: Vec<ComponentId>,
    /// What happens where a condition fails.
    #[serde(default)]
    #[schemars(extend("x-no-effect" = "conditions here do not fail"))]
    pub error_mode: ErrorMode,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Route>, D::Error> {
    let table = Vec::deserialize(deserializer)?;
    match table.is_empty() {
        false => Ok(table),
        true => Err(de::Error::custom("`table` is empty: write a route, with `condition` and `pipelines`")),
    }
}

/// What a Collector does where a condition fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorMode {
    /// The request fails.
    #[default]
    Propagate,
    /// The next route is looked at, with a line in the log.
    Ignore,
    /// The same without one.
    Silent,
}

/// What becomes of what a route fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes there, and no route behind sees it.
    #[default]
    Move,
    /// It goes there, and the routes behind see it too.
    Copy,
}

/// One route. What parsed has a condition.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "RawRoute")]
#[schemars(with = "RawRoute")]
pub struct Route {
    /// What it fits.
    pub matcher: Matcher,
    /// What becomes of it.
    pub action: Action,
    /// Where it goes.
    pub pipelines: Vec<ComponentId>,
}

/// What a condition looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Context {
    /// A resource; what stands under it goes one way.
    #[default]
    Resource,
    /// The request's metadata, which the receiver's `include_metadata` keeps; it goes one way as a whole.
    Request,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRoute {
    /// What the condition looks at.
    #[serde(default)]
    #[schemars(extend("x-collector" = "same; `span`, `metric`, `datapoint` and `log` are refused"))]
    context: Context,
    /// Which it fits: `attributes["key"] == "value"` of a resource, `request["key"] == "value"` of a request; with `!=`, `and`, `or`, `not`,
    /// parentheses, numbers, `true`, `false` and `nil`.
    #[serde(default)]
    #[schemars(extend("x-collector" = "same; functions are refused"))]
    condition: Option<String>,
    /// The same as `route() where` and the condition.
    #[serde(default)]
    #[schemars(extend("x-collector" = "same; other functions than `route` are refused"))]
    statement: Option<String>,
    /// What becomes of what it fits.
    #[serde(default)]
    action: Action,
    /// The pipelines that get it.
    pipelines: Vec<ComponentId>,
}

/// A route that cannot be.
#[derive(Debug, thiserror::Error)]
enum RouteError {
    #[error("a route needs a `condition`, such as `attributes[\"env\"] == \"prod\"`")]
    NoCondition,
    #[error("`condition` and `statement` say the same in two ways: keep one of them")]
    Both,
    #[error("`statement`: write `route() where attributes[\"env\"] == \"prod\"`, or the part behind `where` as `condition`")]
    Statement,
    #[error("`pipelines` is empty: list the pipelines that get what this route fits")]
    NoPipelines,
    #[error("`statement` is for resources: write the part behind `where` as `condition`")]
    StatementOfRequest,
    #[error("`condition` names `{name}`, which is not kept of a request: route by another header")]
    NeverKept { name: String },
    #[error("`condition`: {0}")]
    Condition(#[from] ConditionError),
}

impl TryFrom<RawRoute> for Route {
    type Error = RouteError;

    fn try_from(raw: RawRoute) -> Result<Route, RouteError> {
        let condition = match (raw.condition, raw.statement) {
            (_, Some(_)) if raw.context == Context::Request => return Err(RouteError::StatementOfRequest),
            (Some(_), Some(_)) => return Err(RouteError::Both),
            (Some(condition), None) => condition,
            (None, Some(statement)) => behind_where(&statement).ok_or(RouteError::Statement)?.to_owned(),
            (None, None) => return Err(RouteError::NoCondition),
        };
        if raw.pipelines.is_empty() {
            return Err(RouteError::NoPipelines);
        }
        let matcher = match raw.context {
            Context::Resource => Matcher::Resource(Condition::parse(&condition, &["attributes", "resource.attributes"])?),
            Context::Request => Matcher::Request(Condition::parse(&condition, &["request"])?.in_lower_case()),
        };
        if let Some(name) = matcher.metadata().into_iter().find(|name| Metadata::is_never_kept(name)) {
            return Err(RouteError::NeverKept { name: name.to_owned() });
        }
        Ok(Route { matcher, action: raw.action, pipelines: raw.pipelines })
    }
}

fn behind_where(statement: &str) -> Option<&str> {
    let rest = statement.trim().strip_prefix("route()")?.trim_start();
    rest.strip_prefix("where").filter(|rest| rest.starts_with([' ', '(']))
}
