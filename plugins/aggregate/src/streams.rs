//! The last point of each cumulative input stream.

use otelier_sdk::aggregate::{CumulativePoint, CumulativeState, InitialValue, Number, Step};
use otelier_sdk::table::{Fields, Record, Table};
use otelier_sdk::{Failure, Keying, NO_CODE, NO_KEY, Output, Storage};

use crate::groups::release;
use crate::meta::Meta;
use crate::reasons::Reason;
use crate::slots::{NONE, Slots};
use crate::stored;

/// One stream; code 0 marks a slot that is free.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    code: u32,
    last: CumulativeState,
    /// When it last moved, by the host's clock.
    updated: u64,
}

impl Default for Stream {
    fn default() -> Stream {
        let last = CumulativeState { value: Number::Integer(0), start_time: 0, time: 0 };
        Stream { code: NO_KEY, last, updated: 0 }
    }
}

impl Record for Stream {
    const SIZE: usize = 4 + 1 + 4 * 8;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.code.to_le_bytes());
        out.push(u8::from(self.last.value.is_double()));
        for word in [self.last.value.to_bits(), self.last.start_time, self.last.time, self.updated] {
            out.extend(word.to_le_bytes());
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Stream> {
        let (code, is_double) = (fields.u32()?, fields.u8()? != 0);
        let value = Number::from_bits(fields.u64()?, is_double);
        let last = CumulativeState { value, start_time: fields.u64()?, time: fields.u64()? };
        Some(Stream { code, last, updated: fields.u64()? })
    }
}

/// All streams.
#[derive(Debug)]
pub struct Streams {
    streams_max: usize,
    table: Table<Stream>,
    slots: Slots,
    free: Vec<u32>,
    live: usize,
    /// Codes of this call that nothing is kept under.
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

    /// What a point adds to the total.
    pub fn advance(
        &mut self,
        code: u32,
        point: &CumulativePoint,
        monotonic: bool,
        initial_value: InitialValue,
        meta: &Meta,
    ) -> Result<Step, Reason> {
        let slot = self.slots.get(code);
        if let Some(stream) = self.table.get(slot) {
            let mut last = stream.last;
            let step = last.advance(point, monotonic)?;
            if let Some(stream) = self.table.touch(slot) {
                stream.last = last;
            }
            return Ok(step);
        }
        if code == NO_CODE || code == NO_KEY {
            return Err(Reason::Untracked);
        }
        let step = self.begin(code, point, monotonic, initial_value, meta);
        if step.is_err() {
            self.unneeded.push(code);
        }
        step
    }

    fn begin(
        &mut self,
        code: u32,
        point: &CumulativePoint,
        monotonic: bool,
        initial_value: InitialValue,
        meta: &Meta,
    ) -> Result<Step, Reason> {
        if self.live >= self.streams_max {
            return Err(Reason::Untracked);
        }
        let whole = initial_value.counts_whole(point, meta.created, meta.streams_expired);
        let (last, step) = CumulativeState::first(point, monotonic, whole)?;
        let stream = Stream { code, last, updated: 0 };
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
        Ok(step)
    }

    /// The end of a batch: codes that nothing is kept under are released.
    pub fn finish_batch(&mut self, keying: Keying, now: u64, output: &mut Output<'_>) {
        self.table.update_touched(|stream| stream.updated = now);
        let mut unneeded = std::mem::take(&mut self.unneeded);
        unneeded.retain(|code| self.slots.get(*code) == NONE);
        release(output, keying, unneeded);
    }

    /// Forgets streams that have not moved since `deadline`; whether there were any.
    pub fn expire(&mut self, keying: Keying, deadline: u64, output: &mut Output<'_>) -> bool {
        let idle = |(_, stream): &(u32, &Stream)| stream.code != NO_KEY && stream.updated <= deadline;
        let idle: Vec<u32> = self.table.iter().filter(idle).map(|(slot, _)| slot).collect();
        let mut released = Vec::new();
        for slot in &idle {
            let Some(stream) = self.table.touch(*slot).map(std::mem::take) else { continue };
            self.slots.clear(stream.code);
            self.free.push(*slot);
            self.live -= 1;
            released.push(stream.code);
        }
        release(output, keying, released);
        !idle.is_empty()
    }
}
