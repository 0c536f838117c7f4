//! The one unsafe call of the host: running machine code that was compiled earlier.

use std::os::fd::AsRawFd;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::Verified;

/// The component that an entry of the cache holds. An error is the runtime's: it has looks of its own at version and settings.
///
/// It is mapped from its file: code that is never run is never read, and what is in memory of it the system can take back. Where nothing may
/// be executed from that file system (`noexec`), or there is no `/proc`, it is copied.
#[allow(unsafe_code)]
pub(super) fn component(engine: &Engine, entry: &Verified) -> wasmtime::Result<Component> {
    // The file that was verified, whatever its name means by now.
    let path = format!("/proc/self/fd/{}", entry.file().as_raw_fd());
    // SAFETY: both calls need what `Component::serialize` produced, unmodified while the component lives, as what it holds is executed. A
    // `Verified` is made in one place, from a file that (1) only this user can have written: the file's owner and mode were checked on the
    // open file, and so were the directory's; (2) names the hash of the plugin and of the compiler with its settings; (3) begins with the
    // payload of which `Cache::put` stored the SHA-256, and `put` stores what `serialize` returned. It stays as it is: the cache replaces
    // files by renaming and removes names, and never writes to a file that has its name. Whoever can write this user's files can replace
    // this program as well.
    unsafe {
        match Component::deserialize_file(engine, path) {
            Ok(component) => Ok(component),
            Err(_) => Component::deserialize(engine, entry.payload()?),
        }
    }
}
