//! Compiling components, or taking them from the cache, and the clock that ends calls.

use std::hash::{Hash as _, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Engine as Wasmtime, OptLevel, Strategy};

use super::cache::{Cache, EntryError, Kept, Key};
use super::file::{Hash, PluginFile};
use super::load_error::LoadError;
use super::trusted;

/// How far apart the ticks of the epoch are: the precision of a call's deadline.
pub const TICK: Duration = Duration::from_millis(5);

/// Stack of a guest. A call that needs more traps.
const STACK_BYTES: usize = 1 << 20;

/// Where a component came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled.
    Compiled,
    /// It had been compiled before.
    Cached,
}

/// The compiler and its settings, one a process.
#[derive(Clone)]
pub struct Engine {
    inner: Wasmtime,
    kept: Option<Arc<Keeping>>,
}

/// What is compiled is kept on disk.
struct Keeping {
    cache: Cache,
    compatibility: Hash,
    /// Compiled before the cache's place existed.
    waiting: Mutex<Vec<(Key, Component)>>,
}

impl Engine {
    /// Sets up the compiler and starts the thread that ticks epochs; it ends with the process.
    pub fn new() -> Result<Engine, LoadError> {
        Engine::set_up(&settings())
    }

    /// The same without epochs, so that no code of a guest is ended: to measure what they cost. What a guest asks of the host still has its
    /// deadline.
    pub fn without_deadlines() -> Result<Engine, LoadError> {
        Engine::set_up(settings().epoch_interruption(false))
    }

    fn set_up(settings: &Config) -> Result<Engine, LoadError> {
        let fail = |error: &dyn std::fmt::Display| LoadError::Engine { reason: error.to_string() };
        let inner = Wasmtime::new(settings).map_err(|error| fail(&error))?;
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
        Ok(Engine { inner, kept: None })
    }

    /// The same, and keeps what it compiles in a directory that nobody else may write to.
    pub fn with_cache(directory: &Path) -> Result<Engine, LoadError> {
        let mut engine = Engine::new()?;
        let compatibility = compatibility(&engine.inner);
        let kept = Keeping { cache: Cache::new(directory), compatibility, waiting: Mutex::default() };
        engine.kept = Some(Arc::new(kept));
        Ok(engine)
    }

    /// Keeps what was compiled before the directory above the cache's existed. A start calls it once that is there.
    pub fn keep_compiled(&self) {
        if let Some(kept) = &self.kept {
            let waiting = std::mem::take(&mut *kept.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(|(key, component)| kept.keep(key, component));
        }
    }

    pub(super) fn inner(&self) -> &Wasmtime {
        &self.inner
    }

    /// The component in a file, and the time it took in the log.
    pub(super) fn compile(&self, file: &PluginFile) -> Result<Component, LoadError> {
        let start = Instant::now();
        let (component, origin) = self.component(file)?;
        let took_ms = (start.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        match origin {
            Origin::Compiled => tracing::info!(file = %file.path().display(), took_ms, "plugin compiled"),
            Origin::Cached => tracing::info!(file = %file.path().display(), took_ms, "plugin taken from the cache"),
        }
        Ok(component)
    }

    /// From the cache, or compiled.
    pub fn component(&self, file: &PluginFile) -> Result<(Component, Origin), LoadError> {
        let Some(kept) = &self.kept else {
            return Ok((self.compiled(file)?, Origin::Compiled));
        };
        let key = Key { plugin: *file.sha256(), compatibility: kept.compatibility };
        if let Ok(Some(entry)) = kept.cache.get(&key) {
            match trusted::component(&self.inner, &entry) {
                Ok(component) => return Ok((component, Origin::Cached)),
                Err(_) => kept.cache.reject(&key, EntryError::Refused),
            }
        }
        let component = self.compiled(file)?;
        kept.keep(key, component.clone());
        Ok((component, Origin::Compiled))
    }

    fn compiled(&self, file: &PluginFile) -> Result<Component, LoadError> {
        let no_component = |reason: String| LoadError::NoComponent { path: file.path().to_owned(), reason };
        let bytes = file.bytes();
        if bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(no_component("it is a core module".into()));
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(no_component(what_else(bytes).to_owned()));
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

/// What a file is that is no WebAssembly.
fn what_else(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii_start().first() {
        None if bytes.is_empty() => "it is empty",
        Some(b'<') => "it is a page of HTML or XML, what a failed download leaves",
        Some(b'(') => "it looks like the text form, which `wasm-tools parse` makes binary",
        _ => "it does not start as WebAssembly does",
    }
}

impl Keeping {
    fn keep(&self, key: Key, component: Component) {
        // What cannot be serialized is compiled again next time.
        let Ok(payload) = component.serialize() else { return };
        if self.cache.put(&key, &payload) == Kept::TooEarly {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((key, component));
        }
    }
}

/// What machine code depends on beside the plugin: wasmtime's version, the target with its features, and the settings below.
fn compatibility(engine: &Wasmtime) -> Hash {
    struct Digesting(Sha256);
    impl Hasher for Digesting {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Digesting(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
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
    // A stack is told by its functions, and unwound by the runtime itself: neither places in the module nor tables for other unwinders
    // are of use, and both have to be read and hashed with the code.
    config.generate_address_map(false);
    config.native_unwind_info(false);
    // One thread compiles, and ends: a pool's threads would keep the compiler's memory for ever.
    config.parallel_compilation(false);
    config
}
