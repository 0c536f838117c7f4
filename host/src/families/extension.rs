//! Extensions: they run beside the pipelines.

use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;

use super::component::{About, ComponentType, Role};
use super::make_error::MakeError;
use crate::config::Component;
use crate::contract::{
    Authenticators, ClientAuthenticator, ComponentId, Health, MemoryGate, ServerAuthenticator, Stop, Topology,
};
use crate::status::Board;
use crate::telemetry::Registry;

/// A type of extensions.
pub trait ExtensionType: ComponentType {
    /// What other components may need it for.
    const ROLES: &'static [Role] = &[];

    /// Makes one. Files that the configuration names are read here; nothing is opened, and nothing runs yet.
    fn make(id: &ComponentId, config: Self::Config, context: &ExtensionContext<'_>) -> Result<Extension, MakeError>;
}

/// What an extension is made with.
pub struct ExtensionContext<'c> {
    /// Where it counts.
    pub registry: &'c Registry,
    /// How the process is.
    pub health: &'c Health,
    /// What there is to say something about.
    pub topology: &'c Topology,
    /// What requests under way may take.
    pub memory: &'c MemoryGate,
    /// What the host tells of itself.
    pub board: &'c Board,
}

/// What an extension does.
#[derive(Default)]
pub struct Extension {
    /// It signs requests in.
    pub client: Option<Arc<dyn ClientAuthenticator>>,
    /// It looks at requests.
    pub server: Option<Arc<dyn ServerAuthenticator>>,
    /// It keeps queues, of so many bytes together.
    pub storage_bytes_max: Option<NonZeroU64>,
    /// It answers people and probes. Opens the page.
    pub page: Option<PageOpener>,
    /// It works until it is stopped. Called inside the tokio runtime, before anything is served.
    pub task: Option<Task>,
}

/// Opens a page, once everybody who may look at its requests is known.
pub type PageOpener = Box<dyn FnOnce(&Authenticators) -> Result<Box<dyn Page>, MakeError>>;

/// Begins to work, until the stop resolves.
pub type Task = Box<dyn FnOnce(Stop) -> Pin<Box<dyn Future<Output = ()> + Send>>>;

/// Pages over HTTP that are open.
pub trait Page: Send {
    /// The address that was opened.
    fn endpoint(&self) -> &str;

    /// Answers until `stop` resolves.
    fn serve(self: Box<Self>, stop: Stop) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A type of extensions in its table.
#[derive(Debug, Clone, Copy)]
pub struct ExtensionEntry {
    /// What it says of itself.
    pub about: About,
    /// See [`ExtensionType::ROLES`].
    pub roles: &'static [Role],
    /// Makes one.
    pub make: fn(&Component, &ExtensionContext<'_>) -> Result<Extension, MakeError>,
}

impl ExtensionEntry {
    /// The entry of a type.
    pub const fn of<T: ExtensionType>() -> ExtensionEntry {
        ExtensionEntry {
            about: About::of::<T>(),
            roles: T::ROLES,
            make: |component, context| T::make(&component.id, component.node.parse()?, context),
        }
    }
}
