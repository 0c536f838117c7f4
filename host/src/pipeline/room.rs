//! Room in lanes, reserved before any plugin sees a batch: in all lanes that it can reach, or in none.

use crate::contract::{Batch, ComponentId, Refusal};
use crate::delivery::{Lane, LaneFull, Reserved};

use super::connected::Pipeline;
use super::trip::count;

/// Reserves room for a request in every lane that its pipelines reach, in the order of the pipelines. Behind connectors several batches may go into
/// one lane, as from a plugin that emits: the room is for one of about that size, and what is more is counted when it goes out. A lane that makes senders wait is
/// waited for with nothing reserved, as two trips could otherwise hold what the other one needs. `None` once nobody waits for the request.
pub fn reserve(
    pipelines: &[&Pipeline],
    batch: &mut Batch,
    is_withdrawn: &dyn Fn() -> bool,
) -> Result<Option<Vec<Vec<Reserved>>>, Refusal> {
    if pipelines.iter().flat_map(|pipeline| &pipeline.reached).any(Lane::counts_items) {
        batch.items = Some(count(batch)?);
    }
    loop {
        let NoRoom { lane, shares, full } = match reserve_at_once(pipelines, Some(batch)) {
            Ok(reserved) => return Ok(Some(reserved)),
            Err(no_room) => no_room,
        };
        if !full.waits {
            lane.count_refused(batch, count(batch).unwrap_or(0));
            let queue = format!("the queue of exporter {}", full.exporter);
            return Err(Refusal::Full { queue, retry_after: full.retry_after });
        }
        lane.wait_for_room(batch, shares, is_withdrawn);
        if is_withdrawn() {
            return Ok(None);
        }
    }
}

/// Reserves room for what a flush emits. It is put off rather than waited for: a worker that waits serves nobody.
pub fn reserve_for_flush(pipeline: &Pipeline) -> Option<Vec<Reserved>> {
    reserve_at_once(&[pipeline], None).ok()?.pop()
}

/// The lane that has no room for so many trips.
struct NoRoom<'p> {
    lane: &'p Lane,
    shares: usize,
    full: LaneFull,
}

/// Reserves in all lanes or in none. An exporter of several pipelines is asked once, for all of them: half its room would be of no
/// use, and nobody would get the other half.
fn reserve_at_once<'p>(pipelines: &[&'p Pipeline], batch: Option<&Batch>) -> Result<Vec<Vec<Reserved>>, NoRoom<'p>> {
    let lanes = || pipelines.iter().flat_map(|pipeline| &pipeline.reached);
    let mut rooms: Vec<(&ComponentId, Vec<Reserved>)> = Vec::new();
    for lane in lanes() {
        if rooms.iter().any(|(id, _)| *id == lane.id()) {
            continue;
        }
        let shares = lanes().filter(|other| other.id() == lane.id()).count();
        let reserved = lane.reserve(batch, shares).map_err(|full| NoRoom { lane, shares, full })?;
        rooms.push((lane.id(), reserved));
    }
    let mut share = |lane: &Lane| rooms.iter_mut().find(|(id, _)| *id == lane.id()).and_then(|(_, room)| room.pop());
    Ok(pipelines.iter().map(|pipeline| pipeline.reached.iter().filter_map(&mut share).collect()).collect())
}
