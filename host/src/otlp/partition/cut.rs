//! A request cut into the parts of its owners, in one walk that writes all parts at a time.
//!
//! What items stand in is repeated in each part that has some of them, and what has no items is in none. Items are copied as they are. What
//! is repeated is bounded: a few bytes of a request must not become many.

use super::Part;
use crate::contract::Signal;
use crate::otlp::edit::error::Stop;
use crate::otlp::edit::writer::{Mark, Writer};
use crate::otlp::metrics::read_own;
use crate::otlp::split::{Child, Level};
use crate::otlp::wire::{Fault, Field, Malformed, Reader};

/// Bytes that may be repeated: this, and as much as the request has.
const REPEATED_BYTES: usize = 16 << 20;
const TOO_LARGE: &str = "resources, scopes or metrics that are too large to be repeated for several instances of a processor: send smaller requests";

/// Cuts a request that was checked, and has an owner below `count` for each item, in order.
pub fn cut(signal: Signal, request: &[u8], owners: &[u32], count: u32) -> Result<Vec<Part>, Malformed> {
    let mut items = vec![0_u64; count as usize];
    for owner in owners {
        items.get_mut(*owner as usize).into_iter().for_each(|items| *items += 1);
    }
    let out = |items: &u64| {
        let share = *items as f64 / owners.len().max(1) as f64;
        let room = if *items == 0 { 0 } else { (request.len() as f64 * share) as usize + 1024 };
        Out { writer: Writer::with_room(request, room), marks: Vec::new() }
    };
    let mut cut = Cut {
        owners: owners.iter(),
        outs: items.iter().map(out).collect(),
        frames: Vec::new(),
        repeated_max: REPEATED_BYTES.saturating_add(request.len()),
    };
    let root = Level::root(signal);
    let cutting = cut.root(root, request, &items).and_then(|()| cut.children(root, request));
    cutting.map_err(|stop| match stop {
        Stop::Fault(fault) => fault.within(request),
        Stop::TooLarge(_) => Malformed { offset: 0, reason: TOO_LARGE },
    })?;
    let parts = (0..).zip(cut.outs).zip(items).filter(|(_, items)| *items > 0);
    Ok(parts.map(|((partition, out), items)| Part { partition, bytes: out.writer.finish().into(), items }).collect())
}

struct Cut<'r, 'a> {
    owners: std::slice::Iter<'r, u32>,
    outs: Vec<Out<'a>>,
    /// The messages around the walk, the outermost first.
    frames: Vec<Frame<'a>>,
    /// Bytes that may still be repeated.
    repeated_max: usize,
}

/// A part that is being written.
struct Out<'a> {
    writer: Writer<'a>,
    /// Of the frames that are open in it.
    marks: Vec<Mark>,
}

/// The fields of a message that are its own: in front of its first child, and behind. They stay there, because readers bet on where
/// encoders put them.
#[derive(Default)]
struct Own<'a> {
    front: Vec<&'a [u8]>,
    behind: Vec<&'a [u8]>,
}

impl<'a> Own<'a> {
    fn read(level: Level, message: &'a [u8]) -> Result<Own<'a>, Fault> {
        Own::read_pieces(level, std::iter::once(message))
    }

    /// Of a message in several pieces. Where a field comes twice the last counts, so they keep their order.
    fn read_pieces(level: Level, pieces: impl Iterator<Item = &'a [u8]>) -> Result<Own<'a>, Fault> {
        let mut own = Own::default();
        for (number, piece) in pieces.enumerate() {
            let (mut reader, mut is_behind, mut run) = (Reader::new(piece), number > 0, 0..0);
            while let Some(field) = reader.field()? {
                let end = piece.len() - reader.rest.len();
                let start = end - field.raw.len();
                if level.child(field.number).is_some() {
                    is_behind = true;
                    continue;
                }
                let fields = if is_behind { &mut own.behind } else { &mut own.front };
                // Neighbours are one slice, however many they are.
                if run.end == start && start > 0 {
                    fields.pop();
                    run.end = end;
                } else {
                    run = start..end;
                }
                fields.extend(piece.get(run.clone()));
            }
        }
        Ok(own)
    }

    fn len(&self) -> usize {
        self.front.iter().chain(&self.behind).map(|field| field.len()).sum()
    }
}

struct Frame<'a> {
    number: u32,
    length: usize,
    own: Own<'a>,
    /// Parts that have it.
    opened: Vec<u32>,
}

impl<'a> Cut<'_, 'a> {
    /// What the request has beside its resources is in every part.
    fn root(&mut self, level: Level, request: &'a [u8], items: &[u64]) -> Result<(), Stop> {
        let own = Own::read(level, request)?;
        for (out, _) in self.outs.iter_mut().zip(items).filter(|(_, items)| **items > 0) {
            repeat(&mut self.repeated_max, &own)?;
            own.front.iter().chain(&own.behind).for_each(|field| out.writer.copy(field));
        }
        Ok(())
    }

    fn children(&mut self, level: Level, message: &'a [u8]) -> Result<(), Stop> {
        let tag = if let Level::Items { child } = level { child as u8 } else { 2 } << 3 | 2;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.message_or_field(tag)? {
            match level.child(field.number) {
                Some(Child::Item) => self.item(&field)?,
                Some(Child::In(Level::Metric)) => self.metric(&field)?,
                Some(Child::In(below)) => {
                    let message = field.value.bytes(field.raw)?;
                    self.enter(field.number, message.len(), Own::read(below, message)?);
                    self.children(below, message)?;
                    self.leave()?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// A metric, whose data may come in several pieces.
    fn metric(&mut self, field: &Field<'a>) -> Result<(), Stop> {
        let message = field.value.bytes(field.raw)?;
        let (header, data) = read_own(message, crate::otlp::Strings::Bytes)?;
        let Some(kind) = header.kind else { return Ok(()) };
        let below = Level::Items { child: 1 };
        self.enter(field.number, message.len(), Own::read(Level::Metric, message)?);
        let beside = Own::read_pieces(below, data.pieces())?;
        self.enter(kind.field(), data.pieces().map(<[u8]>::len).sum(), beside);
        for piece in data.pieces() {
            self.children(below, piece)?;
        }
        self.leave()?;
        self.leave()
    }

    fn enter(&mut self, number: u32, length: usize, own: Own<'a>) {
        self.frames.push(Frame { number, length, own, opened: Vec::new() });
    }

    fn leave(&mut self) -> Result<(), Stop> {
        let Some(Frame { own, opened, .. }) = self.frames.pop() else { return Ok(()) };
        for owner in opened {
            let Some(out) = self.outs.get_mut(owner as usize) else { continue };
            own.behind.iter().for_each(|field| out.writer.copy(field));
            if let Some(mark) = out.marks.pop() {
                out.writer.close(mark)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn item(&mut self, field: &Field<'a>) -> Result<(), Stop> {
        let Some(owner) = self.owners.next().copied() else {
            return Err(Fault::at(field.raw, "an item more than before").into());
        };
        let Some(out) = self.outs.get_mut(owner as usize) else { return Ok(()) };
        for frame in self.frames.iter_mut().skip(out.marks.len()) {
            repeat(&mut self.repeated_max, &frame.own)?;
            out.marks.push(out.writer.open(frame.number, frame.length));
            frame.own.front.iter().for_each(|field| out.writer.copy(field));
            frame.opened.push(owner);
        }
        out.writer.copy(field.raw);
        Ok(())
    }
}

/// Books what is written once more.
fn repeat(repeated_max: &mut usize, own: &Own<'_>) -> Result<(), Stop> {
    *repeated_max = repeated_max.checked_sub(own.len()).ok_or(Stop::TooLarge(REPEATED_BYTES))?;
    Ok(())
}
