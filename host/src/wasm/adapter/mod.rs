//! The processor world on a Store: translates between the generated bindings and the [`Context`]. What every world's Store has in
//! common is here too.

use std::path::Path;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use bounds::Bounds;
use counted::Counted;
use wasi::{HasWasi, VirtualWasi, WASI};

use super::anatomy::world_of;
use super::bindings::exports::otelier::plugin::processor as exported;
use super::bindings::otelier::plugin::types;
use super::bindings::{ProcessorPlugin as World, ProcessorPluginPre};
use super::engine::{Engine, TICK};
use super::error::{call_error, text};
use super::file::{PluginFile, hexadecimal};
use super::load_error::LoadError;
use crate::contract::{Grants, Interface, Limits, Signal};
use crate::processor::{CallError, Context, Plugin, Processor, Progress, Severity, Stored, Violation};

mod bounds;
mod convert;
mod counted;
mod imports;
mod policy;
mod wasi;

pub use policy::PolicyPlugin;

/// Bytes a guest may hand over in one call of an import, so that a length it made up allocates nothing.
const HOSTCALL_FUEL: usize = 128 << 20;
/// How many times a call's deadline `start` has.
const START_FACTOR: u64 = 10;

const WORLD: &str = "processor-plugin";
/// Of a WASI that is not the one there is.
const WANTS_WASI: &str =
    "it imports a WASI other than 0.2, or more than there is of it; build it with `--target wasm32-unknown-unknown`";
/// Handles of resources that a guest may hold: WASI has some.
const HANDLES_MAX: usize = 1024;

/// A compiled processor plugin.
pub struct ProcessorPlugin {
    engine: Engine,
    pre: ProcessorPluginPre<Data>,
    version: String,
}

struct Data {
    context: Counted<Context>,
    wasi: VirtualWasi,
    bounds: Bounds,
}

impl HasWasi for Data {
    fn wasi(&mut self) -> Result<&mut VirtualWasi, Violation> {
        self.context.call()?;
        Ok(&mut self.wasi)
    }

    fn line(&mut self, severity: Severity, line: &str) {
        self.context.host().log(severity, line);
    }
}

impl ProcessorPlugin {
    /// Reads, compiles and links a file that may import everything.
    pub fn load(engine: &Engine, path: &Path) -> Result<ProcessorPlugin, LoadError> {
        ProcessorPlugin::compile(engine, &PluginFile::read(path)?, &Grants::default())
    }

    /// The same with the file's contents in hand.
    pub fn compile(engine: &Engine, file: &PluginFile, grants: &Grants) -> Result<ProcessorPlugin, LoadError> {
        let component: Component = engine.compile(file)?;
        of_world(engine, file, &component, WORLD)?;
        granted(engine, file, &component, grants)?;
        let misfit = |error| misfit(file.path(), WORLD, &error);
        let mut linker: Linker<Data> = Linker::new(engine.inner());
        World::add_to_linker::<Data, HasSelf<Data>>(&mut linker, |data| data).map_err(misfit)?;
        wasi::add_to_linker(engine, &component, &mut linker).map_err(misfit)?;
        let pre = linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = ProcessorPluginPre::new(pre).map_err(misfit)?;
        Ok(ProcessorPlugin { engine: engine.clone(), pre, version: hexadecimal(file.sha256()) })
    }
}

impl Plugin for ProcessorPlugin {
    fn version(&self) -> &str {
        &self.version
    }

    fn instantiate(&self, context: Context) -> Result<Box<dyn Processor>, CallError> {
        let limits = context.limits();
        let wasi = VirtualWasi::new(&context.name());
        let context = Counted::new(context, limits.host_calls);
        let data = Data { context, wasi, bounds: Bounds::default() };
        let mut store = limited(&self.engine, data, &limits, |data| &mut data.bounds);
        let world = self.pre.instantiate(&mut store).map_err(|error| call_error(&error, None))?;
        Ok(Box::new(ProcessorInstance { store, world, call_ticks: call_ticks(limits.call_ms) }))
    }
}

/// Checks that a component is not of the contract's other world.
fn of_world(engine: &Engine, file: &PluginFile, component: &Component, world: &'static str) -> Result<(), LoadError> {
    match world_of(engine, component).filter(|found| !found.starts_with(world)) {
        None => Ok(()),
        Some(found) => {
            let reason = format!("it is of another, which its entry in the manifest has to name: `world: {found}`");
            Err(LoadError::World { path: file.path().to_owned(), world, reason })
        }
    }
}

/// Checks what a component imports against what its plugin may.
fn granted(engine: &Engine, file: &PluginFile, component: &Component, grants: &Grants) -> Result<(), LoadError> {
    for (import, _) in component.component_type().imports(engine.inner()) {
        let is_it = |interface: &Interface| match interface {
            Interface::Wasi => import.starts_with(WASI),
            interface => import_name(import) == Some(interface.name()),
        };
        let wanted = Interface::ALL.into_iter().find(is_it).filter(|interface| !grants.interfaces.contains(interface));
        if let Some(interface) = wanted {
            let (path, import) = (file.path().to_owned(), import.to_owned());
            return Err(LoadError::NotGranted { path, import, interface });
        }
    }
    Ok(())
}

/// `log` of `otelier:plugin/log@0.1.0`.
fn import_name(import: &str) -> Option<&str> {
    import.strip_prefix("otelier:plugin/")?.split('@').next()
}

/// A file that does not fit its world.
fn misfit(path: &Path, world: &'static str, error: &wasmtime::Error) -> LoadError {
    let reason = format!("{error:#}");
    let wants_wasi = reason.contains(WASI);
    let reason = if wants_wasi { format!("{WANTS_WASI} ({reason})") } else { reason };
    LoadError::World { path: path.to_owned(), world, reason }
}

/// The deadline of a call of so many milliseconds, in ticks of the epoch.
fn call_ticks(call_ms: u64) -> u64 {
    call_ms.div_ceil(TICK.as_millis() as u64).max(1) + 1
}

/// When such a call has to have ended: what it asks of the host is looked at against the clock, as no epoch ends that.
fn deadline(ticks: u64) -> Instant {
    Instant::now() + TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// A Store with every bound set, and the deadline of one call. `of` is where its data keeps the bounds.
fn limited<T: 'static>(
    engine: &Engine,
    data: T,
    granted: &Limits,
    of: impl Fn(&mut T) -> &mut Bounds + Send + Sync + Copy + 'static,
) -> Store<T> {
    let mut store = Store::new(engine.inner(), data);
    *of(store.data_mut()) = Bounds::new(granted);
    store.limiter(move |data| of(data));
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    store.set_max_component_handles(HANDLES_MAX);
    store.set_epoch_deadline(call_ticks(granted.call_ms));
    store
}

struct ProcessorInstance {
    store: Store<Data>,
    world: World,
    call_ticks: u64,
}

impl ProcessorInstance {
    /// One export under its deadline.
    fn call<T>(
        &mut self,
        ticks: u64,
        export: impl FnOnce(&exported::Guest, &mut Store<Data>) -> wasmtime::Result<Result<T, types::Failure>>,
    ) -> Result<T, CallError> {
        self.store.set_epoch_deadline(ticks);
        let data = self.store.data_mut();
        let until = deadline(ticks);
        data.context.begin(until);
        data.context.host().bound(Some(until));
        let moment = data.context.host().moment();
        data.wasi.begin(moment);
        let result = export(self.world.otelier_plugin_processor(), &mut self.store);
        let data = self.store.data_mut();
        data.context.host().bound(None);
        for (severity, line) in data.wasi.end() {
            data.line(severity, &line);
        }
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(types::Failure { message, retryable })) => {
                Err(CallError::Failure { message: text(&message), retryable })
            }
            Err(error) => Err(call_error(&error, data.context.host().take_panic())),
        }
    }
}

impl Processor for ProcessorInstance {
    fn context(&mut self) -> &mut Context {
        self.store.data_mut().context.host()
    }

    fn describe(&mut self, signal: Signal, config: &str) -> Result<(), CallError> {
        self.call(self.call_ticks, |guest, store| guest.call_describe(store, signal.into(), config))
    }

    fn start(&mut self, previous: Option<Stored>, now: u64) -> Result<(), CallError> {
        let previous = previous.map(|Stored { format, config }| exported::Stored { format, config });
        // Reads the whole state, from a cold disk perhaps.
        let ticks = self.call_ticks * START_FACTOR;
        self.call(ticks, |guest, store| guest.call_start(store, previous.as_ref(), now))
    }

    fn process(&mut self, signal: Signal, now: u64) -> Result<(), CallError> {
        self.call(self.call_ticks, |guest, store| guest.call_process(store, signal.into(), now))
    }

    fn memory_bytes(&self) -> usize {
        self.store.data().bounds.memory_bytes()
    }

    fn bound_calls(&mut self, call_ms: u64) {
        self.call_ticks = call_ticks(call_ms);
    }

    fn flush(&mut self, now: u64, last: bool) -> Result<Progress, CallError> {
        let progress = self.call(self.call_ticks, |guest, store| guest.call_flush(store, now, last))?;
        Ok(match progress {
            exported::Progress::Done => Progress::Done,
            exported::Progress::More => Progress::More,
        })
    }
}
