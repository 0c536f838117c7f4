//! The last point of each cumulative input stream.

use otelier_sdk::aggregate::{CumulativePoint, CumulativeState, InitialValue, Number, Step};
use otelier_sdk::table::{Fields, Record, Table};
use otelier_sdk::{Failure, Keying, NO_CODE, NO_KEY, Output, Storage};

use crate::flush::Idle;
use crate::groups::release;
use crate::meta::Meta;
use crate::reasons::Reason;
use crate::slots::{NONE, Slots};
use crate::stored;

/// One stream; code 0 marks a slot that is free.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    code: u32,
    is_double: bool,
    /// The bits of its last value.
    value: u64,
    start_time: u64,
    time: u64,
    /// When it last moved, by the steady clock.
    updated: u64,
}

impl Default for Stream {
    fn default() -> Stream {
        Stream { code: NO_KEY, is_double: false, value: 0, start_time: 0, time: 0, updated: 0 }
    }
}

impl Stream {
    fn last(&self) -> CumulativeState {
        let value = Number::from_bits(self.value, self.is_double);
        CumulativeState { value, start_time: self.start_time, time: self.time }
    }

    fn set_last(&mut self, last: CumulativeState) {
        (self.value, self.is_double) = (last.value.to_bits(), last.value.is_double());
        (self.start_time, self.time) = (last.start_time, last.time);
    }
}

impl Record for Stream {
    const SIZE: usize = 4 + 1 + 4 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.code.to_le_bytes());
        for word in [self.value, self.start_time, self.time, self.updated] {
            out.extend(word.to_le_bytes());
        }
        out.push(u8::from(self.is_double));
    }

    fn read(fields: &mut Fields<'_>) -> Option<Stream> {
        let code = fields.u32()?;
        let [value, start_time, time, updated] = [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
        Some(Stream { code, is_double: fields.u8()? != 0, value, start_time, time, updated })
    }
}

/// A point that its stream can take: what it adds, and what the stream becomes.
#[derive(Debug)]
pub struct Advance {
    pub step: Step,
    code: u32,
    /// The stream's slot, or [`NONE`] for a new one.
    slot: u32,
    last: CumulativeState,
}

/// All streams.
#[derive(Debug)]
pub struct Streams {
    streams_max: usize,
    table: Table<Stream>,
    slots: Slots,
    free: Vec<u32>,
    live: usize,
    /// Codes of this call that may have no stream.
    unneeded: Vec<u32>,
}

impl Streams {
    pub fn new(streams_max: u32) -> Streams {
        Streams {
            streams_max: streams_max as usize,
            table: Table::new(stored::STREAMS),
            slots: Slots::default(),
            free: Vec::new(),
            live: 0,
            unneeded: Vec::new(),
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

    pub fn load(&mut self, storage: &mut Storage<'_>) -> Result<(), Failure> {
        self.table.load(storage)?;
        for (slot, stream) in self.table.iter() {
            if stream.code == NO_KEY {
                self.free.push(slot);
            } else {
                self.slots.set(stream.code, slot);
                self.live += 1;
            }
        }
        Ok(())
    }

    /// What a point adds to the total. Nothing changes before it is accepted.
    pub fn advance(
        &self,
        code: u32,
        point: &CumulativePoint,
        monotonic: bool,
        initial_value: InitialValue,
        meta: &Meta,
    ) -> Result<Advance, Reason> {
        let slot = self.slots.get(code);
        if let Some(stream) = self.table.get(slot) {
            let mut last = stream.last();
            let step = last.advance(point, monotonic)?;
            return Ok(Advance { step, code, slot, last });
        }
        if code == NO_CODE || code == NO_KEY || self.live >= self.streams_max {
            return Err(Reason::Untracked);
        }
        let whole = initial_value.counts_whole(point, meta.created, meta.streams_expired);
        let (last, step) = CumulativeState::first(point, monotonic, whole)?;
        Ok(Advance { step, code, slot: NONE, last })
    }

    /// The point was taken: its stream goes on from there.
    pub fn accept(&mut self, advance: Advance) {
        let Advance { code, slot, last, .. } = advance;
        match self.table.touch(slot) {
            Some(stream) => stream.set_last(last),
            None => {
                let mut stream = Stream { code, ..Stream::default() };
                stream.set_last(last);
                self.begin(stream);
            }
        }
    }

    /// The plain case of the two above, where the stream is known and goes on with an integer: `add` takes the increment or
    /// says false. False, and nothing changed, in every other case.
    #[inline]
    pub fn follow(
        &mut self,
        code: u32,
        value: i64,
        start_time: u64,
        time: u64,
        monotonic: bool,
        add: impl FnOnce(i64) -> bool,
    ) -> bool {
        let slot = self.slots.get(code);
        let Some(stream) = self.table.get(slot) else { return false };
        let before = stream.value.cast_signed();
        let goes_on = !stream.is_double && time > stream.time && start_time == stream.start_time;
        let fell = monotonic && (value < before || value < 0);
        let Some(increment) = value.checked_sub(before).filter(|_| goes_on && !fell) else { return false };
        if !add(increment) {
            return false;
        }
        if let Some(stream) = self.table.touch(slot) {
            (stream.value, stream.time) = (value.cast_unsigned(), time);
        }
        true
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
            self.free.push(*slot);
            self.live -= 1;
            released.push(stream.code);
        }
        release(output, keying, released);
        idle
    }
}
