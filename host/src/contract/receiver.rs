//! The producing end: something that listens and hands requests to an `Ingest`.

use std::future::Future;
use std::pin::Pin;

use super::exporter::Stop;

/// A component that accepts requests from senders.
pub trait Receiver: Send + 'static {
    /// Opens every socket: called once, inside the tokio runtime, before anything is served.
    fn bind(&mut self) -> Result<(), BindError>;

    /// Serves until `stop` resolves, then drains: no new request is taken and every request under way is answered.
    fn serve(self: Box<Self>, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Each endpoint with the one line that sends data to it, for the banner at start-up.
    fn endpoints(&self) -> Vec<(String, String)>;
}

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
