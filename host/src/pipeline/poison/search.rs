//! Which items of a batch break a plugin, found by trying parts of it.
//!
//! A part that passes costs next to nothing, one that breaks costs an instance. So each part that breaks is cut into many and not into
//! two: for one bad item among 8,192 four instances are broken, where halving breaks thirteen. The largest parts are tried first: when
//! patience ends, most of what passes is known.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::contract::{Batch, Signal};
use crate::otlp::Malformed;
use crate::otlp::split::{self, Bound};

/// Into how many parts one that breaks is cut.
pub const PARTS: u64 = 16;

/// Of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Items of the batch before it.
    pub at: u64,
    /// Its items.
    pub items: u64,
    /// An export request.
    pub bytes: Bytes,
}

/// How long to search.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Parts that may break.
    pub broken_max: u32,
    /// No part is tried after this.
    pub until: Instant,
}

/// What a search found: every item of the batch is in one of the two.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Parts that pass, in the batch's order.
    pub sound: Vec<Part>,
    /// Parts that cannot be cut further, or that patience did not suffice for; each with how the plugin broke.
    pub poison: Vec<(Part, String)>,
}

/// Why a part did not pass.
#[derive(Debug)]
pub enum Failed<E> {
    /// The plugin broke on it.
    Broken(String),
    /// Nothing can be told of it, nor of any other: the search ends.
    Search(E),
}

/// Searches a batch that broke the plugin, and was checked before.
pub fn search<E: From<Malformed>>(
    batch: &Batch,
    reason: String,
    patience: Patience,
    mut attempt: impl FnMut(&Part) -> Result<(), Failed<E>>,
) -> Result<Found, E> {
    let whole = Part { at: 0, items: batch.items.unwrap_or(u64::MAX), bytes: batch.bytes.clone() };
    let (mut found, mut suspects, mut broken) = (Found::default(), VecDeque::from([(whole, reason)]), 0);
    while let Some((suspect, reason)) = suspects.pop_front() {
        let parts = cut(batch.signal, &suspect)?;
        if parts.len() < 2 {
            found.poison.push((suspect, reason));
            continue;
        }
        for part in parts {
            if broken >= patience.broken_max || Instant::now() >= patience.until {
                found.poison.push((part, format!("not tried on its own, of a larger part: {reason}")));
                continue;
            }
            match attempt(&part) {
                Ok(()) => found.sound.push(part),
                Err(Failed::Broken(reason)) => {
                    broken += 1;
                    suspects.push_back((part, reason));
                }
                Err(Failed::Search(error)) => return Err(error),
            }
        }
    }
    found.sound.sort_by_key(|part| part.at);
    found.poison.sort_by_key(|(part, _)| part.at);
    Ok(found)
}

fn cut(signal: Signal, part: &Part) -> Result<Vec<Part>, Malformed> {
    if part.items < 2 {
        return Ok(Vec::new());
    }
    let mut at = part.at;
    let pieces = split::split(signal, &part.bytes, Bound::Items(part.items.div_ceil(PARTS)))?;
    let place = |piece: split::Part| {
        let part = Part { at, items: piece.items, bytes: piece.bytes.into() };
        at += piece.items;
        part
    };
    Ok(pieces.into_iter().map(place).collect())
}

/// One request of several, which protobuf makes of their bytes one after the other.
pub fn joined(parts: &[Part]) -> Bytes {
    match parts {
        [part] => part.bytes.clone(),
        parts => parts.iter().map(|part| part.bytes.as_ref()).collect::<Vec<_>>().concat().into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;
    use crate::contract::{InvalidUtf8, Metadata};
    use crate::otlp::wire::{Reader, Value, put_bytes};

    /// A request of log records whose only field is their number.
    fn batch(items: u64) -> Batch {
        let (mut scope, mut resource, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        (0..items).for_each(|number| put_bytes(&mut scope, 2, &[&[0x09][..], &number.to_le_bytes()].concat()));
        put_bytes(&mut resource, 2, &scope);
        put_bytes(&mut bytes, 1, &resource);
        Batch {
            signal: Signal::Logs,
            bytes: bytes.into(),
            items: Some(items),
            invalid_utf8: InvalidUtf8::Reject,
            metadata: Metadata::default(),
        }
    }

    /// The numbers in a request.
    fn numbers(bytes: &[u8]) -> Vec<u64> {
        let below = |messages: Vec<Vec<u8>>, number: u32| -> Vec<Vec<u8>> {
            let fields = messages.iter().flat_map(|message| {
                let (mut reader, mut found) = (Reader::new(message), Vec::new());
                while let Some(field) = reader.field().unwrap() {
                    match field.value {
                        Value::Len(bytes) if field.number == number => found.push(bytes.to_vec()),
                        _ => {}
                    }
                }
                found
            });
            fields.collect()
        };
        let records = [1, 2, 2].into_iter().fold(vec![bytes.to_vec()], below);
        records.iter().map(|record| u64::from_le_bytes(*record.last_chunk().unwrap())).collect()
    }

    fn patience(broken_max: u32) -> Patience {
        Patience { broken_max, until: Instant::now() + Duration::from_secs(3600) }
    }

    /// What is found where these numbers break, and how many parts did.
    fn found(items: u64, bad: &[u64], patience: Patience) -> (Found, u32) {
        let mut broken = 0;
        let attempt = |part: &Part| match numbers(&part.bytes).into_iter().find(|number| bad.contains(number)) {
            None => Ok(()),
            Some(number) => {
                broken += 1;
                Err(Failed::<Malformed>::Broken(format!("row {number}")))
            }
        };
        let found = search(&batch(items), "whole".to_owned(), patience, attempt).unwrap();
        (found, broken)
    }

    fn sound(found: &Found) -> Vec<u64> {
        numbers(&joined(&found.sound))
    }

    fn poison(found: &Found) -> Vec<(Vec<u64>, &str)> {
        found.poison.iter().map(|(part, reason)| (numbers(&part.bytes), reason.as_str())).collect()
    }

    #[test]
    fn bad_items_are_found_alone_and_the_others_keep_their_order() {
        for bad in [&[0][..], &[8191], &[4000, 4001], &[17, 5000, 8000]] {
            let (found, broken) = found(8192, bad, patience(64));
            let reasons: Vec<String> = bad.iter().map(|number| format!("row {number}")).collect();
            let alone: Vec<(Vec<u64>, &str)> =
                bad.iter().zip(&reasons).map(|(number, reason)| (vec![*number], reason.as_str())).collect();
            assert_eq!(poison(&found), alone);
            let rest: Vec<u64> = (0..8192).filter(|number| !bad.contains(number)).collect();
            assert_eq!(sound(&found), rest);
            assert!(broken <= 4 * bad.len() as u32, "{broken} for {bad:?}");
        }
    }

    #[test]
    fn a_single_item_is_found_without_a_try() {
        let (found, broken) = found(1, &[0], patience(64));
        assert_eq!((poison(&found), broken), (vec![(vec![0], "whole")], 0));
        assert!(found.sound.is_empty());
    }

    #[test]
    fn a_batch_whose_parts_all_pass_has_no_bad_item() {
        let (found, _) = found(100, &[], patience(64));
        assert!(found.poison.is_empty());
        assert_eq!(sound(&found), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn where_patience_ends_what_was_not_tried_is_not_counted_as_sound() {
        let every_tenth: Vec<u64> = (0..8192).step_by(10).collect();
        let (found, broken) = found(8192, &every_tenth, patience(64));
        assert_eq!(broken, 64);
        let bad: Vec<u64> = found.poison.iter().flat_map(|(part, _)| numbers(&part.bytes)).collect();
        assert!(every_tenth.iter().all(|number| bad.contains(number)));
        let mut all = [bad, sound(&found)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..8192).collect::<Vec<_>>());
        assert!(found.poison.iter().any(|(_, reason)| reason.starts_with("not tried on its own")));
        let over = Patience { broken_max: 64, until: Instant::now() };
        let untried = search(&batch(8192), "whole".to_owned(), over, |_| Ok::<(), Failed<Malformed>>(())).unwrap();
        assert!(untried.sound.is_empty());
    }

    #[test]
    fn an_error_that_tells_nothing_of_a_part_ends_the_search() {
        let error = Malformed { offset: 3, reason: "x" };
        let result = search(&batch(100), "whole".to_owned(), patience(64), |_| Err(Failed::Search(error)));
        assert_eq!(result, Err(error));
    }
}
