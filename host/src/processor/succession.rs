//! A new version of a plugin takes the place of a running instance: it goes on from the same state, and from the same dictionaries, which
//! are the host's and are handed over as they are. So batches wait for the plugin's `start` and for nothing else: what that reads was read from
//! the store beforehand.

use crate::otlp::projection::Projector;
use crate::storage::Write;

use super::Processor;
use super::instance::{Instance, InstanceError, Setup, restore_dictionaries};
use super::state::{Mark, Snapshot, State, Watermark};

/// An instance of a new version that knows its configuration and has not seen any state.
pub struct Successor {
    setup: Setup,
    processor: Box<dyn Processor>,
    snapshot: Option<Snapshot>,
}

impl Successor {
    /// Instantiates and describes, and lets another instance of the version start without state and flush: what is broken from the
    /// beginning is found before anything runs on it. Takes as long as the plugin takes, so not where batches wait.
    pub fn prepare(setup: Setup, now: u64) -> Result<Successor, InstanceError> {
        try_out(&setup, now)?;
        let state = State::new(None, &setup.namespace(), Watermark::default());
        let processor = setup.described(state)?;
        Ok(Successor { setup, processor, snapshot: None })
    }

    /// Whether it keeps state.
    pub fn is_stateful(&mut self) -> bool {
        self.processor.context().declared.state_format.is_some()
    }

    /// Starts on what was read beforehand, if it is of the mark that the instance has then.
    pub fn rest_on(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(snapshot);
    }

    /// What it was made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }
}

/// A start and a flush on nothing, with nothing kept.
fn try_out(setup: &Setup, now: u64) -> Result<(), InstanceError> {
    let state = State::new(None, &setup.namespace(), Watermark::default());
    let mut processor = setup.described(state)?;
    let context = processor.context();
    let projection = context.declared.projection.clone();
    context.projector = Some(Projector::new(setup.signal, projection, setup.limits.dictionary_entries));
    let mut instance = Instance::new(setup.clone(), processor);
    instance.start(0, now)?;
    instance.flush(0, now, true).map(drop)
}

impl Instance {
    /// Marks the present state, for a successor that is to rest on what is read of it from now on.
    pub fn mark(&mut self) -> Mark {
        self.context().state.mark()
    }

    /// No successor comes.
    pub fn forget_mark(&mut self) {
        self.context().state.forget_mark();
    }

    /// Whether the successor needs a stored dictionary that this instance has not in use: then everything that is on its way to the store has
    /// to be there before [`hand_over`](Instance::hand_over).
    pub fn leaves_dictionaries(&mut self, successor: &mut Successor) -> bool {
        let ours = self.context().declared.projection.keyings.clone();
        let theirs = &successor.processor.context().declared.projection.keyings;
        let has = |identity: Vec<u8>| ours.iter().any(|keying| keying.durable && keying.identity() == identity);
        !theirs.iter().filter(|keying| keying.durable).all(|keying| has(keying.identity()))
    }

    /// The successor starts on this instance's state. The second value is what it wrote, for `trip`. When it does not start, this
    /// instance goes on as if it had never been asked.
    pub fn hand_over(
        &mut self,
        successor: Successor,
        trip: u64,
        now: u64,
    ) -> Result<(Instance, Vec<Write>), InstanceError> {
        let Successor { setup, processor, snapshot } = successor;
        let mut heir = Instance::new(setup, processor);
        let standings = self.context().projector.as_ref().map(Projector::standings).unwrap_or_default();
        let given = self.give(&mut heir);
        if let Some(snapshot) = snapshot {
            heir.context().state.rest_on(snapshot);
        }
        let started = given.and_then(|()| heir.start(trip, now));
        heir.context().state.forget_mark();
        match started {
            Ok(writes) => Ok((heir, writes)),
            Err(error) => {
                let context = heir.context();
                std::mem::swap(&mut self.context().state, &mut context.state);
                if let (Some(ours), Some(mut theirs)) = (self.context().projector.as_mut(), context.projector.take()) {
                    ours.take_back(&mut theirs, standings);
                }
                Err(error)
            }
        }
    }

    fn give(&mut self, heir: &mut Instance) -> Result<(), InstanceError> {
        let (id, limits) = (heir.setup().id.clone(), heir.setup().limits);
        let context = heir.context();
        let projection = context.declared.projection.clone();
        std::mem::swap(&mut self.context().state, &mut context.state);
        let Some(ours) = self.context().projector.as_mut() else { return Ok(()) };
        let mut theirs = ours.beside(projection, limits.dictionary_entries);
        let alone = ours.exchange(&mut theirs);
        let restored = restore_dictionaries(&id, &mut theirs, &context.state, &alone);
        theirs.forget_sent();
        context.projector = Some(theirs);
        restored
    }
}
