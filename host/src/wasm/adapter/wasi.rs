//! A virtual WASI 0.2, for guests whose toolchain insists on one: cargo-component's default target does.
//!
//! It is as deterministic as the rest of a plugin. The wall clock stands at the time that the call was given (at 1970 where a plugin is
//! configured), the monotonic one at that of `clock.steady`, random numbers come from a seed that is the component's id and partition, standard output and error are lines of the log, there is no environment, no argument, no file. Whatever else
//! a guest calls (files, sockets, waiting) ends its call with a trap that names the function. What the functions are is said by WASI
//! 0.2 (github.com/WebAssembly/WASI, `wasip2`); any 0.2.x will do.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::clock::Moment;
use crate::processor::{Severity, Violation};
use crate::wasm::engine::Engine;

/// What imports of WASI begin with.
pub(super) const WASI: &str = "wasi:";
/// Bytes of random numbers in one call, of one write, and of a line that has no end.
const BYTES_MAX: usize = 64 << 10;
const NANOS: u64 = 1_000_000_000;

/// A guest's WASI.
#[derive(Debug)]
pub(super) struct VirtualWasi {
    /// The host's time of the call under way, in nanoseconds.
    now: u64,
    /// What the steady clock shows then.
    steady: u64,
    random: u64,
    /// Of standard output and of standard error: what has no line feed yet.
    lines: [Vec<u8>; 2],
}

impl VirtualWasi {
    /// For a guest with that name.
    pub fn new(component: &str) -> VirtualWasi {
        // FNV-1a.
        let hash = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let random = component.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
        VirtualWasi { now: 0, steady: 0, random, lines: [Vec::new(), Vec::new()] }
    }

    /// A call begins at that time.
    pub fn begin(&mut self, moment: Moment) {
        Moment { now: self.now, steady: self.steady } = moment;
    }

    /// The next number (SplitMix64, Steele, Lea and Flood 2014).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, Violation> {
        let length = usize::try_from(length).ok().filter(|length| *length <= BYTES_MAX);
        let length = length.ok_or_else(|| Violation::Wasi("wasi:random: more than 65,536 bytes at once".to_owned()))?;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.random().to_le_bytes());
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Takes what was written, and returns the lines that are whole, or too long to wait for their end.
    fn write(&mut self, stream: u32, bytes: &[u8]) -> Vec<String> {
        let Some(line) = self.lines.get_mut(stream as usize) else { return Vec::new() };
        line.extend_from_slice(bytes);
        let end = match line.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if line.len() > BYTES_MAX => line.len(),
            None => return Vec::new(),
        };
        let whole: Vec<u8> = line.drain(..end).collect();
        String::from_utf8_lossy(&whole).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// A call is over: what has no line feed is a line too. With the severity of each.
    pub fn end(&mut self) -> Vec<(Severity, String)> {
        let lines = (0..).zip(&mut self.lines).filter(|(_, line)| !line.is_empty());
        lines.map(|(stream, line)| (severity(stream), String::from_utf8_lossy(&std::mem::take(line)).into())).collect()
    }
}

fn severity(stream: u32) -> Severity {
    if stream == STDERR { Severity::Warn } else { Severity::Info }
}

const STDOUT: u32 = 0;
const STDERR: u32 = 1;
const STDIN: u32 = 2;

/// Data of a Store whose guest may have a WASI.
pub(super) trait HasWasi: 'static {
    /// For an import: one more of this call's.
    fn wasi(&mut self) -> Result<&mut VirtualWasi, Violation>;
    /// A line that the guest wrote.
    fn line(&mut self, severity: Severity, line: &str);
}

/// What stands behind every handle of a resource. One for all: interfaces give a resource other names where they use it, and no name says
/// which it is. A guest's own types keep it from taking one for another.
enum Any {}

type Handle = Resource<Any>;

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lower, Lift)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code)] // Nothing fails here.
    LastOperationFailed(Handle),
    #[component(name = "closed")]
    Closed,
}

/// `wasi:clocks/wall-clock.datetime`.
#[derive(ComponentType, Lower, Lift)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(nanoseconds: u64) -> Datetime {
        Datetime { seconds: nanoseconds / NANOS, nanoseconds: (nanoseconds % NANOS) as u32 }
    }
}

/// Gives a linker everything of WASI that a component imports.
pub(super) fn add_to_linker<T: HasWasi>(engine: &Engine, component: &Component, linker: &mut Linker<T>) -> Result<()> {
    let engine = engine.inner();
    for (import, item) in component.component_type().imports(engine) {
        let (Some(interface), ComponentItem::ComponentInstance(instance)) = (import.strip_prefix(WASI), &item.ty)
        else {
            continue;
        };
        let interface = interface.split('@').next().unwrap_or_default();
        let mut linked = linker.instance(import)?;
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => linked.resource(name, ResourceType::host::<Any>(), |_, _| Ok(()))?,
                ComponentItem::ComponentFunc(_) if !define(&mut linked, interface, name)? => {
                    let missing = format!("{import}#{name}");
                    linked.func_new(name, move |_, _, _, _| Err(Violation::Wasi(missing.clone()).into()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Defines a function that does something. False for all others.
fn define<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, interface: &str, name: &str) -> Result<bool> {
    match interface {
        "cli/environment" | "cli/exit" | "cli/stdin" | "cli/stdout" | "cli/stderr" | "filesystem/preopens" => {
            process(linker, name)
        }
        "cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr" => terminals(linker, name),
        "clocks/monotonic-clock" => monotonic_clock(linker, name),
        "clocks/wall-clock" => wall_clock(linker, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => random(linker, name),
        "io/streams" => streams(linker, name),
        _ => Ok(false),
    }
}

type Caller<'c, T> = StoreContextMut<'c, T>;

/// Defines a function without parameters.
fn answer<T: HasWasi, R: ComponentType + Lower + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    answer: impl Fn(&mut VirtualWasi) -> R + Send + Sync + 'static,
) -> Result<()> {
    linker.func_wrap(name, move |mut caller: Caller<'_, T>, ()| Ok((answer(caller.data_mut().wasi()?),)))
}

fn process<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "get-environment" => answer(linker, name, |_| Vec::<(String, String)>::new()),
        "get-arguments" => answer(linker, name, |_| Vec::<String>::new()),
        "initial-cwd" => answer(linker, name, |_| None::<String>),
        "get-directories" => answer(linker, name, |_| Vec::<(Handle, String)>::new()),
        "exit" => linker.func_wrap(name, |_: Caller<'_, T>, (_,): (Result<(), ()>,)| -> Result<()> {
            Err(Violation::Wasi("wasi:cli/exit: a plugin cannot end its host".to_owned()).into())
        }),
        "get-stdin" => answer(linker, name, |_| Handle::new_own(STDIN)),
        "get-stdout" => answer(linker, name, |_| Handle::new_own(STDOUT)),
        "get-stderr" => answer(linker, name, |_| Handle::new_own(STDERR)),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn terminals<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr" => {
            answer(linker, name, |_| None::<Handle>)
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn monotonic_clock<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "now" => answer(linker, name, |wasi| wasi.steady),
        "resolution" => answer(linker, name, |_| 1_u64),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn wall_clock<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "now" => answer(linker, name, |wasi| Datetime::of(wasi.now)),
        "resolution" => answer(linker, name, |_| Datetime::of(1)),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn random<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => linker
            .func_wrap(name, |mut caller: Caller<'_, T>, (length,): (u64,)| {
                Ok((caller.data_mut().wasi()?.random_bytes(length)?,))
            }),
        "get-random-u64" | "get-insecure-random-u64" => answer(linker, name, VirtualWasi::random),
        "insecure-seed" => answer(linker, name, |wasi| (wasi.random(), wasi.random())),
        _ => return Ok(false),
    }?;
    Ok(true)
}

type Done = (std::result::Result<(), StreamError>,);

fn write<T: HasWasi>(mut caller: Caller<'_, T>, (stream, bytes): (Handle, Vec<u8>)) -> Result<Done> {
    let data = caller.data_mut();
    if bytes.len() > BYTES_MAX {
        return Err(Violation::Wasi("wasi:io/streams: more bytes than `check-write` allowed".to_owned()).into());
    }
    let lines = data.wasi()?.write(stream.rep(), &bytes);
    lines.iter().for_each(|line| data.line(severity(stream.rep()), line));
    Ok((Ok(()),))
}

fn streams<T: HasWasi>(linker: &mut LinkerInstance<'_, T>, name: &str) -> Result<bool> {
    match name {
        "[method]output-stream.check-write" => linker.func_wrap(name, |mut caller: Caller<'_, T>, (_,): (Handle,)| {
            caller.data_mut().wasi()?;
            Ok((Ok::<u64, StreamError>(BYTES_MAX as u64),))
        }),
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            linker.func_wrap(name, write::<T>)
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            linker.func_wrap(name, |mut caller: Caller<'_, T>, (_,): (Handle,)| -> Result<Done> {
                caller.data_mut().wasi()?;
                Ok((Ok(()),))
            })
        }
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            linker.func_wrap(name, |mut caller: Caller<'_, T>, (_, _): (Handle, u64)| {
                caller.data_mut().wasi()?;
                Ok((Err::<Vec<u8>, StreamError>(StreamError::Closed),))
            })
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_or_at_an_end() {
        let mut wasi = VirtualWasi::new("a");
        assert_eq!(wasi.write(STDOUT, b"one"), [""; 0]);
        assert_eq!(wasi.write(STDERR, b"other\n\nand"), ["other"]);
        assert_eq!(wasi.write(STDOUT, b" line\ntwo\nthr"), ["one line", "two"]);
        assert_eq!(wasi.write(7, b"nowhere\n"), [""; 0]);
        assert_eq!(wasi.end(), [(Severity::Info, "thr".to_owned()), (Severity::Warn, "and".to_owned())]);
        assert_eq!(wasi.end(), []);
        assert_eq!(wasi.write(STDOUT, &[b'x'; BYTES_MAX + 1]).len(), 1, "a line without an end is not kept");
    }

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let numbers = |name: &str| [(); 3].map(|()| VirtualWasi::new(name).random());
        assert_eq!(numbers("a"), numbers("a"));
        assert_ne!(numbers("a"), numbers("b"));
        let mut wasi = VirtualWasi::new("a");
        assert_ne!(wasi.random(), wasi.random());
        assert!(wasi.random_bytes(13).is_ok_and(|bytes| bytes.len() == 13));
        assert!(wasi.random_bytes(1 << 40).is_err());
    }
}
