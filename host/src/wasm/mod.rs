//! The sandbox: the only code that names wasmtime.
//!
//! An [`Engine`] compiles components; a compiled one makes instances, each with a Store of its own. Every call runs under a
//! deadline and limits on memory, stack, handles and host calls. A trap leaves the Store useless, and its owner drops it.

mod adapter;
mod anatomy;
mod bindings;
mod cache;
mod engine;
mod error;
mod file;
mod load_error;
mod sections;
mod trusted;

pub use adapter::{PolicyPlugin, ProcessorPlugin};
pub use anatomy::Anatomy;
pub use cache::FOLDER as CACHE_FOLDER;
pub use engine::{Engine, Origin};
pub use file::{Hash, PluginFile, hexadecimal, short};
pub use load_error::LoadError;
pub use sections::Sections;
