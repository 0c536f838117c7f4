//! Which items of a batch break a plugin, found by trying parts of it.
//!
//! A part that passes costs next to nothing, one that breaks costs an instance. So each part that breaks is cut into many and not into
//! two: for one bad item among 8,192 four instances are broken beside the first, where halving breaks thirteen. The largest parts are tried
//! first: when patience ends, most of what passes is known.

use std::collections::VecDeque;
use std::ops::Range;

/// Into how many parts one that breaks is cut.
const PARTS: usize = 16;

/// What a search found: every unit of the batch is in one of the two, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What passes.
    pub sound: Vec<Range<usize>>,
    /// Single units that break, and what patience did not suffice for; each with how the plugin broke.
    pub poison: Vec<(Range<usize>, String)>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The part passes.
    Passes,
    /// The plugin broke on it.
    Breaks(String),
    /// It was not tried, nor will any other be.
    OutOfPatience,
}

/// Searches a batch of so many units on which a plugin broke for `reason`. Where `is_whole_tried`, the whole is tried first: perhaps it was
/// not the batch.
pub fn search<E>(
    units: usize,
    reason: String,
    is_whole_tried: bool,
    mut attempt: impl FnMut(Range<usize>) -> Result<Tried, E>,
) -> Result<Found, E> {
    let (mut found, mut suspects) = (Found::default(), VecDeque::new());
    match if is_whole_tried { attempt(0..units)? } else { Tried::Breaks(reason.clone()) } {
        Tried::Passes => found.sound.push(0..units),
        Tried::Breaks(reason) => suspects.push_back((0..units, reason)),
        Tried::OutOfPatience => found.poison.push((0..units, reason)),
    }
    while let Some((suspect, reason)) = suspects.pop_front() {
        if suspect.len() <= 1 {
            found.poison.push((suspect, reason));
            continue;
        }
        let step = suspect.len().div_ceil(PARTS);
        for start in suspect.clone().step_by(step) {
            let part = start..suspect.end.min(start + step);
            match attempt(part.clone())? {
                Tried::Passes => found.sound.push(part),
                Tried::Breaks(reason) => suspects.push_back((part, reason)),
                Tried::OutOfPatience => {
                    let reason = match start == suspect.start {
                        true => reason,
                        false => format!("not tried on its own, of a larger part: {reason}"),
                    };
                    found.poison.push((start..suspect.end, reason));
                    break;
                }
            }
        }
    }
    found.sound.sort_by_key(|part| part.start);
    found.poison.sort_by_key(|(part, _)| part.start);
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

    use super::*;

    /// What is found where these units break, and how many parts did.
    fn found(units: usize, bad: &[usize], broken_max: usize) -> (Found, usize) {
        let mut broken = 0;
        let attempt = |part: Range<usize>| {
            if broken >= broken_max {
                return Ok::<_, ()>(Tried::OutOfPatience);
            }
            Ok(match bad.iter().find(|unit| part.contains(unit)) {
                None => Tried::Passes,
                Some(unit) => {
                    broken += 1;
                    Tried::Breaks(format!("row {unit}"))
                }
            })
        };
        let found = search(units, "at first".to_owned(), true, attempt).unwrap();
        (found, broken)
    }

    fn all(parts: impl IntoIterator<Item = Range<usize>>) -> Vec<usize> {
        parts.into_iter().flatten().collect()
    }

    #[test]
    fn bad_units_are_found_alone_and_the_others_keep_their_order() {
        for bad in [&[0][..], &[8191], &[4000, 4001], &[17, 5000, 8000]] {
            let (found, broken) = found(8192, bad, 64);
            let alone: Vec<_> = bad.iter().map(|unit| (*unit..*unit + 1, format!("row {unit}"))).collect();
            assert_eq!(found.poison, alone);
            let rest: Vec<usize> = (0..8192).filter(|unit| !bad.contains(unit)).collect();
            assert_eq!(all(found.sound), rest);
            assert!(broken <= 1 + 4 * bad.len(), "{broken} for {bad:?}");
        }
    }

    #[test]
    fn a_single_unit_is_tried_again() {
        assert_eq!(found(1, &[0], 64), (Found { sound: vec![], poison: vec![(0..1, "row 0".to_owned())] }, 1));
        assert_eq!(found(1, &[], 64), (Found { sound: vec![0..1], poison: vec![] }, 0));
    }

    #[test]
    fn a_batch_that_passes_the_second_time_has_no_bad_unit() {
        assert_eq!(found(100, &[], 64), (Found { sound: vec![0..100], poison: vec![] }, 0));
    }

    #[test]
    fn where_patience_ends_what_was_not_tried_is_not_counted_as_sound() {
        let every_tenth: Vec<usize> = (0..8192).step_by(10).collect();
        let (part, broken) = found(8192, &every_tenth, 64);
        assert_eq!(broken, 64);
        let bad = all(part.poison.iter().map(|(part, _)| part.clone()));
        assert!(every_tenth.iter().all(|unit| bad.contains(unit)));
        let mut every = [bad, all(part.sound)].concat();
        every.sort_unstable();
        assert_eq!(every, (0..8192).collect::<Vec<_>>());
        assert!(part.poison.iter().any(|(_, reason)| reason.starts_with("not tried on its own")));
        assert_eq!(found(100, &[], 0).0.poison, [(0..100, "at first".to_owned())]);
    }

    #[test]
    fn an_error_ends_the_search() {
        assert_eq!(search(100, String::new(), true, |_| Err("store")), Err("store"));
    }
}
