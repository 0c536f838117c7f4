//! The host's end of a plugin's imports: what a call may read, keep and produce.
//!
//! Adapters translate; every rule of the contract is kept here. A [`Violation`] is the guest's mistake and ends the call as a trap.

use crate::contract::{ComponentId, Limits};
use crate::otlp::columns::{Bitmap, Columns};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::dictionary::{Dictionary, NONE, OVERFLOW};
use crate::otlp::emit::{Emission, Numbers};
use crate::otlp::key;
use crate::otlp::projection::Projector;

use super::declared::{DeclareError, Declared};
use super::output::Output;
use super::state::State;

const LOG_LINES_MAX: u32 = 64;
const LOG_LINE_BYTES_MAX: usize = 4096;
const DESCRIPTORS_MAX: usize = 65_536;
/// Bytes of one output metric's texts.
const DESCRIPTOR_BYTES_MAX: usize = 16 << 10;
/// Bytes of host memory that one call's results may take.
const OUTPUT_BYTES_MAX: usize = 256 << 20;

/// A request the contract does not allow.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// An import called where it must not be.
    #[error("`{0}` is not available in this call")]
    Phase(&'static str),
    /// A column that was not declared, or was pulled before.
    #[error("column `{0}` was not declared in `describe`, or was pulled before in this call")]
    Column(&'static str),
    /// A keying that does not exist.
    #[error("keying {0} was not declared")]
    Keying(u32),
    /// A code nobody gave out.
    #[error("code {code} of keying {keying} stands for nothing")]
    Code {
        /// The keying.
        keying: u32,
        /// The code.
        code: u32,
    },
    /// A descriptor nobody described.
    #[error("descriptor {0} was not described")]
    Descriptor(u32),
    /// Too many output metrics.
    #[error("more than {DESCRIPTORS_MAX} output metrics, or one with more than {DESCRIPTOR_BYTES_MAX} bytes of text")]
    Descriptors,
    /// Too much of everything.
    #[error("the results of one call take more than {OUTPUT_BYTES_MAX} bytes")]
    Bytes,
    /// A key that no dictionary takes.
    #[error("a key is longer than {} bytes", key::KEY_MAX)]
    KeyLength,
    /// A kind that cannot be emitted.
    #[error("only gauges and sums can be emitted as numbers")]
    Kind,
    /// Columns of one emission differ in length.
    #[error("the columns of an emission differ in length")]
    Lengths,
    /// More than the manifest grants.
    #[error("more than {0} points emitted in one call")]
    Emitted(usize),
    /// Bits behind the last row, or in both bitmaps.
    #[error("rows are dropped or absorbed that do not exist, or both at once")]
    Rows,
    /// A blob whose ends do not fit its bytes.
    #[error("the ends of a blob do not fit its bytes")]
    Blob,
    /// A key that is not canonical.
    #[error("a key is not in the canonical encoding: {0}")]
    Key(#[from] crate::otlp::Malformed),
    /// A bad declaration.
    #[error("{0}")]
    Declare(#[from] DeclareError),
}

/// How bad a guest's log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Trace.
    Trace,
    /// Debug.
    Debug,
    /// Info.
    Info,
    /// Warn.
    Warn,
    /// Error.
    Error,
}

/// Which export is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Describe,
    Start,
    Process,
    Flush,
}

/// Everything an instance may touch.
#[derive(Debug)]
pub struct Context {
    pub(super) component: ComponentId,
    pub(super) limits: Limits,
    pub(super) phase: Phase,
    pub(super) declared: Declared,
    pub(super) projector: Option<Projector>,
    pub(super) columns: Columns,
    pub(super) output: Output,
    pub(super) state: State,
    described: Vec<Descriptor>,
    log_lines: u32,
}

impl Context {
    /// A context for an instance that has not been described yet.
    pub fn new(component: ComponentId, limits: Limits, state: State) -> Context {
        Context {
            component,
            limits,
            phase: Phase::Describe,
            declared: Declared::default(),
            projector: None,
            columns: Columns::default(),
            output: Output::default(),
            state,
            described: Vec::new(),
            log_lines: 0,
        }
    }

    /// Whose context this is.
    pub fn component(&self) -> &ComponentId {
        &self.component
    }

    /// What the manifest grants.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn begin(&mut self, phase: Phase, columns: Columns) {
        self.phase = phase;
        self.columns = columns;
        self.output = Output::default();
        self.log_lines = 0;
        self.state.begin();
    }

    /// `log.write`.
    pub fn log(&mut self, severity: Severity, message: &str) {
        self.log_lines += 1;
        if self.log_lines > LOG_LINES_MAX {
            return;
        }
        let cut = message.floor_char_boundary(LOG_LINE_BYTES_MAX);
        let text = message.get(..cut).unwrap_or_default();
        let component = &self.component;
        match severity {
            Severity::Trace => tracing::trace!(%component, "{text}"),
            Severity::Debug => tracing::debug!(%component, "{text}"),
            Severity::Info => tracing::info!(%component, "{text}"),
            Severity::Warn => tracing::warn!(%component, "{text}"),
            Severity::Error => tracing::error!(%component, "{text}"),
        }
    }

    /// The declarations, open inside `describe` only.
    pub fn declare(&mut self) -> Result<&mut Declared, Violation> {
        if self.phase == Phase::Describe { Ok(&mut self.declared) } else { Err(Violation::Phase("projection")) }
    }

    /// The component's storage, for a component that said that it keeps state.
    pub fn storage(&mut self) -> Result<&mut State, Violation> {
        let open = self.phase != Phase::Describe && self.declared.state_format.is_some();
        if open { Ok(&mut self.state) } else { Err(Violation::Phase("storage")) }
    }

    fn rows(&mut self) -> Result<&mut Columns, Violation> {
        if self.phase == Phase::Process { Ok(&mut self.columns) } else { Err(Violation::Phase("rows")) }
    }

    /// `rows.count`.
    pub fn count(&mut self) -> Result<u32, Violation> {
        Ok(self.rows()?.rows)
    }

    /// `rows.metrics`: ends and descriptors of the runs that have rows.
    pub fn metrics(&mut self) -> Result<(Vec<u32>, Vec<u32>), Violation> {
        let mut before = 0;
        let runs = self.rows()?.runs.iter().filter(|run| {
            let filled = run.end > before;
            before = run.end;
            filled
        });
        Ok(runs.map(|run| (run.end, run.descriptor)).unzip())
    }

    /// `rows.new-descriptors`.
    pub fn new_descriptors(&mut self) -> Result<Vec<Descriptor>, Violation> {
        self.rows()?;
        Ok(self.projector.as_mut().map(Projector::take_unsent_descriptors).unwrap_or_default())
    }

    fn pull(&mut self, name: &'static str, column: fn(&mut Columns) -> &mut Vec<u64>) -> Result<Vec<u64>, Violation> {
        let columns = self.rows()?;
        let rows = columns.rows as usize;
        let column = std::mem::take(column(columns));
        if column.len() == rows { Ok(column) } else { Err(Violation::Column(name)) }
    }

    /// `rows.values`.
    pub fn values(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("values", |columns| &mut columns.values)
    }

    /// `rows.times`.
    pub fn times(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("times", |columns| &mut columns.times)
    }

    /// `rows.start-times`.
    pub fn start_times(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("start-times", |columns| &mut columns.start_times)
    }

    /// `rows.integers`.
    pub fn integers(&mut self) -> Result<Vec<u64>, Violation> {
        Ok(std::mem::take(&mut self.rows()?.integers).into_words())
    }

    /// `rows.no-value`.
    pub fn no_value(&mut self) -> Result<Vec<u64>, Violation> {
        Ok(std::mem::take(&mut self.rows()?.no_value).into_words())
    }

    /// `rows.keys`.
    pub fn keys(&mut self, keying: u32) -> Result<Vec<u32>, Violation> {
        let columns = self.rows()?;
        let rows = columns.rows as usize;
        let column = columns.keys.get_mut(keying as usize).ok_or(Violation::Keying(keying))?;
        let column = std::mem::take(column);
        if column.len() == rows { Ok(column) } else { Err(Violation::Column("keys")) }
    }

    fn dictionary(&mut self, keying: u32) -> Result<&mut Dictionary, Violation> {
        let projector = self.projector.as_mut().ok_or(Violation::Phase("keyings"))?;
        projector.dictionary_mut(keying as usize).ok_or(Violation::Keying(keying))
    }

    /// `rows.new-keys`.
    pub fn new_keys(&mut self, keying: u32) -> Result<NewKeys, Violation> {
        self.rows()?;
        let dictionary = self.dictionary(keying)?;
        let codes = dictionary.take_unsent();
        let (mut ends, mut bytes) = (Vec::with_capacity(codes.len()), Vec::new());
        for code in &codes {
            bytes.extend_from_slice(dictionary.key(*code).unwrap_or_default());
            ends.push(bytes.len() as u32);
        }
        Ok(NewKeys { codes, ends, bytes })
    }

    fn results(&mut self) -> Result<&mut Output, Violation> {
        match self.phase {
            Phase::Process | Phase::Flush => Ok(&mut self.output),
            Phase::Describe | Phase::Start => Err(Violation::Phase("output")),
        }
    }

    /// Books host memory for results.
    fn charge(&mut self, bytes: usize) -> Result<(), Violation> {
        let output = self.results()?;
        output.bytes = output.bytes.saturating_add(bytes);
        if output.bytes > OUTPUT_BYTES_MAX { Err(Violation::Bytes) } else { Ok(()) }
    }

    fn remove(&mut self, words: Vec<u64>, absorbed: bool) -> Result<(), Violation> {
        let rows = self.rows()?.rows as usize;
        let bitmap = Bitmap::from_words(words);
        let (into, other) = match absorbed {
            true => (&mut self.output.absorbed, &self.output.dropped),
            false => (&mut self.output.dropped, &self.output.absorbed),
        };
        if bitmap.reaches(rows) || bitmap.overlaps(other) {
            return Err(Violation::Rows);
        }
        into.add(&bitmap);
        Ok(())
    }

    /// `output.drop`.
    pub fn drop_rows(&mut self, words: Vec<u64>) -> Result<(), Violation> {
        self.remove(words, false)
    }

    /// `output.absorb`.
    pub fn absorb(&mut self, words: Vec<u64>) -> Result<(), Violation> {
        self.remove(words, true)
    }

    /// `output.describe`.
    pub fn describe(&mut self, descriptor: Descriptor) -> Result<u32, Violation> {
        self.results()?;
        if !descriptor.kind.has_numbers() {
            return Err(Violation::Kind);
        }
        if let Some(number) = self.described.iter().position(|known| *known == descriptor) {
            return Ok(number as u32);
        }
        let text = descriptor.name.len() + descriptor.unit.len() + descriptor.description.len();
        if self.described.len() >= DESCRIPTORS_MAX || text > DESCRIPTOR_BYTES_MAX {
            return Err(Violation::Descriptors);
        }
        self.described.push(descriptor);
        Ok(self.described.len() as u32 - 1)
    }

    /// `output.intern`.
    pub fn intern(&mut self, keying: u32, keys: &[&[u8]]) -> Result<Vec<u32>, Violation> {
        self.results()?;
        for key in keys {
            if key.len() > key::KEY_MAX {
                return Err(Violation::KeyLength);
            }
            key::elements(key)?;
        }
        let dictionary = self.dictionary(keying)?;
        Ok(keys.iter().map(|key| dictionary.intern(key)).collect())
    }

    /// `output.release`.
    pub fn release(&mut self, keying: u32, codes: Vec<u32>) -> Result<(), Violation> {
        self.dictionary(keying)?;
        self.charge(codes.len() * size_of::<u32>())?;
        self.results()?.released.entry(keying as usize).or_default().extend(codes);
        Ok(())
    }

    /// `output.emit-doubles` and `output.emit-integers`.
    pub fn emit(&mut self, descriptor: u32, keying: u32, rows: Rows) -> Result<(), Violation> {
        let count = rows.values.len();
        let starts = rows.start_times.len();
        if rows.keys.len() != count || rows.times.len() != count || (starts != count && starts != 0) {
            return Err(Violation::Lengths);
        }
        if count == 0 {
            return Ok(());
        }
        let emitted = self.results()?.emitted_rows + count;
        if emitted > self.limits.emitted_rows {
            return Err(Violation::Emitted(self.limits.emitted_rows));
        }
        let descriptor = self.described.get(descriptor as usize).cloned().ok_or(Violation::Descriptor(descriptor))?;
        let dictionary = self.dictionary(keying)?;
        let key = |code: &u32| match *code {
            NONE => Ok(Box::default()),
            OVERFLOW => Err(Violation::Code { keying, code: OVERFLOW }),
            code => dictionary.key(code).map(Box::from).ok_or(Violation::Code { keying, code }),
        };
        let length = |code: &u32| dictionary.key(*code).map_or(0, <[u8]>::len) + ROW_BYTES;
        let bytes = rows.keys.iter().map(length).fold(0, usize::saturating_add);
        if bytes > OUTPUT_BYTES_MAX {
            return Err(Violation::Bytes);
        }
        let keys = rows.keys.iter().map(key).collect::<Result<Vec<Box<[u8]>>, _>>()?;
        self.charge(bytes)?;
        let output = self.results()?;
        output.emitted_rows = emitted;
        let Rows { start_times, times, values, .. } = rows;
        output.emissions.push(Emission { descriptor, keys, start_times, times, values });
        Ok(())
    }
}

/// What an emitted row takes beside its key.
const ROW_BYTES: usize = 40;

/// The columns of an emission.
#[derive(Debug)]
pub struct Rows {
    /// Codes of the keying.
    pub keys: Vec<u32>,
    /// `start_time_unix_nano`, or none at all.
    pub start_times: Vec<u64>,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
    /// Values.
    pub values: Numbers,
}

/// Dictionary entries a guest has not been told of.
#[derive(Debug)]
pub struct NewKeys {
    /// The codes.
    pub codes: Vec<u32>,
    /// Where each code's key ends in `bytes`.
    pub ends: Vec<u32>,
    /// The keys, in the canonical encoding.
    pub bytes: Vec<u8>,
}

/// The strings of a blob.
pub fn blob_strings<'b>(ends: &[u32], bytes: &'b [u8]) -> Result<Vec<&'b [u8]>, Violation> {
    let mut start = 0;
    let mut strings = Vec::with_capacity(ends.len());
    for end in ends {
        let end = *end as usize;
        strings.push(bytes.get(start..end).ok_or(Violation::Blob)?);
        start = end;
    }
    if start == bytes.len() { Ok(strings) } else { Err(Violation::Blob) }
}
