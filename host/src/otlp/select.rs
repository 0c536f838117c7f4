//! Some items of an export request, on the bytes: what they stand in stays, the other items are left out.
//!
//! Items are counted in units: an item, or a metric whose data comes in several pieces, which stays whole as in [`split`](super::split).

use std::ops::Range;

use crate::contract::Signal;

use super::split::{Child, Level, data_fields, points};
use super::wire::{Fault, Malformed, Reader, Value, put_bytes};

/// How many items each unit of a request has that was checked before, in order.
pub fn units(signal: Signal, request: &[u8]) -> Result<Vec<u64>, Malformed> {
    let mut units = Vec::new();
    count(Level::root(signal), request, &mut units).map_err(|fault| fault.within(request))?;
    Ok(units)
}

/// The request with these units only. The ranges ascend and do not overlap.
pub fn select(signal: Signal, request: &[u8], ranges: &[Range<usize>]) -> Result<Vec<u8>, Malformed> {
    let (mut selected, mut wanted) = (Vec::new(), Wanted { ranges, next: 0 });
    copy(Level::root(signal), request, &mut wanted, &mut selected).map_err(|fault| fault.within(request))?;
    Ok(selected)
}

/// The units that are wanted, and how many have passed.
struct Wanted<'r> {
    ranges: &'r [Range<usize>],
    next: usize,
}

impl Wanted<'_> {
    /// Whether the next unit is.
    fn next(&mut self) -> bool {
        let unit = self.next;
        self.next += 1;
        while let [first, rest @ ..] = self.ranges {
            if unit < first.end {
                return unit >= first.start;
            }
            self.ranges = rest;
        }
        false
    }
}

/// What stands in a field of a message at that level; `None` for what is the message's own.
fn child(level: Level, number: u32, bytes: &[u8]) -> Result<Option<Child>, Fault> {
    Ok(match level.child(number) {
        Some(Child::In(Level::Metric)) if data_fields(bytes)? != 1 => Some(Child::Item),
        child => child,
    })
}

fn count(level: Level, message: &[u8], units: &mut Vec<u64>) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        let Value::Len(bytes) = field.value else { continue };
        match child(level, field.number, bytes)? {
            Some(Child::In(level)) => count(level, bytes, units)?,
            Some(Child::Item) if matches!(level.child(field.number), Some(Child::In(_))) => units.push(points(bytes)?),
            Some(Child::Item) => units.push(1),
            None => {}
        }
    }
    Ok(())
}

/// Whether any unit was copied.
fn copy(level: Level, message: &[u8], wanted: &mut Wanted<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
    let (mut reader, mut any) = (Reader::new(message), false);
    while let Some(field) = reader.field()? {
        let child = match field.value {
            Value::Len(bytes) => child(level, field.number, bytes)?.map(|child| (child, bytes)),
            _ => None,
        };
        match child {
            None => out.extend_from_slice(field.raw),
            Some((Child::Item, _)) => {
                if wanted.next() {
                    out.extend_from_slice(field.raw);
                    any = true;
                }
            }
            Some((Child::In(level), bytes)) => {
                let mut below = Vec::new();
                if copy(level, bytes, wanted, &mut below)? {
                    put_bytes(out, field.number, &below);
                    any = true;
                }
            }
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

    use super::*;
    use crate::otlp::{Strings, check};

    fn message(number: u32, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put_bytes(&mut out, number, part));
        out
    }

    /// A gauge of that name with points whose only field is a time.
    fn gauge(name: &str, times: &[u64]) -> Vec<u8> {
        let points: Vec<Vec<u8>> = times.iter().map(|time| [&[0x19][..], &time.to_le_bytes()].concat()).collect();
        let mut metric = message(1, &[name.into()]);
        put_bytes(&mut metric, 5, &message(1, &points));
        metric
    }

    /// Two gauges, one of them in two pieces, and an empty group.
    fn request() -> Vec<u8> {
        let mut pieces = gauge("b", &[4, 5]);
        put_bytes(&mut pieces, 5, &message(1, &[vec![0x19, 6, 0, 0, 0, 0, 0, 0, 0]]));
        let scope = message(2, &[gauge("a", &[1, 2, 3]), pieces]);
        message(1, &[message(2, &[scope]), message(2, &[vec![]])])
    }

    #[test]
    fn what_is_in_pieces_is_one_unit() {
        assert_eq!(units(Signal::Metrics, &request()).unwrap(), [1, 1, 1, 3]);
    }

    #[test]
    fn selections_have_their_items_and_what_those_stand_in() {
        let request = request();
        let items = |ranges: &[Range<usize>]| {
            let selected = select(Signal::Metrics, &request, ranges).unwrap();
            (check(Signal::Metrics, &selected, Strings::Utf8).unwrap(), selected)
        };
        assert_eq!(items(&[]), (0, Vec::new()));
        let scope = |metrics: &[Vec<u8>]| message(1, &[message(2, &[message(2, metrics)])]);
        assert_eq!(items(&[1..2]), (1, scope(&[gauge("a", &[2])])));
        assert_eq!(items(&[0..1, 2..3]), (2, scope(&[gauge("a", &[1, 3])])));
        assert_eq!(items(&[2..4]).0, 4);
        assert_eq!(items(&[0..4]).0, 6);
    }

    #[test]
    fn a_request_that_ends_within_a_field_is_an_error() {
        let request = request();
        let cut = request.get(..request.len() - 1).unwrap();
        assert!(units(Signal::Metrics, cut).is_err() && select(Signal::Metrics, cut, &[]).is_err());
    }
}
