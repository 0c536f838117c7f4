//! Criteria that are asked once for each entry of a dictionary.
//!
//! What belongs to resources and scopes has few values and is keyed together. Of what belongs to items, each source has a
//! keying of its own, so that two of many values do not make an entry for every pair, as long as there are keyings. A body is asked
//! row by row.

use otelier_sdk::key::{FIELD, elements, read_value, write_value};
use otelier_sdk::{Batch, Blob, Declare, Field, Keying, Level, NO_CODE, NO_KEY, Source, ValueColumn};

use crate::criteria::Test;
use crate::criteria::judge::Room;
use crate::criteria::verdict::{Each, INCLUDED, UNKNOWN, Verdict};

/// A key of so few bytes has no code only because the dictionary is full.
const KEY_BYTES_SHORT: usize = 60 << 10;

/// Criteria on sources that are asked together.
#[derive(Debug)]
pub struct Group {
    sources: Vec<GroupSource>,
    tests: Each<Vec<Test>>,
    /// None: every row is asked by itself.
    keyed: Option<Keyed>,
}

/// A source, and where its values are for rows that are asked by themselves.
#[derive(Debug)]
struct GroupSource {
    /// As tests name it.
    number: usize,
    level: u8,
    name: String,
    column: ValueColumn,
}

#[derive(Debug)]
struct Keyed {
    keying: Keying,
    by_code: Vec<Verdict>,
    codes: Vec<u32>,
    codes_max: usize,
    /// For rows that have none of the sources.
    none: Verdict,
}

/// Groups for tests, with what they read declared.
pub fn declared(sources: Vec<Source>, mut tests: Each<Vec<Test>>, room: Room, declare: &mut Declare<'_>) -> Vec<Group> {
    let mut places: Vec<Vec<usize>> = Vec::new();
    let (mut outer, mut bodies, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    for (number, source) in sources.iter().enumerate() {
        match source {
            Source::Attribute(attribute) if attribute.level != Level::Item => outer.push(number),
            Source::Field(name) if name.starts_with("scope.") => outer.push(number),
            Source::Field(name) if name == Field::Body.name() => bodies.push(number),
            _ => inner.push(number),
        }
    }
    if !outer.is_empty() {
        places.push(outer);
    }
    for number in inner {
        match places.len() {
            count if count >= room.keyings => places.last_mut().into_iter().for_each(|last| last.push(number)),
            _ => places.push(vec![number]),
        }
    }
    let keyings = places.len();
    places.extend(bodies.into_iter().map(|number| vec![number]));
    let groups = places.into_iter().enumerate().map(|(place, numbers)| {
        let tests = tests.each_mut().map(|tests| taken(tests, &numbers));
        let keyed = (place < keyings).then_some(room.codes);
        Group::declared(&sources, &numbers, tests, keyed, declare)
    });
    groups.collect()
}

/// Takes the tests of a group out of all: a test's sources are in one group.
fn taken(tests: &mut Vec<Test>, numbers: &[usize]) -> Vec<Test> {
    tests.extract_if(.., |test| test.sources().iter().any(|source| numbers.contains(source))).collect()
}

impl Group {
    fn declared(
        sources: &[Source],
        numbers: &[usize],
        tests: Each<Vec<Test>>,
        codes_max: Option<usize>,
        declare: &mut Declare<'_>,
    ) -> Group {
        let chosen: Vec<(usize, Source)> =
            numbers.iter().filter_map(|number| Some((*number, sources.get(*number)?.clone()))).collect();
        let sources = || chosen.iter().map(|(_, source)| source.clone()).collect();
        let keying = codes_max.map(|codes_max| (declare.key_by(sources(), false), codes_max));
        let source = |(number, source): (usize, Source)| {
            let column = declare.value_of(source.clone());
            let (level, name) = match source {
                Source::Attribute(attribute) => (level(attribute.level), attribute.key),
                Source::Field(name) => (FIELD, name),
            };
            GroupSource { number, level, name, column }
        };
        let sources = chosen.into_iter().map(source).collect();
        let mut group = Group { sources, tests, keyed: None };
        let none = group.verdict(|_| None);
        let keyed = |(keying, codes_max)| Keyed { keying, by_code: vec![none], codes: Vec::new(), codes_max, none };
        group.keyed = keying.map(keyed);
        group
    }

    fn verdict<'v>(&self, value: impl Fn(usize) -> Option<&'v [u8]>) -> Verdict {
        self.tests.verdict(|tests| tests.iter().all(|test| test.holds(&value)))
    }

    /// Combines the verdicts of rows with what these criteria say.
    pub fn judge(&mut self, batch: &mut Batch<'_>, verdicts: &mut [Verdict]) {
        let Some(mut keyed) = self.keyed.take() else {
            self.judge_rows(batch, verdicts, |_| true);
            return;
        };
        let codes = batch.keys(keyed.keying).into_codes_and_marks();
        batch.each_new_key(keyed.keying, |code, key| keyed.keep(code, self.of_key(key)));
        let mut is_full = keyed.codes.len() > keyed.codes_max;
        if keyed.judge(&codes, verdicts) {
            let is_open = |row: usize| codes.get(row).is_none_or(|code| keyed.of(*code) == UNKNOWN);
            is_full |= self.judge_rows(batch, verdicts, is_open);
        }
        if is_full {
            keyed.let_go(&codes, batch);
        }
        self.keyed = Some(keyed);
    }

    fn of_key(&self, key: &[u8]) -> Verdict {
        let Some(elements) = elements(key) else { return UNKNOWN };
        let encode = |source: &GroupSource| {
            let is = |element: &&otelier_sdk::key::Element<'_>| {
                element.level == source.level && element.name == source.name.as_bytes()
            };
            elements.iter().find(is).map(|element| (source.number, write_value(element.value)))
        };
        let values: Vec<(usize, Vec<u8>)> = self.sources.iter().filter_map(encode).collect();
        self.verdict(|number| values.iter().find(|(known, _)| *known == number).map(|(_, value)| value.as_slice()))
    }

    /// Asks some rows by themselves; whether one of them has no code for want of room.
    fn judge_rows(&self, batch: &mut Batch<'_>, verdicts: &mut [Verdict], is_open: impl Fn(usize) -> bool) -> bool {
        let columns: Vec<Blob> = self.sources.iter().map(|source| batch.values_of(source.column)).collect();
        let mut columns: Vec<_> = columns.iter().map(Blob::iter).collect();
        let names: usize = self.sources.iter().map(|source| source.name.len()).sum();
        let mut values: Vec<&[u8]> = Vec::with_capacity(columns.len());
        let mut is_full = false;
        for (row, verdict) in verdicts.iter_mut().enumerate() {
            values.clear();
            values.extend(columns.iter_mut().map(|column| column.next().unwrap_or_default()));
            if !is_open(row) {
                continue;
            }
            is_full |= names + values.iter().map(|value| value.len()).sum::<usize>() < KEY_BYTES_SHORT;
            if !self.matters(*verdict) {
                continue;
            }
            *verdict &= self.verdict(|number| {
                let place = self.sources.iter().position(|source| source.number == number)?;
                values.get(place).copied().filter(|value| read_value(value).is_some())
            });
        }
        is_full
    }

    /// Whether anything these criteria say can change what becomes of a row.
    fn matters(&self, verdict: Verdict) -> bool {
        verdict & INCLUDED != 0 && (!self.tests.include.is_empty() || verdict != INCLUDED)
    }
}

impl Keyed {
    fn keep(&mut self, code: u32, verdict: Verdict) {
        let place = code as usize;
        if place >= self.by_code.len() {
            self.by_code.resize(place + 1, UNKNOWN);
        }
        if let Some(kept) = self.by_code.get_mut(place) {
            *kept = verdict;
            self.codes.push(code);
        }
    }

    fn of(&self, code: u32) -> Verdict {
        self.by_code.get(code as usize).copied().unwrap_or(UNKNOWN)
    }

    /// Combines verdicts by code; whether there are rows nothing is known of.
    fn judge(&self, codes: &[u32], verdicts: &mut [Verdict]) -> bool {
        let mut is_open = false;
        for (verdict, code) in verdicts.iter_mut().zip(codes) {
            let said = self.of(*code);
            is_open |= said == UNKNOWN;
            *verdict &= said;
        }
        is_open
    }

    /// Makes room in the dictionary: all codes at once, so that what is used is back with the next batch. Codes in the batch
    /// whose keys were never heard, because a call before this one came to nothing, go as well.
    fn let_go(&mut self, batch_codes: &[u32], batch: &mut Batch<'_>) {
        let mut codes = std::mem::take(&mut self.codes);
        codes.extend(batch_codes.iter().filter(|code| **code != NO_CODE && self.of(**code) == UNKNOWN));
        codes.sort_unstable();
        codes.dedup();
        self.by_code.clear();
        self.by_code.resize(NO_KEY as usize + 1, self.none);
        if !codes.is_empty() {
            batch.output().release(self.keying, codes);
        }
    }
}

fn level(level: Level) -> u8 {
    match level {
        Level::Resource => 0,
        Level::Scope => 1,
        Level::Item => 2,
        Level::Metadata => 3,
    }
}
