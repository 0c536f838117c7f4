//! One processor of a pipeline: a living instance, and the transaction around each of its calls.
//!
//! A call's results and writes count only when the call returned, and every result was checked. Whatever happens else, the
//! instance is no longer what the store says it is: the owner rebuilds it from committed state before the next call.

mod told;

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Moment;
use crate::contract::{Batch, ComponentId, InvalidUtf8, Metadata, Signal};
use crate::otlp::Strings;
use crate::otlp::columns::{Bitmap, Columns, Layout};
use crate::otlp::edit::{self, Edits};
use crate::otlp::emit;
use crate::otlp::projection::Projector;
use crate::storage::Write;

use super::context::maxima::OUTPUT_BYTES_MAX;
use super::context::{Context, Phase};
use super::dictionaries::{restore_dictionaries, save_dictionaries};
use super::error::InstanceError;
use super::output::Output;
use super::plugin::{Processor, Progress, Stored};
use super::processed::Processed;
use super::recorder::Recorder;
use super::secrets::Secrets;
use super::setup::Setup;
use super::state::{Forgotten, Kept, State};

/// A processor of a pipeline.
pub struct Instance {
    setup: Setup,
    processor: Box<dyn Processor>,
    flush_every_ms: Option<u32>,
    stateful: bool,
    /// Whether its batches can have rows.
    reads: bool,
    /// Whether the log says that metrics pass unread.
    told_unread: bool,
    /// Where calls that count are recorded, for a version that follows.
    pub(super) recorder: Option<Recorder>,
    /// Whether it makes the calls of another instance, which are compared.
    pub(super) follows: bool,
    /// What it kept for the instance that replaces it, to be given back with it.
    pub(super) forgotten: Option<Forgotten>,
}

impl Instance {
    /// Instantiates, describes and starts on the committed state. The second value is what `start` wrote, for `trip`.
    pub fn build(setup: Setup, trip: u64, moment: Moment) -> Result<(Instance, Vec<Write>), InstanceError> {
        let state = State::new(Some(setup.store.clone()), &setup.namespace(), setup.watermark.clone());
        let mut instance = Instance::build_on(setup, state)?;
        let writes = instance.start(trip, moment)?;
        Ok((instance, writes))
    }

    /// One that has described itself and has the dictionaries of that state, and is to be started.
    pub(super) fn build_on(setup: Setup, state: State) -> Result<Instance, InstanceError> {
        let mut processor = setup.described(state, 0)?;
        let context = processor.context();
        let projection = context.declared.projection.clone();
        let mut projector = Projector::new(setup.signal, projection, setup.limits.dictionary_entries);
        projector.bound_columns(setup.limits.memory_bytes);
        let all: Vec<usize> = (0..projector.projection().keyings.len()).collect();
        restore_dictionaries(&setup.id, &mut projector, &context.state, &all)?;
        projector.forget_sent();
        context.projector = Some(projector);
        Ok(Instance::new(setup, processor))
    }

    /// Around a processor that has described itself.
    pub(super) fn new(setup: Setup, mut processor: Box<dyn Processor>) -> Instance {
        let declared = &processor.context().declared;
        let (stateful, flush_every_ms) = (declared.state_format.is_some(), declared.flush_every_ms);
        let reads = declared.projection.reads(setup.signal);
        Instance {
            setup,
            processor,
            flush_every_ms,
            stateful,
            reads,
            told_unread: false,
            recorder: None,
            follows: false,
            forgotten: None,
        }
    }

    /// The plugin's `start` on the state that its context has. What it wrote is for `trip`.
    pub(super) fn start(&mut self, trip: u64, moment: Moment) -> Result<Vec<Write>, InstanceError> {
        let id = self.setup.id.clone();
        let failed = |source| InstanceError::State { component: id.clone(), source };
        let context = self.processor.context();
        let format = context.declared.state_format;
        context.begin(Phase::Start, Columns::default(), moment);
        if format.is_some() {
            let namespace = self.setup.namespace();
            if let Some(key) = context.state.any_of(&namespace.others()).map_err(failed)? {
                let asked = self.setup.partition.as_ref().map_or(1, |partition| partition.of.count());
                let stored = namespace.instances_of(&key);
                return Err(InstanceError::Divided { component: id.clone(), stored, asked });
            }
        }
        let stored = match format {
            Some(_) => context.state.meta().map_err(failed)?.map(|meta| read_meta(&meta)),
            None => None,
        };
        let secrets = &self.setup.secrets;
        let previous =
            stored.as_ref().map(|stored| Stored { config: secrets.open(&stored.config), format: stored.format });
        let started = self.processor.start(previous, moment.now);
        self.check_store()?;
        started.inspect_err(|error| self.setup.tell_trap(error))?;
        let context = self.processor.context();
        let secrets = &self.setup.secrets;
        let current = format.map(|format| Stored { format, config: secrets.seal(&self.setup.config) });
        if let Some(current) = current.filter(|current| Some(current) != stored.as_ref()) {
            context.state.set_meta(&write_meta(&current)).map_err(failed)?;
            // What an older version has stored is there until its place on the disk is written anew.
            if !secrets.is_empty() && stored.is_some_and(|stored| !Secrets::are_sealed_in(&stored.config)) {
                self.setup.store.mark_stale(context.state.meta_key());
            }
        }
        Ok(context.state.finish(trip))
    }

    pub(super) fn context(&mut self) -> &mut Context {
        self.processor.context()
    }

    /// The component id.
    pub fn id(&self) -> &ComponentId {
        &self.setup.id
    }

    /// What it was made from, to make it again.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How often it wants to be flushed.
    pub fn flush_every(&self) -> Option<Duration> {
        self.flush_every_ms.map(|ms| Duration::from_millis(u64::from(ms)))
    }

    /// Whether it keeps state.
    pub fn is_stateful(&self) -> bool {
        self.stateful
    }

    /// What it keeps in the store, if it keeps state.
    pub fn kept(&mut self) -> Option<Kept> {
        self.stateful.then(|| self.processor.context().state.kept())
    }

    /// Whether it walks every byte of a request, so that nobody needs to check it before.
    pub fn checks_requests(&self) -> bool {
        self.reads
    }

    /// Whether the last call had absorbed rows, whatever came of it.
    pub fn has_absorbed(&mut self) -> bool {
        self.processor.context().output.absorbed.count() > 0
    }

    /// How much memory its guest has, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.processor.memory_bytes()
    }

    /// Its calls may take no longer than this from now on, in milliseconds.
    pub fn bound_calls(&mut self, call_ms: u64) {
        self.processor.bound_calls(call_ms);
    }

    /// One batch. A batch without rows passes untouched, and the plugin is not called.
    pub fn process(&mut self, batch: Batch, trip: u64, moment: Moment) -> Result<Processed, InstanceError> {
        if !self.reads {
            return Ok(Processed { batches: vec![batch], ..Processed::default() });
        }
        let mut columns = self.project(&batch)?;
        let without_code = self.take_without_code(&columns);
        self.tell_alike();
        let layout = std::mem::take(&mut columns.layout);
        let (items, unread) = (layout.items, layout.unread);
        if unread > 0 {
            self.tell_unread();
        }
        if layout.rows == 0 {
            let batch = Batch { items: Some(items), ..batch };
            return Ok(Processed { batches: vec![batch], items, unread, ..Processed::default() });
        }
        columns.layout = Layout { rows: layout.rows, runs: layout.runs.clone(), ..Layout::default() };
        let mut called = self.call(&batch, columns, trip, moment)?;
        self.count_without_code(&without_code);
        // A metric without points is a row and no item.
        let items_in = |rows: &Bitmap| rows.count_without(&layout.bare);
        let (dropped, absorbed) = (items_in(&called.dropped), items_in(&called.absorbed));
        let emitted = called.emitted.take();
        let removed = dropped + absorbed;
        let removed_rows = called.dropped.count() + called.absorbed.count();
        let came = self.recorder.is_some().then(|| batch.clone());
        let is_compared = self.recorder.is_some() || self.follows;
        let rows = is_compared.then(|| (called.dropped.clone(), called.absorbed.clone()));
        let rest = if removed == items && removed_rows == u64::from(layout.rows) {
            None
        } else if removed_rows == 0 && called.edits.is_empty() {
            Some(Batch { items: Some(items), ..batch })
        } else {
            called.dropped.add(&called.absorbed);
            let bytes = edit::apply(self.setup.signal, &batch.bytes, &layout, &called.dropped, &called.edits);
            let component = || self.setup.id.clone();
            let bytes = bytes.map_err(|source| InstanceError::Edit { component: component(), source })?;
            Some(Batch { bytes: Bytes::from(bytes), items: Some(items - removed), ..batch })
        };
        let processed = Processed {
            batches: rest.into_iter().chain(emitted).collect(),
            writes: called.writes,
            items,
            unread,
            dropped,
            absorbed,
            emitted: called.emitted_rows,
            more: false,
            called: true,
            rows,
        };
        if let Some(batch) = came {
            self.record(|recorder| recorder.process(batch, moment, &processed));
        }
        Ok(processed)
    }

    /// What the plugin declared to read, of one batch. Every byte of the batch is checked on the way.
    pub fn project(&mut self, batch: &Batch) -> Result<Columns, InstanceError> {
        match self.processor.context().projector.as_mut() {
            Some(projector) => Ok(projector.project(&batch.bytes, Strings::from(batch.invalid_utf8))?),
            None => Ok(Columns::default()),
        }
    }

    /// The plugin's call on the columns of a batch.
    pub fn call(
        &mut self,
        batch: &Batch,
        columns: Columns,
        trip: u64,
        moment: Moment,
    ) -> Result<Called, InstanceError> {
        let context = self.processor.context();
        context.begin(Phase::Process, columns, moment);
        context.batch = Some(batch.clone());
        let outcome = self.processor.process(self.setup.signal, moment.now);
        self.processor.context().batch = None;
        self.check_store()?;
        let context = self.processor.context();
        match (outcome, context.unreadable.take()) {
            (Ok(()), _) => self.finish(trip),
            (Err(_), Some(malformed)) => Err(InstanceError::Unreadable(malformed)),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// The flush; `last` before a shutdown.
    pub fn flush(&mut self, trip: u64, moment: Moment, last: bool) -> Result<Processed, InstanceError> {
        self.processor.context().begin(Phase::Flush, Columns::default(), moment);
        let progress = self.processor.flush(moment.now, last);
        self.check_store()?;
        let progress = progress?;
        let called = self.finish(trip)?;
        let processed = Processed {
            batches: called.emitted.into_iter().collect(),
            writes: called.writes,
            emitted: called.emitted_rows,
            more: progress == Progress::More,
            ..Processed::default()
        };
        self.record(|recorder| recorder.flush(moment, last, &processed));
        Ok(processed)
    }

    /// A call in which the store failed does not count, whatever the guest made of that: it may have broken on it, or decided without
    /// knowing its state.
    fn check_store(&mut self) -> Result<(), InstanceError> {
        match self.processor.context().state.take_failure() {
            None => Ok(()),
            Some(source) => Err(InstanceError::State { component: self.setup.id.clone(), source }),
        }
    }

    /// A call counts: whoever follows makes it as well.
    fn record(&mut self, record: impl FnOnce(&Recorder) -> bool) {
        if self.recorder.as_ref().is_some_and(|recorder| !record(recorder)) {
            self.forget_follower();
        }
    }

    /// The call returned: what it emitted becomes a batch, what it wrote is handed over.
    fn finish(&mut self, trip: u64) -> Result<Called, InstanceError> {
        let id = &self.setup.id;
        let failed = |source| InstanceError::State { component: id.clone(), source };
        let context = self.processor.context();
        let output = std::mem::take(&mut context.output);
        let emitted = match output.emitted_rows {
            0 => None,
            _ => {
                let bytes = Bytes::from(emit::encode(&output.emissions, OUTPUT_BYTES_MAX)?);
                let items = Some(output.emitted_rows as u64);
                Some(Batch {
                    signal: Signal::Metrics,
                    bytes,
                    items,
                    invalid_utf8: InvalidUtf8::Accept,
                    metadata: Metadata::default(),
                })
            }
        };
        save_dictionaries(context, &output).map_err(failed)?;
        let (writes, emitted_rows) = (context.state.finish(trip), output.emitted_rows as u64);
        let Output { dropped, absorbed, edits, .. } = output;
        Ok(Called { dropped, absorbed, edits, emitted, emitted_rows, writes })
    }
}

/// What a call that counts produced.
#[derive(Debug)]
pub struct Called {
    /// Rows that go no further.
    pub dropped: Bitmap,
    /// Rows taken into the plugin's state.
    pub absorbed: Bitmap,
    /// Edits of rows that go on.
    pub edits: Edits,
    /// The points it emitted, as a batch.
    pub emitted: Option<Batch>,
    /// How many.
    pub emitted_rows: u64,
    /// Changes to commit.
    pub writes: Vec<Write>,
}

/// The meta record: the format, little endian, and the configuration.
fn write_meta(stored: &Stored) -> Vec<u8> {
    [&stored.format.to_le_bytes()[..], stored.config.as_bytes()].concat()
}

fn read_meta(meta: &[u8]) -> Stored {
    let (format, config) = meta.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    Stored { format: u32::from_le_bytes(*format), config: String::from_utf8_lossy(config).into_owned() }
}
