//! When the power goes, some first commits are left: all that were synced, and none without those before it.

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use super::model::{self, Model};
use super::{Bench, Durability, commit};

const CUTS: usize = 30;

pub fn leave_the_first_commits(bench: &mut impl Bench) -> Result<()> {
    let (mut random, mut model, mut lost) = (Rng::with_seed(4711), Model::default(), 0);
    for cut in 0..CUTS {
        // What there was after each commit since the last sync.
        let mut after = vec![model.clone()];
        for _ in 0..random.usize(0..12) {
            let writes = model::commit(&mut random);
            let is_synced = random.u8(0..4) == 0;
            commit(bench.storage(), &writes, if is_synced { Durability::Synced } else { Durability::Unsynced })?;
            model.apply(&writes);
            if is_synced {
                after.clear();
            }
            after.push(model.clone());
            if random.u8(0..10) == 0 {
                bench.storage().sync()?;
                after = vec![model.clone()];
            }
        }
        bench.cut_power(&mut random)?;
        let left = Model::read(bench.storage())?;
        let place = after.iter().rposition(|model| *model == left);
        let place = place.with_context(|| format!("cut {cut} left what no first commits make"))?;
        lost += after.len() - 1 - place;
        model = left;
    }
    ensure!(lost > 0, "the test's own eyes: no cut has taken anything");
    Ok(())
}
