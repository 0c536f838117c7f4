//! Attribute edits of one message: its attributes as a list, the steps on the list, the message written anew around it.

use super::edits::{Action, AttributeEdit, KeyedValue, When};
use super::error::Stop;
use super::fields::Numbers;
use super::plan::{Plan, Step};
use super::writer::Writer;
use crate::otlp::attribute::{Attribute, Strings};
use crate::otlp::wire::{Fault, Reader, put_bytes};

/// How many looks at an attribute are as much work as a byte that is written.
const SLOTS_A_BYTE: usize = 4;

/// One attribute of the message at hand, or a field that is left out of it.
#[derive(Debug, Clone, Copy)]
struct AttributeSlot<'a> {
    /// The field in the message, tag and all; empty for a new attribute.
    start: usize,
    end: usize,
    /// The `KeyValue`.
    raw: &'a [u8],
    key: &'a [u8],
    is_renamed: bool,
    /// What it was given.
    value: Option<Given<'a>>,
    is_removed: bool,
}

/// A value that an attribute is given.
#[derive(Debug, Clone, Copy)]
enum Given<'a> {
    /// An `AnyValue`.
    Value(&'a [u8]),
    /// That of a `KeyValue` of the same message.
    Of(&'a [u8]),
}

/// The list, to be used again for the next message.
#[derive(Debug, Default)]
pub struct Slots<'a> {
    slots: Vec<AttributeSlot<'a>>,
}

impl<'a> Slots<'a> {
    /// Whether any of these steps changes this message, whose attributes have that number; then [`write`](Self::write) has to follow. It leaves out
    /// fields of the numbers in `cut`.
    pub fn edit(
        &mut self,
        plan: &Plan<'a>,
        message: &'a [u8],
        number: u32,
        (steps, cut): (&[Step], Numbers),
        writer: &mut Writer<'_>,
    ) -> Result<bool, Stop> {
        self.slots.clear();
        let mut reader = Reader::new(message);
        // No field has the number 0: attributes that nobody edits are not looked at.
        let number = if steps.is_empty() { 0 } else { number };
        let tag = (number << 3 | 2) as u8;
        while let [first, ..] = reader.rest {
            let start = message.len() - reader.rest.len();
            if *first == tag {
                let raw = reader.delimited_after_tag()?;
                self.push(message, start, raw, &reader)?;
            } else if *first < 0x80 && *first >> 3 != tag >> 3 && !cut.has(u32::from(*first >> 3)) {
                reader.skip()?;
            } else if let Some(field) = reader.field()? {
                if field.number == number {
                    // A tag that is longer than it need be.
                    self.push(message, start, field.value.bytes(field.raw)?, &reader)?;
                } else if cut.has(field.number) {
                    self.cut(start, message.len() - reader.rest.len());
                }
            }
        }
        // Each step looks at all of them, and at those that steps before it have added.
        writer.work(steps.len().saturating_mul(self.slots.len() + steps.len() / 2) / SLOTS_A_BYTE)?;
        let mut changed = false;
        for (edit, value) in steps {
            if let Some(edit) = plan.edit(*edit) {
                changed |= self.step(edit, *value, writer)?;
            }
        }
        Ok(changed)
    }

    #[inline(always)]
    fn push(&mut self, message: &'a [u8], start: usize, raw: &'a [u8], reader: &Reader<'a>) -> Result<(), Fault> {
        let key = Attribute::read_key(raw, Strings::Bytes)?;
        let end = message.len() - reader.rest.len();
        self.slots.push(AttributeSlot { start, end, raw, key, is_renamed: false, value: None, is_removed: false });
        Ok(())
    }

    /// Leaves out what is no attribute.
    fn cut(&mut self, start: usize, end: usize) {
        let (raw, key): (&[u8], &[u8]) = (&[], &[]);
        self.slots.push(AttributeSlot { start, end, raw, key, is_renamed: false, value: None, is_removed: true });
    }

    fn step(&mut self, edit: &'a AttributeEdit, value: u32, writer: &mut Writer<'_>) -> Result<bool, Stop> {
        let place = value as usize;
        Ok(match &edit.action {
            Action::Remove => self.remove(&edit.key, usize::MAX),
            Action::Rename(to) => self.rename(&edit.key, to),
            Action::Copy { when, key } => self.copy(&edit.key, key, *when),
            Action::Set { when, values, .. } => match values.get(place) {
                Some(value) => self.set(&edit.key, *when, Given::Value(value)),
                None => false,
            },
            Action::SetMany { sets, .. } => {
                let set = sets.get(place).map(Vec::as_slice).unwrap_or_default();
                writer.work(set.len() / SLOTS_A_BYTE)?;
                self.set_many(set)
            }
            Action::RemoveMany { sets, .. } => {
                let keys = sets.get(place).map(Vec::as_slice).unwrap_or_default();
                writer.work(keys.len() / SLOTS_A_BYTE)?;
                self.remove_many(keys)
            }
        })
    }

    /// Sets attributes that ascend by key: the first that stands under a key is replaced, repetitions go, new ones come last.
    fn set_many(&mut self, set: &'a [KeyedValue]) -> bool {
        let mut is_set = vec![false; set.len()];
        for slot in self.slots.iter_mut().filter(|slot| !slot.is_removed) {
            let Ok(place) = set.binary_search_by(|(key, _)| (**key).cmp(slot.key)) else { continue };
            let (Some((_, value)), Some(is_set)) = (set.get(place), is_set.get_mut(place)) else { continue };
            if std::mem::replace(is_set, true) {
                slot.is_removed = true;
            } else {
                slot.value = Some(Given::Value(value));
            }
        }
        let new = set.iter().zip(is_set).filter(|(_, is_set)| !is_set);
        self.slots.extend(new.map(|((key, value), _)| AttributeSlot::new(key, Given::Value(value))));
        !set.is_empty()
    }

    /// Removes the attributes of these keys, which ascend.
    fn remove_many(&mut self, keys: &[Box<[u8]>]) -> bool {
        let mut changed = false;
        for slot in self.slots.iter_mut().filter(|slot| !slot.is_removed) {
            if keys.binary_search_by(|key| (**key).cmp(slot.key)).is_ok() {
                slot.is_removed = true;
                changed = true;
            }
        }
        changed
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        self.slots.iter().position(|slot| !slot.is_removed && slot.key == key)
    }

    /// Removes all attributes of that key but the one at `spared`.
    fn remove(&mut self, key: &[u8], spared: usize) -> bool {
        let mut changed = false;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if index != spared && !slot.is_removed && slot.key == key {
                slot.is_removed = true;
                changed = true;
            }
        }
        changed
    }

    fn rename(&mut self, from: &[u8], to: &'a [u8]) -> bool {
        if from == to || self.position(from).is_none() {
            return false;
        }
        self.remove(to, usize::MAX);
        for slot in self.slots.iter_mut().filter(|slot| !slot.is_removed && slot.key == from) {
            slot.key = to;
            slot.is_renamed = true;
        }
        true
    }

    fn copy(&mut self, from: &[u8], to: &'a [u8], when: When) -> bool {
        let source = self.slots.iter().rfind(|slot| !slot.is_removed && slot.key == from);
        match source.map(|slot| slot.value.unwrap_or(Given::Of(slot.raw))) {
            Some(value) if from != to => self.set(to, when, value),
            _ => false,
        }
    }

    fn set(&mut self, key: &'a [u8], when: When, value: Given<'a>) -> bool {
        match (self.position(key), when) {
            (Some(_), When::Absent) | (None, When::Present) => return false,
            (Some(index), _) => {
                self.remove(key, index);
                if let Some(slot) = self.slots.get_mut(index) {
                    slot.value = Some(value);
                }
            }
            (None, _) => self.slots.push(AttributeSlot::new(key, value)),
        }
        true
    }

    /// Writes the message with its attributes as they are now: what stands between them is copied.
    pub fn write(&self, message: &[u8], number: u32, writer: &mut Writer<'_>) -> Result<(), Stop> {
        let mut copied = 0;
        let touched = |slot: &&AttributeSlot<'_>| slot.is_removed || slot.is_renamed || slot.value.is_some();
        let mut is_open = true;
        for slot in self.slots.iter().filter(touched) {
            if slot.start == usize::MAX {
                // New ones come behind everything else.
                if is_open {
                    writer.copy(message.get(copied..).unwrap_or_default());
                    is_open = false;
                }
            } else {
                writer.copy(message.get(copied..slot.start).unwrap_or_default());
                copied = slot.end;
            }
            if !slot.is_removed {
                slot.write(number, writer)?;
            }
        }
        if is_open {
            writer.copy(message.get(copied..).unwrap_or_default());
        }
        Ok(())
    }
}

impl<'a> AttributeSlot<'a> {
    /// One that was not in the message.
    fn new(key: &'a [u8], value: Given<'a>) -> AttributeSlot<'a> {
        let (start, end) = (usize::MAX, usize::MAX);
        AttributeSlot { start, end, raw: &[], key, is_renamed: true, value: Some(value), is_removed: false }
    }

    fn write(&self, number: u32, writer: &mut Writer<'_>) -> Result<(), Stop> {
        let mark = writer.open(number, self.raw.len());
        put_bytes(writer.out(), 1, self.key);
        match self.value {
            Some(Given::Value(value)) => put_bytes(writer.out(), 2, value),
            Some(Given::Of(raw)) => copy_fields(raw, writer, |number| number == 2),
            None => copy_fields(self.raw, writer, |number| number != 1),
        }
        writer.close(mark)
    }
}

/// Copies some fields of a `KeyValue`, read and checked before.
fn copy_fields(raw: &[u8], writer: &mut Writer<'_>, is_wanted: fn(u32) -> bool) {
    let mut reader = Reader::new(raw);
    while let Ok(Some(field)) = reader.field() {
        if is_wanted(field.number) {
            writer.copy(field.raw);
        }
    }
}
