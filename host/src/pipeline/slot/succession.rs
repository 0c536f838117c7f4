//! Another version in the place of the instance: it starts on its state, or follows it and is exchanged with it.

use std::time::Instant;

use crate::clock::Moment;
use crate::processor::{Follower, Fork, Heir, Instance, InstanceError, Marked, Setup, Snapshot, Standing};
use crate::storage::Write;

use super::{Blame, Occupant, Slot};

/// What stood here before a version started that may be taken back.
pub struct Before {
    setup: Setup,
    /// When the next instance was to be built, and why none lived, where that was so.
    down: Option<(Instant, Blame)>,
}

impl Slot {
    /// Whether everything on its way to the store has to be there before an heir starts.
    pub fn wants_stored(&mut self, heir: &mut Heir) -> bool {
        match &mut self.occupant {
            Occupant::Living(instance) => instance.leaves_dictionaries(heir),
            Occupant::Broken { .. } => true,
        }
    }

    /// An heir takes the place of the instance and goes on from its state; what its start wrote is to be committed with `trip`. When it does
    /// not start, the one that is here stays. Where none lives, another of its version starts on committed state. The one that is replaced
    /// comes back, to be dropped where no batch waits for its memory to be given back.
    pub fn start(
        &mut self,
        heir: Heir,
        trip: u64,
        moment: Moment,
    ) -> Result<(Vec<Write>, Option<Box<Instance>>), InstanceError> {
        let (instance, writes) = match &mut self.occupant {
            Occupant::Living(instance) => instance.hand_over(heir, trip, moment)?,
            Occupant::Broken { .. } => Instance::build(heir.into_setup(), trip, moment)?,
        };
        let retired = self.succeed(instance);
        self.flushing = None;
        self.resume_flush();
        Ok((writes, retired))
    }

    /// A follower of the instance makes the last calls, if there are not too many.
    pub fn catch_up(&mut self, follower: &mut Follower, behind_max: usize) -> Result<Standing, InstanceError> {
        let Occupant::Living(instance) = &mut self.occupant else { return Ok(Standing::Lost) };
        if !instance.is_followed_by(follower) {
            return Ok(Standing::Lost);
        }
        follower.catch_up(behind_max)
    }

    /// The instance's state becomes what its follower, which has caught up, makes of it.
    pub fn adopt(&mut self, follower: &mut Follower) -> Result<(), InstanceError> {
        match &mut self.occupant {
            Occupant::Living(instance) => instance.adopt(follower),
            Occupant::Broken { .. } => Ok(()),
        }
    }

    /// The follower takes the place of the instance, whose state has adopted its. The first value is to be committed with `trip`; the one
    /// that is replaced comes back, as from [`start`](Slot::start).
    pub fn exchange(&mut self, mut follower: Box<Follower>, trip: u64) -> (Vec<Write>, Option<Box<Instance>>) {
        let Occupant::Living(instance) = &mut self.occupant else { return (Vec::new(), None) };
        let writes = instance.give_way(&mut follower, trip);
        let retired = self.succeed(follower.into_instance());
        self.resume_flush();
        (writes, retired)
    }

    /// For [`take_back`](Slot::take_back).
    pub fn before(&self) -> Before {
        let down = match &self.occupant {
            Occupant::Broken { retry_at, blame, .. } => Some((*retry_at, *blame)),
            Occupant::Living(_) => None,
        };
        Before { setup: self.setup.clone(), down }
    }

    /// What has just started here does not run: the next instance is again what stood here before, from committed state.
    pub fn take_back(&mut self, Before { setup, down }: Before) {
        self.setup = setup;
        let (retry_at, blame) = down.unwrap_or_else(|| (Instant::now(), Blame::Host));
        let reason = "the new version does not start everywhere".to_owned();
        self.occupant = Occupant::Broken { retry_at, blame, reason };
    }

    /// Another version runs here: how the one before failed says nothing of it.
    pub fn begin_anew(&mut self) {
        self.succeeded();
        self.flush_backoff.reset();
    }

    fn succeed(&mut self, heir: Instance) -> Option<Box<Instance>> {
        // What the last flush did not emit goes with the instance.
        self.lose_unflushed(u64::MAX);
        self.setup = heir.setup().clone();
        let before = std::mem::replace(&mut self.occupant, Occupant::Living(Box::new(heir)));
        self.show_kept();
        match before {
            Occupant::Living(retired) => Some(retired),
            Occupant::Broken { .. } => None,
        }
    }

    /// Marks the state of the instance that lives here and keeps any, for a version that comes to so many places at once.
    pub fn mark(&mut self, among: usize) -> Option<Marked> {
        match &mut self.occupant {
            Occupant::Living(instance) => instance.mark(among),
            Occupant::Broken { .. } => None,
        }
    }

    /// Forks that state, for a version that follows from now on.
    pub fn fork(&mut self, snapshot: Snapshot) -> Option<Fork> {
        match &mut self.occupant {
            Occupant::Living(instance) => instance.fork(snapshot),
            Occupant::Broken { .. } => None,
        }
    }

    /// Nobody follows the instance, and it has adopted nothing.
    pub fn forget_follower(&mut self) {
        if let Occupant::Living(instance) = &mut self.occupant {
            instance.forget_adopted();
            instance.forget_follower();
        }
    }
}
