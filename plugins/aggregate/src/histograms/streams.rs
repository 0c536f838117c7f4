//! The last point of each cumulative histogram stream.

use otelier_sdk::aggregate::{CumulativePoint, Exponential, Increment, Moments, Number, Sequence};
use otelier_sdk::table::{Fields, Record, Table};
use otelier_sdk::{Failure, Keying, NO_BOUNDS, NO_CODE, NO_KEY, Output, Storage};

use super::bounds::Bounds;
use super::columns::{Body, Point};
use super::packed::{pack, unpack};
use super::record::{read_moments, write_moments};
use super::words::{CHUNK, Span, Words};
use crate::config::Config;
use crate::flush::Idle;
use crate::groups::release;
use crate::meta::Meta;
use crate::reasons::Reason;
use crate::slots::{NONE, Slots};
use crate::stored;

/// Bucket counts of all streams together, in chunks: 128 MiB.
const CHUNKS_MAX: usize = (128 << 20) / (8 * CHUNK);

/// One stream; code 0 marks a slot that is free.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    code: u32,
    /// The own number of its bounds; [`NO_BOUNDS`] for an exponential one.
    bounds: u32,
    span: Span,
    moments: Moments,
    sequence: Sequence,
    /// When it last moved, by the steady clock.
    updated: u64,
}

impl Default for Stream {
    fn default() -> Stream {
        let (span, sequence) = (Span::default(), Sequence::default());
        Stream { code: NO_KEY, bounds: NO_BOUNDS, span, moments: Moments::EMPTY, sequence, updated: 0 }
    }
}

impl Record for Stream {
    const SIZE: usize = 4 * 4 + 4 * 8 + 3 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        for word in [self.code, self.bounds, self.span.first, self.span.chunks] {
            out.extend(word.to_le_bytes());
        }
        write_moments(&self.moments, out);
        for word in [self.sequence.start_time, self.sequence.time, self.updated] {
            out.extend(word.to_le_bytes());
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Stream> {
        Some(Stream {
            code: fields.u32()?,
            bounds: fields.u32()?,
            span: Span { first: fields.u32()?, chunks: fields.u32()? },
            moments: read_moments(fields)?,
            sequence: Sequence { start_time: fields.u64()?, time: fields.u64()? },
            updated: fields.u64()?,
        })
    }
}

/// What a point adds to the buckets.
#[derive(Debug)]
pub enum Buckets {
    /// Nothing: later points are measured against this one.
    None,
    /// All of its own.
    Whole,
    /// These, between the point's bounds.
    Explicit(Vec<u64>),
    /// These.
    Exponential(Exponential),
}

/// A point that its stream can take: what it adds, and what the stream becomes.
#[derive(Debug)]
pub struct Advance {
    pub increment: Increment,
    pub buckets: Buckets,
    /// Whether it adds nothing because its bounds are others than those of the point before.
    pub is_rebased: bool,
    slot: u32,
    stream: Stream,
    /// The point's buckets as they are kept, where that is another form.
    packed: Option<Vec<u64>>,
}

impl Advance {
    fn whole(&mut self, moments: Moments) {
        (self.increment, self.buckets) = (moments.whole(), Buckets::Whole);
    }
}

/// All streams.
#[derive(Debug)]
pub struct Streams {
    streams_max: usize,
    table: Table<Stream>,
    words: Words,
    slots: Slots,
    free: Vec<u32>,
    live: usize,
    /// Codes of this call that may have no stream.
    unneeded: Vec<u32>,
    /// Memory for differences.
    spare: Vec<u64>,
}

impl Streams {
    pub fn new() -> Streams {
        Streams {
            streams_max: 0,
            table: Table::new(stored::HISTOGRAM_STREAMS),
            words: Words::new(stored::STREAM_WORDS, CHUNKS_MAX),
            slots: Slots::default(),
            free: Vec::new(),
            live: 0,
            unneeded: Vec::new(),
            spare: Vec::new(),
        }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    /// How many there may be.
    pub fn limit(&mut self, streams_max: usize) {
        self.streams_max = streams_max;
    }

    pub fn table(&mut self) -> &mut Table<Stream> {
        &mut self.table
    }

    pub fn words(&mut self) -> &mut Words {
        &mut self.words
    }

    pub fn load(&mut self, storage: &mut Storage<'_>, bounds: &Bounds) -> Result<(), Failure> {
        self.table.load(storage)?;
        let spans = self.table.iter().filter(|(_, stream)| stream.code != NO_KEY).map(|(_, stream)| stream.span);
        self.words.load(storage, spans.collect())?;
        for (slot, stream) in self.table.iter() {
            if stream.code == NO_KEY {
                self.free.push(slot);
                continue;
            }
            // A stream that reads as another one would count what it counted before again.
            let is_whole = match stream.bounds {
                NO_BOUNDS => unpack(&self.words.read(stream.span, usize::MAX)).is_some(),
                own => bounds.knows(own) && bounds.list(own).len() < stream.span.words(),
            };
            is_whole.then_some(()).ok_or_else(|| Failure::damaged(format_args!("histogram stream {slot}")))?;
            self.slots.set(stream.code, slot);
            self.live += 1;
        }
        Ok(())
    }

    /// What a point adds to the total. Nothing changes before it is accepted.
    pub fn advance(
        &mut self,
        code: u32,
        point: &Point<'_>,
        [start_time, time]: [u64; 2],
        config: &Config,
        meta: &Meta,
    ) -> Result<Advance, Reason> {
        let buckets_max = config.max_buckets as usize;
        let slot = self.slots.get(code);
        let known = self.table.get(slot);
        let before = known.map(|stream| stream.sequence).unwrap_or_default();
        let (sequence, restarted) = before.follow(start_time, time)?;
        let (own, words, packed) = match &point.body {
            Body::Explicit { bounds, counts } => (*bounds, counts.len(), None),
            Body::Exponential(point) => {
                let packed = pack(&Exponential::of(point, buckets_max));
                (NO_BOUNDS, packed.len(), Some(packed))
            }
        };
        let span = known.map(|stream| stream.span).unwrap_or_default();
        let stream = Stream { code, bounds: own, span, moments: point.moments, sequence, updated: 0 };
        let increment = Moments::EMPTY.whole();
        let mut advance = Advance { increment, buckets: Buckets::None, is_rebased: false, slot, stream, packed };
        if words > span.words() && !self.words.has_room(words) {
            return Err(Reason::BucketsRoom);
        }
        let Some(known) = known else {
            if code == NO_CODE || code == NO_KEY || self.live >= self.streams_max {
                return Err(Reason::Untracked);
            }
            let first = CumulativePoint { value: Number::Integer(0), start_time, time };
            if config.initial_value.counts_whole(&first, meta.created, meta.streams_expired) {
                advance.whole(point.moments);
            }
            return Ok(advance);
        };
        if restarted {
            advance.whole(point.moments);
        } else if known.bounds != own {
            advance.is_rebased = true;
        } else {
            let spare = std::mem::take(&mut self.spare);
            self.measure(slot, point, buckets_max, spare, &mut advance)?;
        }
        Ok(advance)
    }

    /// What was counted since the point before; all of it where anything fell, so that the stream must have begun again.
    fn measure(
        &self,
        slot: u32,
        point: &Point<'_>,
        buckets_max: usize,
        mut spare: Vec<u64>,
        advance: &mut Advance,
    ) -> Result<(), Reason> {
        let Some(known) = self.table.get(slot) else { return Err(Reason::Untracked) };
        let increment = point.moments.since(&known.moments)?;
        let buckets = match &point.body {
            Body::Explicit { counts, .. } => {
                let is_more = self.words.exceed(known.span, counts, &mut spare);
                is_more.then_some(Buckets::Explicit(spare))
            }
            Body::Exponential(now) => {
                let before = unpack(&self.words.read(known.span, usize::MAX)).ok_or(Reason::Untracked)?;
                now.since(&before.as_point(), buckets_max).map(Buckets::Exponential)
            }
        };
        match (increment, buckets) {
            (Some(increment), Some(buckets)) => (advance.increment, advance.buckets) = (increment, buckets),
            _ => advance.whole(point.moments),
        }
        Ok(())
    }

    /// The point was taken: its stream goes on from there.
    pub fn accept(&mut self, advance: Advance, point: &Point<'_>) {
        let Advance { slot, mut stream, packed, buckets, .. } = advance;
        if let Buckets::Explicit(spare) = buckets {
            self.spare = spare;
        }
        let words = match (&packed, &point.body) {
            (None, Body::Explicit { counts, .. }) => counts,
            (packed, _) => packed.as_deref().unwrap_or_default(),
        };
        if words.len() > stream.span.words() {
            self.words.release(stream.span);
            // There was room when the point was looked at.
            stream.span = self.words.reserve(words.len()).unwrap_or_default();
        }
        self.words.set(stream.span, words);
        match self.table.touch(slot) {
            Some(place) => *place = stream,
            None => self.begin(stream),
        }
    }

    fn begin(&mut self, stream: Stream) {
        let code = stream.code;
        let slot = match self.free.pop() {
            None => self.table.push(stream),
            Some(slot) => {
                if let Some(place) = self.table.touch(slot) {
                    *place = stream;
                }
                slot
            }
        };
        self.slots.set(code, slot);
        self.live += 1;
    }

    /// Points with these codes were refused: what has no stream when the batch is over is released.
    pub fn let_go(&mut self, codes: &[u32]) {
        let slots = &self.slots;
        self.unneeded.extend(codes.iter().filter(|code| slots.get(**code) == NONE));
    }

    /// The end of a batch: codes that nothing is kept under are released.
    pub fn finish_batch(&mut self, keying: Keying, steady: u64, output: &mut Output<'_>) {
        self.table.update_touched(|stream| stream.updated = steady);
        let mut unneeded = std::mem::take(&mut self.unneeded);
        unneeded.retain(|code| self.slots.get(*code) == NONE);
        release(output, keying, unneeded);
    }

    /// Forgets streams that have not moved for too long: those in the first slots from `from` on, at most so many. Tells
    /// their slots.
    pub fn expire(&mut self, keying: Keying, idle: Idle, from: u32, most: usize, output: &mut Output<'_>) -> Vec<u32> {
        let is_idle = |stream: &Stream| stream.code != NO_KEY && idle.is(stream.updated);
        let slots = from..self.table.len() as u32;
        let idle = slots.filter(|slot| self.table.get(*slot).is_some_and(is_idle));
        let idle: Vec<u32> = idle.take(most).collect();
        let mut released = Vec::new();
        for slot in &idle {
            let Some(stream) = self.table.touch(*slot).map(std::mem::take) else { continue };
            self.slots.clear(stream.code);
            self.words.release(stream.span);
            self.free.push(*slot);
            self.live -= 1;
            released.push(stream.code);
        }
        release(output, keying, released);
        idle
    }
}
