//! Why a file cannot be loaded as a plugin.

use std::path::PathBuf;

use crate::contract::Interface;
use crate::files::private::PrivateError;

/// A file that is no plugin of ours.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("plugin file {}: {source}; {}", path.display(), way_out(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Larger than its entry in the manifest lets it be.
    #[error(
        "plugin file {} has more than {bytes_max} bytes; if it is the right file, raise `plugin_bytes_max` under `limits` of its entry in the manifest",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// A version that is kept in the state directory.
    #[error(transparent)]
    Kept(#[from] PrivateError),
    /// Not WebAssembly, or a core module.
    #[error("plugin file {} is no WebAssembly component: {reason}; build it with `otelier plugin build`", path.display())]
    NoComponent {
        /// The file.
        path: PathBuf,
        /// The compiler's words.
        reason: String,
    },
    /// A component, but it wants something the host does not grant or lacks an export.
    #[error("plugin file {} does not fit world otelier:plugin/{world}@0.1.0: {reason}", path.display())]
    World {
        /// The file.
        path: PathBuf,
        /// The world that the manifest names.
        world: &'static str,
        /// The linker's words.
        reason: String,
    },
    /// A component that wants more of the host than its plugin may have.
    #[error("plugin file {} imports {import}, which its entry in the manifest does not grant; add `{}` to `interfaces` of its `grants`", path.display(), interface.name())]
    NotGranted {
        /// The file.
        path: PathBuf,
        /// As the component names it.
        import: String,
        /// As the manifest does.
        interface: Interface,
    },
    /// The engine itself.
    #[error("the WebAssembly engine cannot be set up: {reason}")]
    Engine {
        /// Its words.
        reason: String,
    },
}

fn way_out(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "build it with `otelier plugin build`, or correct `file`",
        std::io::ErrorKind::PermissionDenied => "let the collector's user read it",
        _ => "name a file that can be read",
    }
}
