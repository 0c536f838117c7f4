//! What stands between pipelines: exporters of some, receivers of others. Pipelines that are connected share a worker, so a request passes all of
//! them in one trip, with one reservation and one commit.

use crate::families::family;

family! { ConnectorEntry:
    forward,
    routing,
}
