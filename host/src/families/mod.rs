//! Families of components, and what a type of components says of itself.
//!
//! A type implements [`ComponentType`] and the trait of its family. Its family's table (`TYPES` of `receivers`, `processors`, `exporters`,
//! `extensions` and `connectors`) has one entry for it, and nobody else knows its name: whoever reads a configuration, checks it or builds from it goes by
//! entries. An entry is made of a type by the compiler, so it cannot say something else than the type does.

mod component;
mod connector;
mod exporter;
mod extension;
mod make_error;
mod processor;
mod receiver;
pub mod schema;

pub use crate::config::FormerKey;
pub use component::{About, ComponentType, Listener, MetadataUse, Oddity, Reference, Role, Stability};
pub use connector::{ConnectorContext, ConnectorEntry, ConnectorType};
pub use exporter::{Destination, ExporterContext, ExporterEntry, ExporterType, FarEnd};
pub use extension::{Extension, ExtensionContext, ExtensionEntry, ExtensionType, Page, PageOpener, Task};
pub use make_error::MakeError;
pub use processor::{ProcessorEntry, ProcessorType};
pub use receiver::{ReceiverContext, ReceiverEntry, ReceiverType};

/// Declares the modules of a family's types and its table: a line each, alike in both.
///
/// Each module has a `Type`, which implements the family's trait.
macro_rules! family {
    ($entry:ident: $($module:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// Every type of this family.
        pub const TYPES: &[$crate::families::$entry] = &[$($crate::families::$entry::of::<$module::Type>()),+];
    };
}

pub(crate) use family;
