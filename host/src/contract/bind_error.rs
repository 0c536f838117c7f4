//! Why nobody can listen somewhere.

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{component}: address {endpoint} is already in use; stop what listens there or set another `endpoint`")]
    InUse {
        /// Component id.
        component: String,
        /// As configured.
        endpoint: String,
    },
    /// The text is no address of this machine.
    #[error("{component}: cannot listen on {endpoint}: {source}")]
    Address {
        /// Component id.
        component: String,
        /// As configured.
        endpoint: String,
        /// The operating system's words.
        source: std::io::Error,
    },
}
