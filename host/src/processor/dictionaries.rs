//! Durable dictionaries on their way to the store and back: a code means the same series after a restart.

use crate::contract::ComponentId;
use crate::otlp::projection::Projector;

use super::context::Context;
use super::error::InstanceError;
use super::output::Output;
use super::state::{State, StateError};

/// New codes of durable dictionaries join the call's writes; released ones leave the store and the dictionary.
pub(super) fn save_dictionaries(context: &mut Context, output: &Output) -> Result<(), StateError> {
    let Some(projector) = context.projector.as_mut() else { return Ok(()) };
    if output.released.is_empty() && !projector.has_unsaved() {
        return Ok(());
    }
    let keyings = projector.projection().keyings.clone();
    for (index, codes) in &output.released {
        let (Some(keying), Some(dictionary)) = (keyings.get(*index), projector.dictionary_mut(*index)) else {
            continue;
        };
        let mut codes = codes.clone();
        codes.sort_unstable();
        codes.dedup();
        if keying.durable {
            let identity = keying.identity();
            let mut stored = codes.iter().filter(|code| dictionary.is_saved(**code));
            stored.try_for_each(|code| context.state.delete_code(&identity, *code))?;
        }
        dictionary.release(&codes);
    }
    for (index, keying) in keyings.iter().enumerate() {
        let Some(dictionary) = projector.dictionary_mut(index) else { continue };
        let unsaved = dictionary.take_unsaved();
        if !keying.durable || unsaved.is_empty() {
            continue;
        }
        let identity = keying.identity();
        for code in unsaved {
            context.state.put_code(&identity, code, dictionary.key(code).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Reads stored dictionaries: those of these keyings, as far as they are durable.
pub(super) fn restore_dictionaries(
    id: &ComponentId,
    projector: &mut Projector,
    state: &State,
    keyings: &[usize],
) -> Result<(), InstanceError> {
    for index in keyings.iter().copied() {
        let Some(keying) = projector.projection().keyings.get(index).filter(|keying| keying.durable).cloned() else {
            continue;
        };
        let Some(dictionary) = projector.dictionary_mut(index) else { continue };
        let mut misplaced = None;
        state
            .each_code(&keying.identity(), |code, key| {
                if !dictionary.restore(code, key) {
                    misplaced = Some(code);
                }
            })
            .map_err(|source| InstanceError::State { component: id.clone(), source })?;
        if let Some(code) = misplaced {
            return Err(InstanceError::Dictionary { component: id.clone(), code });
        }
        dictionary.restored();
    }
    Ok(())
}
