//! `rows`: the batch at hand.

use super::violation::Violation;
use super::{Context, Phase};
use crate::contract::{Batch, Signal};
use crate::otlp::Strings;
use crate::otlp::columns::{AttributeSets, Bitmap, Blob, Columns, ExponentialBuckets, Histograms, Word};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::dictionary::Dictionary;
use crate::otlp::key::Level;
use crate::otlp::projection::{Projector, TOO_WIDE, set_place};

/// Which part of a guest's memory new keys may take at once: it may keep them.
const NEW_KEYS_SHARE: usize = 8;
/// What a new key takes beside its bytes: a code, and where it ends.
const NEW_KEY_BYTES: usize = 8;

/// Whether a column that was taken had an entry for each row.
fn whole(columns: &Columns, name: &'static str, length: usize) -> Result<(), Violation> {
    if length == columns.layout.rows as usize { Ok(()) } else { Err(Violation::Column(name)) }
}

impl Context {
    pub(super) fn rows(&mut self) -> Result<&mut Columns, Violation> {
        if self.phase == Phase::Process { Ok(&mut self.columns) } else { Err(Violation::Phase("rows")) }
    }

    /// `rows.count`.
    pub fn count(&mut self) -> Result<u32, Violation> {
        Ok(self.rows()?.layout.rows)
    }

    /// `rows.metrics`: ends and descriptors of the runs that have rows.
    pub fn metrics(&mut self) -> Result<(Vec<u32>, Vec<u32>), Violation> {
        let mut before = 0;
        let runs = self.rows()?.layout.runs.iter().filter(|run| {
            let filled = run.end > before;
            before = run.end;
            filled
        });
        Ok(runs.map(|run| (run.end, run.descriptor)).unzip())
    }

    /// `rows.new-descriptors`.
    pub fn new_descriptors(&mut self) -> Result<Vec<Descriptor>, Violation> {
        self.rows()?;
        Ok(self.projector.as_mut().map(Projector::take_unsent_descriptors).unwrap_or_default())
    }

    fn pull(&mut self, name: &'static str, column: fn(&mut Columns) -> &mut Vec<u64>) -> Result<Vec<u64>, Violation> {
        let columns = self.rows()?;
        let rows = columns.layout.rows as usize;
        let column = std::mem::take(column(columns));
        if column.len() == rows { Ok(column) } else { Err(Violation::Column(name)) }
    }

    /// `rows.values`.
    pub fn values(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("values", |columns| &mut columns.values)
    }

    /// `rows.times`.
    pub fn times(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("times", |columns| &mut columns.times)
    }

    /// `rows.start-times`.
    pub fn start_times(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull("start-times", |columns| &mut columns.start_times)
    }

    /// A bitmap has no length of its own that would tell that it was pulled.
    fn pull_bitmap(
        &mut self,
        name: &'static str,
        bitmap: fn(&mut Columns) -> &mut Bitmap,
    ) -> Result<Vec<u64>, Violation> {
        if !self.declared.projection.values || self.pulled_bitmaps.contains(&name) {
            return Err(Violation::Column(name));
        }
        let words = std::mem::take(bitmap(self.rows()?)).into_words();
        self.pulled_bitmaps.push(name);
        Ok(words)
    }

    /// `rows.integers`.
    pub fn integers(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull_bitmap("integers", |columns| &mut columns.integers)
    }

    /// `rows.no-value`.
    pub fn no_value(&mut self) -> Result<Vec<u64>, Violation> {
        self.pull_bitmap("no-value", |columns| &mut columns.no_value)
    }

    /// `rows.keys`.
    pub fn keys(&mut self, keying: u32) -> Result<Vec<u32>, Violation> {
        let columns = self.rows()?;
        let rows = columns.layout.rows as usize;
        let column = columns.keys.get_mut(keying as usize).ok_or(Violation::Keying(keying))?;
        let column = std::mem::take(column);
        if column.len() == rows { Ok(column) } else { Err(Violation::Column("keys")) }
    }

    /// `rows.column`.
    pub fn column(&mut self, name: &str) -> Result<Vec<u64>, Violation> {
        let columns = self.wide_rows()?;
        let missing = || Violation::NamedColumn(name.to_owned());
        let word = Word::of(name).ok_or_else(missing)?;
        let column = columns.words.take(word);
        let expected = columns.layout.rows as usize * word.width();
        if column.len() == expected { Ok(column) } else { Err(missing()) }
    }

    /// `rows.bounds`.
    pub fn bounds(&mut self) -> Result<Vec<u32>, Violation> {
        let columns = self.wide_rows()?;
        let column = std::mem::take(&mut columns.histograms.bounds);
        whole(columns, "bounds", column.len())?;
        Ok(column)
    }

    /// `rows.new-bounds`.
    pub fn new_bounds(&mut self) -> Result<Vec<Vec<f64>>, Violation> {
        self.rows()?;
        Ok(self.projector.as_mut().map(Projector::take_unsent_bounds).unwrap_or_default())
    }

    /// `rows.buckets`: where each row's counts end, and all counts.
    pub fn buckets(&mut self) -> Result<(Vec<u32>, Vec<u64>), Violation> {
        let columns = self.wide_rows()?;
        let Histograms { bucket_ends, bucket_counts, .. } = &mut columns.histograms;
        let (ends, counts) = (std::mem::take(bucket_ends), std::mem::take(bucket_counts));
        whole(columns, "buckets", ends.len())?;
        Ok((ends, counts))
    }

    /// `rows.positive-buckets` and `rows.negative-buckets`.
    pub fn exponential_buckets(&mut self, negative: bool) -> Result<ExponentialBuckets, Violation> {
        let columns = self.wide_rows()?;
        let side = if negative { &mut columns.histograms.negative } else { &mut columns.histograms.positive };
        let buckets = std::mem::take(side);
        whole(columns, "exponential_buckets", buckets.ends.len())?;
        Ok(buckets)
    }

    /// `rows.quantiles`.
    pub fn quantiles(&mut self) -> Result<Quantiles, Violation> {
        let columns = self.wide_rows()?;
        let Histograms { quantile_ends, quantiles, .. } = &mut columns.histograms;
        let (ends, quantiles) = (std::mem::take(quantile_ends), std::mem::take(quantiles));
        whole(columns, "quantiles", ends.len())?;
        Ok(Quantiles { ends, pairs: quantiles })
    }

    /// `rows.exemplars`: where each row's end, and all entries.
    pub fn exemplars(&mut self) -> Result<(Vec<u32>, Blob), Violation> {
        let columns = self.wide_rows()?;
        let Histograms { exemplar_ends, exemplars, .. } = &mut columns.histograms;
        let (ends, entries) = (std::mem::take(exemplar_ends), std::mem::take(exemplars));
        whole(columns, "exemplars", ends.len())?;
        Ok((ends, entries))
    }

    /// The batch with all columns that metrics may have.
    fn wide_rows(&mut self) -> Result<&mut Columns, Violation> {
        let wanted = self.declared.projection.histograms;
        let is_metrics = self.signal == Signal::Metrics;
        let columns = self.rows()?;
        if is_metrics {
            columns.widen(wanted);
        }
        Ok(columns)
    }

    /// `rows.values-of`.
    pub fn values_of(&mut self, number: u32) -> Result<Blob, Violation> {
        let number = number as usize;
        let columns = self.rows()?;
        let filled = columns.values_of.get_mut(number).map(std::mem::take).ok_or(Violation::Column("values-of"))?;
        let late = self.projector.as_mut().filter(|projector| !projector.fills(number));
        let column = match (late, &self.batch) {
            (Some(projector), Some(batch)) if !self.pulled_late.contains(&number) => {
                self.pulled_late.push(number);
                let filled = projector.values_of(number, &batch.bytes, Strings::from(batch.invalid_utf8));
                filled.map_err(|error| {
                    self.unreadable = Some(error);
                    Violation::Values(error)
                })?
            }
            _ => filled,
        };
        if column.bytes.len() + column.ends.len() * size_of::<u32>() > self.limits.memory_bytes {
            self.unreadable = Some(TOO_WIDE);
            return Err(Violation::Values(TOO_WIDE));
        }
        whole(&self.columns, "values-of", column.ends.len())?;
        Ok(column)
    }

    /// `rows.attributes`.
    pub fn attributes(&mut self, level: Level) -> Result<AttributeSets, Violation> {
        let column = set_place(level).and_then(|place| self.rows().ok()?.attributes.get_mut(place));
        let column = column.map(std::mem::take).unwrap_or_default();
        self.rows()?;
        whole(&self.columns, "attributes", column.numbers.len())?;
        Ok(column)
    }

    /// `rows.metadata`.
    pub fn metadata(&mut self, name: &str) -> Result<Vec<String>, Violation> {
        self.rows()?;
        let values = |batch: &Batch| batch.metadata.values(name).map(str::to_owned).collect();
        Ok(self.batch.as_ref().map(values).unwrap_or_default())
    }

    /// `rows.sender`.
    pub fn sender(&mut self) -> Result<Option<String>, Violation> {
        self.rows()?;
        Ok(self.batch.as_ref().and_then(|batch| batch.metadata.sender()).map(|address| address.to_string()))
    }

    pub(super) fn dictionary(&mut self, keying: u32) -> Result<&mut Dictionary, Violation> {
        let projector = self.projector.as_mut().ok_or(Violation::Phase("keyings"))?;
        projector.dictionary_mut(keying as usize).ok_or(Violation::Keying(keying))
    }

    /// `rows.new-keys`: about as many as are an eighth of the guest's memory.
    pub fn new_keys(&mut self, keying: u32) -> Result<NewKeys, Violation> {
        self.rows()?;
        let bytes_max = self.limits.memory_bytes / NEW_KEYS_SHARE;
        let dictionary = self.dictionary(keying)?;
        let mut codes = dictionary.take_unsent();
        let (mut ends, mut bytes) = (Vec::new(), Vec::new());
        for code in &codes {
            let key = dictionary.key(*code).unwrap_or_default();
            if !ends.is_empty() && bytes.len() + key.len() + ends.len() * NEW_KEY_BYTES > bytes_max {
                break;
            }
            bytes.extend_from_slice(key);
            ends.push(bytes.len() as u32);
        }
        dictionary.put_back_unsent(&codes.split_off(ends.len()));
        Ok(NewKeys { codes, ends, bytes })
    }
}

/// Quantiles of summaries.
#[derive(Debug, Default)]
pub struct Quantiles {
    /// Where each row's pairs end.
    pub ends: Vec<u32>,
    /// (quantile, value).
    pub pairs: Vec<(f64, f64)>,
}

/// Dictionary entries a guest has not been told of.
#[derive(Debug)]
pub struct NewKeys {
    /// The codes.
    pub codes: Vec<u32>,
    /// Where each code's key ends in `bytes`.
    pub ends: Vec<u32>,
    /// The keys, in the canonical encoding.
    pub bytes: Vec<u8>,
}
