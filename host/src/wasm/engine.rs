//! Compiling components, and the clock that ends calls.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Config, Engine as Wasmtime, OptLevel, Strategy};

/// How far apart the ticks of the epoch are: the precision of a call's deadline.
pub const TICK: Duration = Duration::from_millis(5);

/// Stack of a guest. A call that needs more traps.
const STACK_BYTES: usize = 1 << 20;

/// A file that is no plugin of ours.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("plugin file {}: {source}; build it with `cargo component build --release --target wasm32-unknown-unknown`, or correct `file`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Not WebAssembly, or a core module.
    #[error("plugin file {} is no WebAssembly component: {reason}; build it with `cargo component build --release --target wasm32-unknown-unknown`", path.display())]
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
    /// The engine itself.
    #[error("the WebAssembly engine cannot be set up: {reason}")]
    Engine {
        /// Its words.
        reason: String,
    },
}

/// The compiler and its settings, one a process.
#[derive(Clone)]
pub struct Engine {
    inner: Wasmtime,
}

impl Engine {
    /// Sets up the compiler and starts the thread that ticks epochs; it ends with the process.
    pub fn new() -> Result<Engine, LoadError> {
        let fail = |error: &dyn std::fmt::Display| LoadError::Engine { reason: error.to_string() };
        let inner = Wasmtime::new(&settings()).map_err(|error| fail(&error))?;
        let ticking = inner.weak();
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while let Some(engine) = ticking.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(TICK);
                }
            })
            .map_err(|error| fail(&error))?;
        Ok(Engine { inner })
    }

    pub(super) fn inner(&self) -> &Wasmtime {
        &self.inner
    }

    pub(super) fn compile(&self, path: &Path, bytes: &[u8]) -> Result<Component, LoadError> {
        let no_component = |reason: String| LoadError::NoComponent { path: path.to_owned(), reason };
        if bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(no_component("it is a core module".into()));
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(no_component("it does not start as WebAssembly does".into()));
        }
        // On a thread of its own, so that the allocator gives back what the compiler used when the thread ends.
        let compiled = std::thread::scope(|scope| {
            let thread = scope.spawn(|| Component::from_binary(&self.inner, bytes));
            thread.join()
        });
        match compiled {
            Ok(compiled) => compiled.map_err(|error| no_component(format!("{error:#}"))),
            Err(_) => Err(no_component("the compiler panicked".into())),
        }
    }
}

fn settings() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    config.wasm_component_model(true);
    // Async support costs ~500 ns a call, and no call of ours waits.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES);
    // The same input gives the same bytes on every machine.
    config.cranelift_nan_canonicalization(true);
    config.wasm_relaxed_simd(false);
    // One thread compiles, and ends: a pool's threads would keep the compiler's memory for ever.
    config.parallel_compilation(false);
    config
}
