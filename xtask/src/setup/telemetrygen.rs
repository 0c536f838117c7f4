//! The Collector's own generator of telemetry.

use std::path::PathBuf;

use anyhow::Result;

use super::go::Program;
use crate::workspace::Workspace;

const TELEMETRYGEN: Program = Program {
    name: "telemetrygen",
    module: "tests/clients/telemetrygen",
    package: "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
    sources: &["go.mod"],
};

/// The program, where set-up has built it.
pub fn program(workspace: &Workspace) -> Option<PathBuf> {
    TELEMETRYGEN.built(workspace)
}

/// Builds it unless it was built from the present `go.mod`.
pub fn ensure(workspace: &Workspace, why: &str) -> Result<()> {
    TELEMETRYGEN.ensure(workspace, why)
}
