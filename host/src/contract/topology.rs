//! Which components there are, by name, for whoever tells of them.

/// What there is to say something about.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Ids of extensions.
    pub extensions: Vec<String>,
    /// Pipelines with their components.
    pub pipelines: Vec<Members>,
}

/// The components of one pipeline, by id.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// The pipeline's id.
    pub id: String,
    /// Its receivers.
    pub receivers: Vec<String>,
    /// The connectors that begin it.
    pub begun_by: Vec<String>,
    /// Its processors.
    pub processors: Vec<String>,
    /// Its exporters.
    pub exporters: Vec<String>,
    /// The connectors that end it.
    pub ended_by: Vec<String>,
}
