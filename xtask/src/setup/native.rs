//! What compiling RocksDB takes: a C++ compiler, and libclang for its bindings.
//!
//! Nothing is exported to cargo: a build that sees another environment would compile RocksDB again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apt;
use crate::process;
use crate::workspace::Workspace;

/// Folders in which libclang is looked for by the bindings' generator, besides `LIBCLANG_PATH`.
const LIBRARY_DIRS: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
    "/Library/Developer/CommandLineTools/usr/lib",
];

/// Installs g++ unless there is a C++ compiler.
pub fn ensure_compiler(_workspace: &Workspace, why: &str) -> Result<()> {
    if has_compiler() { Ok(()) } else { apt::install(&["g++"], why) }
}

/// Whether there is a C++ compiler.
pub fn has_compiler() -> bool {
    env::var_os("CXX").is_some() || ["c++", "g++", "clang++"].iter().any(|name| process::find(name).is_some())
}

/// Installs libclang unless it lies in one of the usual places.
pub fn ensure_libclang(_workspace: &Workspace, why: &str) -> Result<()> {
    if finds_libclang() { Ok(()) } else { apt::install(&["libclang-dev"], why) }
}

/// Whether the bindings' generator would find libclang.
pub fn finds_libclang() -> bool {
    let named = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    // It may name the file itself.
    named.is_some_and(|path| path.is_file() || has_libclang(&path))
        || library_dirs().iter().any(|folder| has_libclang(folder))
}

fn library_dirs() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = LIBRARY_DIRS.iter().map(PathBuf::from).collect();
    // Debian: /usr/lib/llvm-14/lib and /usr/lib/x86_64-linux-gnu.
    for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        folders.push(entry.path());
        folders.push(entry.path().join("lib"));
    }
    folders
}

/// False for what is no folder: there are files beside those of libraries.
fn has_libclang(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
}

/// `libclang.so`, `libclang.so.1`, `libclang-14.so`, `libclang.dylib`; not `libclang-cpp.so.14`, the C++ interface.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let version = rest.strip_prefix('-').unwrap_or(rest);
    let suffix = version.trim_start_matches(|character: char| character.is_ascii_digit());
    suffix.trim_start_matches(|character: char| character == '.' || character.is_ascii_digit()).starts_with("so")
        || suffix == ".dylib"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_the_folders_of_libraries_is_none() {
        assert!(!has_libclang(Path::new("/etc/os-release")) && !has_libclang(Path::new("/nowhere")));
    }

    #[test]
    fn only_the_c_interface_is_libclang() {
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so", "libclang-14.0.6.so", "libclang.dylib"] {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclang_rt.so", "libclangBasic.a", "libc.so"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
