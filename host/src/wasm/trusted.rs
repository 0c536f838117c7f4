//! The one unsafe call of the host: running machine code that was compiled earlier.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::Verified;

/// The component that an entry of the cache holds. An error is the runtime's: it has looks of its own at version and settings.
#[allow(unsafe_code)]
pub(super) fn component(engine: &Engine, entry: &Verified) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` needs bytes that `Component::serialize` or `precompile_component` produced, unmodified, as what they
    // hold is executed. A `Verified` is made in one place, from a file that (1) only this user can have written: the file's owner and
    // mode were checked on the open file, and so were the directory's; (2) names the hash of the plugin and of the compiler with
    // its settings; (3) has the payload of which `Cache::put` stored the SHA-256, and `put` stores what `serialize` returned.
    // Whoever can write this user's files can replace this program as well.
    unsafe { Component::deserialize(engine, entry.payload()) }
}
