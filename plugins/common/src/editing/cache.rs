//! Outcomes by code, and the outcomes of one batch's rows.

use otelier_sdk::{NO_CODE, NO_KEY};

use crate::editing::play::Outcome;

/// Entries are let go of, all at once, beyond so many bytes.
const BYTES_MAX: usize = 8 << 20;

/// The place of a row whose outcome is not known yet.
pub const OPEN: u32 = u32::MAX;

/// Outcomes that are kept from batch to batch, by code.
#[derive(Debug)]
pub struct Cache {
    by_code: Vec<Option<Outcome>>,
    /// By code: the place among the outcomes of the batch at hand.
    places: Vec<u32>,
    entries: usize,
    /// Beyond so many they are let go of as well.
    entries_max: usize,
    bytes: usize,
}

/// A batch's rows by outcome.
#[derive(Debug, Default)]
pub struct Rows {
    /// By row: a place in `codes`, or behind them in `others`.
    pub places: Vec<u32>,
    /// Codes whose outcomes are cached.
    pub codes: Vec<u32>,
    /// Outcomes of rows that are played by themselves.
    pub others: Vec<Outcome>,
    /// Codes whose keys were never heard, because a call before this one came to nothing.
    pub unheard: Vec<u32>,
    /// The dictionary has no room for a key of one of these rows.
    pub is_dictionary_full: bool,
}

impl Cache {
    /// With the outcome for rows that have none of the attributes.
    pub fn new(none: Outcome, entries_max: usize) -> Cache {
        Cache { by_code: vec![Some(none)], places: Vec::new(), entries: 0, entries_max, bytes: 0 }
    }

    /// Keeps an outcome.
    pub fn insert(&mut self, code: u32, outcome: Outcome) {
        let code = code as usize;
        if code >= self.by_code.len() {
            self.by_code.resize_with(code + 1, || None);
        }
        if let Some(place) = self.by_code.get_mut(code) {
            self.bytes += outcome.bytes();
            self.entries += 1;
            *place = Some(outcome);
        }
    }

    /// The outcome under a code.
    pub fn get(&self, code: u32) -> Option<&Outcome> {
        self.by_code.get(code as usize)?.as_ref()
    }

    /// Gives each row a place; rows whose code has no outcome are open.
    pub fn place(&mut self, codes: &[u32]) -> Rows {
        self.places.resize(self.by_code.len(), OPEN);
        let mut rows = Rows { places: Vec::with_capacity(codes.len()), ..Rows::default() };
        for code in codes {
            let place = match self.places.get_mut(*code as usize) {
                Some(place) if *place != OPEN => *place,
                Some(place) if matches!(self.by_code.get(*code as usize), Some(Some(_))) => {
                    *place = rows.codes.len() as u32;
                    rows.codes.push(*code);
                    *place
                }
                _ => {
                    rows.unheard.extend(Some(*code).filter(|code| *code != NO_CODE));
                    OPEN
                }
            };
            rows.places.push(place);
        }
        for code in &rows.codes {
            if let Some(place) = self.places.get_mut(*code as usize) {
                *place = OPEN;
            }
        }
        rows
    }

    /// Whether it is time to let go of what is kept.
    pub fn is_full(&self) -> bool {
        self.entries > self.entries_max || self.bytes > BYTES_MAX
    }

    /// Forgets everything; the codes that are free now.
    pub fn clear(&mut self) -> Vec<u32> {
        let codes = self.by_code.iter().zip(0..).filter(|(outcome, code)| outcome.is_some() && *code != NO_KEY);
        let codes = codes.map(|(_, code)| code).collect();
        self.by_code.truncate(1);
        self.places.clear();
        (self.entries, self.bytes) = (0, 0);
        codes
    }
}
