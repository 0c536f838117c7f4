//! One export request into several, none of them larger than a bound, on the bytes.
//!
//! What an item stands in (resource, scope, the metric's own fields) is repeated in each part that has some of its items; items
//! themselves are copied as they are and keep their order; what has no items is left out. A metric whose data comes in several pieces stays whole: which piece
//! says what holds for all of them cannot be told without decoding.

use bytes::Bytes;

use crate::contract::Signal;

use super::wire::{Fault, Malformed, Reader, Value, put_bytes};

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// An export request.
    pub bytes: Vec<u8>,
    /// Its metric points, spans or log records.
    pub items: u64,
}

/// The bound of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So many items.
    Items(u64),
    /// So many bytes. An item that is larger with all it stands in is a part of its own.
    Bytes(u64),
}

/// Splits a request that was checked before.
pub fn split(signal: Signal, request: &[u8], bound: Bound) -> Result<Vec<Part>, Malformed> {
    let mut room = Room { bound, items: 0, bytes: 0, parts: Vec::new() };
    let pieces = pieces(Level::root(signal), request, 0, &mut room).map_err(|fault| fault.within(request))?;
    room.parts.push(room.items);
    let parts = pieces.into_iter().zip(room.parts).map(|(bytes, items)| Part { bytes, items });
    Ok(parts.filter(|part| part.items > 0).collect())
}

/// Several requests of one signal as one. Each is a list of resources, and two lists in a row are one list (Protocol Buffers, "Last One Wins",
/// repeated fields).
pub fn joined<'r>(requests: impl Iterator<Item = &'r Bytes> + Clone) -> Bytes {
    let mut rest = requests.clone();
    if let (Some(one), None) = (rest.next(), rest.next()) {
        return one.clone();
    }
    let mut bytes = Vec::with_capacity(requests.clone().map(Bytes::len).sum());
    requests.for_each(|request| bytes.extend_from_slice(request));
    bytes.into()
}

/// The part that is being filled.
struct Room {
    bound: Bound,
    items: u64,
    bytes: u64,
    /// Items of the parts before it.
    parts: Vec<u64>,
}

impl Room {
    /// Whether something of that size begins a new part.
    fn is_short_of(&self, items: u64, bytes: usize) -> bool {
        self.items > 0
            && match self.bound {
                Bound::Items(most) => self.items + items > most,
                Bound::Bytes(most) => self.bytes + bytes as u64 > most,
            }
    }

    /// Begins a part whose headers take so many bytes.
    fn next(&mut self, headers: usize) {
        self.parts.push(self.items);
        (self.items, self.bytes) = (0, headers as u64);
    }

    fn take(&mut self, items: u64, bytes: usize) {
        self.items += items;
        self.bytes += bytes as u64;
    }
}

/// Where in a request a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The request, a resource's or a scope's items: its children have a field number and are of the next level.
    Group { signal: Signal, depth: u8 },
    /// A metric, whose data is in one of several fields.
    Metric,
    /// A metric's data, or a scope's spans or records: its children are items.
    Items { child: u32 },
}

impl Level {
    pub(super) fn root(signal: Signal) -> Level {
        Level::Group { signal, depth: 0 }
    }

    /// The level of a child in that field, or `None` where the field belongs to the message itself.
    pub(super) fn child(self, number: u32) -> Option<Child> {
        match self {
            Level::Group { signal, depth: 0 } if number == 1 => Some(Child::In(Level::Group { signal, depth: 1 })),
            Level::Group { signal: Signal::Metrics, depth: 1 } if number == 2 => {
                Some(Child::In(Level::Group { signal: Signal::Metrics, depth: 2 }))
            }
            Level::Group { signal: Signal::Metrics, depth: 2 } if number == 2 => Some(Child::In(Level::Metric)),
            Level::Group { depth: 1, .. } if number == 2 => Some(Child::In(Level::Items { child: 2 })),
            Level::Metric if is_data(number) => Some(Child::In(Level::Items { child: 1 })),
            Level::Items { child } if number == child => Some(Child::Item),
            _ => None,
        }
    }
}

/// What stands in a field.
pub(super) enum Child {
    /// A message with items further down.
    In(Level),
    /// An item.
    Item,
}

/// `gauge`, `sum`, `histogram`, `exponential_histogram`, `summary` (`metrics.proto`, `Metric.data`).
fn is_data(number: u32) -> bool {
    matches!(number, 5 | 7 | 9 | 10 | 11)
}

/// Tag and length in front of a message, at most.
const FRAME: usize = 11;

/// The message once for each part that it has items in; the first continues the part that is being filled. `above` is what the
/// headers of the messages around it take.
fn pieces(level: Level, message: &[u8], above: usize, room: &mut Room) -> Result<Vec<Vec<u8>>, Fault> {
    let header = header(level, message)?;
    let headers = above + header.len() + FRAME;
    room.take(0, header.len() + FRAME);
    let mut pieces = vec![header.clone()];
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        let (Some(child), Value::Len(bytes)) = (level.child(field.number), field.value) else { continue };
        let (part, items) = (room.parts.len(), room.items);
        let below = match child {
            Child::Item => {
                if room.is_short_of(1, bytes.len() + FRAME) {
                    room.next(headers);
                    pieces.push(header.clone());
                }
                room.take(1, bytes.len() + FRAME);
                vec![bytes.to_vec()]
            }
            Child::In(Level::Metric) if data_fields(bytes)? != 1 => {
                let items = points(bytes)?;
                if room.is_short_of(items, bytes.len() + FRAME) {
                    room.next(headers);
                    pieces.push(header.clone());
                }
                room.take(items, bytes.len() + FRAME);
                vec![bytes.to_vec()]
            }
            Child::In(level) => self::pieces(level, bytes, headers, room)?,
        };
        if room.parts.len() == part && room.items == items {
            // What has no items is in no part.
            continue;
        }
        let starts_later = matches!(child, Child::In(_)) && room.parts.get(part) == Some(&items) && below.len() > 1;
        for (index, below) in below.iter().enumerate() {
            if index > 0 {
                pieces.push(header.clone());
            } else if starts_later {
                // Not even its first item did fit.
                continue;
            }
            if let Some(piece) = pieces.last_mut() {
                put_bytes(piece, field.number, below);
            }
        }
    }
    Ok(pieces)
}

/// The fields of a message that are its own, as they are.
fn header(level: Level, message: &[u8]) -> Result<Vec<u8>, Fault> {
    let (mut header, mut reader) = (Vec::new(), Reader::new(message));
    while let Some(field) = reader.field()? {
        if level.child(field.number).is_none() {
            header.extend_from_slice(field.raw);
        }
    }
    Ok(header)
}

pub(super) fn data_fields(metric: &[u8]) -> Result<usize, Fault> {
    let (mut reader, mut count) = (Reader::new(metric), 0);
    while let Some(field) = reader.field()? {
        count += usize::from(is_data(field.number));
    }
    Ok(count)
}

/// The points of a metric whose data comes in several pieces: of the data that counts, which is the last.
pub(super) fn points(metric: &[u8]) -> Result<u64, Fault> {
    let (mut reader, mut last, mut count) = (Reader::new(metric), 0, 0);
    while let Some(field) = reader.field()? {
        let Value::Len(data) = field.value else { continue };
        if !is_data(field.number) {
            continue;
        }
        if field.number != last {
            (last, count) = (field.number, 0);
        }
        count += points_of(data)?;
    }
    Ok(count)
}

fn points_of(data: &[u8]) -> Result<u64, Fault> {
    let (mut reader, mut count) = (Reader::new(data), 0);
    while let Some(field) = reader.field()? {
        count += u64::from(field.number == 1);
    }
    Ok(count)
}
