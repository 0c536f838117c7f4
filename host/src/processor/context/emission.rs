//! `output`: points to send on.

use std::sync::Arc;

use super::Context;
use super::maxima::{DESCRIBED_BYTES_MAX, OUTPUT_BYTES_MAX};
use super::numbered::Bounds;
use super::results::whole;
use super::violation::Violation;
use crate::contract::Signal;
use crate::otlp::columns::ExponentialBuckets;
use crate::otlp::dictionary::{NONE, OVERFLOW};
use crate::otlp::emit::{Emission, ExponentialRows, HistogramRows, Observations, Points};
use crate::otlp::metrics::MetricKind;
use crate::otlp::{Strings, schema};

/// Lists of explicit bounds, and bounds in one list.
const LISTS_MAX: usize = 65_536;
const BOUNDS_MAX: usize = 4096;
/// A histogram point without bounds.
const NO_BOUNDS: u32 = u32::MAX;
/// What an emitted row takes beside its key and its buckets.
const ROW_BYTES: usize = 40;

/// What emissions of every kind begin with.
#[derive(Debug)]
pub struct Identity {
    /// The output metric.
    pub descriptor: u32,
    /// The keying.
    pub keying: u32,
    /// Codes of the keying.
    pub keys: Vec<u32>,
    /// `start_time_unix_nano`, or none at all.
    pub start_times: Vec<u64>,
    /// `time_unix_nano`.
    pub times: Vec<u64>,
}

/// What an emission has beside identity and times.
#[derive(Debug)]
pub enum Rows {
    /// `output.emit-doubles`.
    Doubles(Vec<f64>),
    /// `output.emit-integers`.
    Integers(Vec<i64>),
    /// `output.emit-histograms`: all columns but bounds, and each row's number of bounds.
    Histograms(HistogramRows, Vec<u32>),
    /// `output.emit-exponential-histograms`.
    Exponential(ExponentialRows),
}

impl Rows {
    fn fits(&self, kind: MetricKind) -> bool {
        match self {
            Rows::Doubles(_) | Rows::Integers(_) => kind.has_numbers(),
            Rows::Histograms(..) => kind == MetricKind::Histogram,
            Rows::Exponential(_) => kind == MetricKind::ExponentialHistogram,
        }
    }

    /// Checks the length of every column. Returns the bytes that buckets take.
    fn check(&mut self, rows: usize) -> Result<usize, Violation> {
        let (lengths, counts) = match self {
            Rows::Doubles(values) => (vec![values.len()], 0),
            Rows::Integers(values) => (vec![values.len()], 0),
            Rows::Histograms(columns, bounds) => {
                check_observations(&mut columns.observations, rows)?;
                check_ends(&columns.bucket_ends, columns.bucket_counts.len())?;
                (vec![bounds.len(), columns.bucket_ends.len()], columns.bucket_counts.len())
            }
            Rows::Exponential(columns) => {
                check_observations(&mut columns.observations, rows)?;
                let ExponentialRows { scales, zero_counts, zero_thresholds, positive, negative, .. } = columns;
                let sides = [&*positive, &*negative];
                for ExponentialBuckets { ends, counts, .. } in sides {
                    check_ends(ends, counts.len())?;
                }
                let lengths = sides.iter().flat_map(|side| [side.offsets.len(), side.ends.len()]);
                let own = [scales.len(), zero_counts.len(), zero_thresholds.len()];
                (lengths.chain(own).collect(), positive.counts.len() + negative.counts.len())
            }
        };
        match lengths.iter().all(|length| *length == rows) {
            true => Ok(counts * size_of::<u64>()),
            false => Err(Violation::Lengths),
        }
    }
}

fn check_observations(observations: &mut Observations, rows: usize) -> Result<(), Violation> {
    let Observations { counts, sums, no_sum, mins, maxs } = observations;
    let in_full = [counts.len(), sums.len()].iter().all(|length| *length == rows);
    let or_none = [mins.len(), maxs.len()].iter().all(|length| *length == rows || *length == 0);
    *no_sum = whole(std::mem::take(no_sum).into_words(), rows)?;
    if in_full && or_none { Ok(()) } else { Err(Violation::Lengths) }
}

/// Ends that ascend up to the length of the list.
fn check_ends(ends: &[u32], length: usize) -> Result<(), Violation> {
    let fits = ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == length;
    if fits { Ok(()) } else { Err(Violation::BucketEnds) }
}

/// How many messages an exemplar of a request stands in.
const EXEMPLAR_DEPTH: u32 = 6;

impl Context {
    /// `output.bounds`.
    pub fn describe_bounds(&mut self, bounds: Vec<f64>) -> Result<u32, Violation> {
        self.results()?;
        let ascend = bounds.is_sorted_by(|one, next| one < next) && !bounds.iter().any(|bound| bound.is_nan());
        if !ascend || bounds.len() > BOUNDS_MAX {
            return Err(Violation::BadBounds);
        }
        let taken = bounds.len() * size_of::<f64>();
        let bounds = Bounds(bounds.into());
        if let Some(number) = self.bounds.find(&bounds) {
            return Ok(number);
        }
        let all = self.bounds_bytes + taken;
        if self.bounds.len() >= LISTS_MAX || all > DESCRIBED_BYTES_MAX {
            return Err(Violation::BadBounds);
        }
        self.bounds_bytes = all;
        Ok(self.bounds.add(bounds))
    }

    /// `output.emit-…`.
    pub fn emit(&mut self, identity: Identity, mut rows: Rows) -> Result<(), Violation> {
        let Identity { descriptor, keying, keys, start_times, times } = identity;
        let (count, starts) = (keys.len(), start_times.len());
        let bucket_bytes = rows.check(count)?;
        if times.len() != count || (starts != count && starts != 0) {
            return Err(Violation::Lengths);
        }
        if count == 0 {
            return Ok(());
        }
        if self.signal != Signal::Metrics && !self.connects {
            return Err(Violation::Phase("output.emit"));
        }
        let emitted = self.results()?.emitted_rows + count;
        if emitted > self.limits.emitted_rows {
            return Err(Violation::Emitted(self.limits.emitted_rows));
        }
        let descriptor = self.described.get(descriptor as usize).cloned().ok_or(Violation::Descriptor(descriptor))?;
        if !rows.fits(descriptor.kind) {
            return Err(Violation::Kind);
        }
        let partition = self.partition.clone();
        let dictionary = self.dictionary(keying)?;
        let key = |code: &u32| {
            let unknown = Violation::Code { keying, code: *code };
            let key = match *code {
                NONE => &[],
                OVERFLOW => return Err(unknown),
                code => match dictionary.key(code) {
                    Some(key) => key,
                    None => return Err(unknown),
                },
            };
            match &partition {
                None => Ok(Box::from(key)),
                // Keys of a dictionary can be read.
                Some(partition) => partition.own(key).map_err(|_| unknown),
            }
        };
        let length = |code: &u32| dictionary.key(*code).map_or(0, <[u8]>::len) + ROW_BYTES;
        let text = descriptor.name.len() + descriptor.unit.len() + descriptor.description.len();
        let bytes = keys.iter().map(length).fold(bucket_bytes + text, usize::saturating_add);
        if bytes > OUTPUT_BYTES_MAX {
            return Err(Violation::Bytes);
        }
        let keys = keys.iter().map(key).collect::<Result<Vec<Box<[u8]>>, _>>()?;
        self.charge(bytes)?;
        let points = self.points(rows)?;
        let output = self.results()?;
        output.emitted_rows = emitted;
        output.emissions.push(Emission { descriptor, keys, start_times, times, points, exemplars: Vec::new() });
        Ok(())
    }

    fn points(&mut self, rows: Rows) -> Result<Points, Violation> {
        Ok(match rows {
            Rows::Doubles(values) => Points::Doubles(values),
            Rows::Integers(values) => Points::Integers(values),
            Rows::Exponential(columns) => Points::Exponential(columns),
            Rows::Histograms(mut columns, numbers) => {
                let mut start = 0;
                for (number, end) in numbers.iter().zip(&columns.bucket_ends) {
                    let buckets = (*end - start) as usize;
                    start = *end;
                    let fits = match *number {
                        NO_BOUNDS => buckets == 0,
                        number => buckets == self.output_bounds(number)?.len() + 1,
                    };
                    if !fits {
                        return Err(Violation::Buckets);
                    }
                }
                columns.row_bounds =
                    numbers.into_iter().map(|number| Some(number).filter(|number| *number != NO_BOUNDS)).collect();
                // Lists are shared, so this copies pointers; only the first emission of a call that needs many pays for it.
                columns.bounds = self.bounds.iter().map(|Bounds(bounds)| Arc::clone(bounds)).collect();
                self.charge(columns.bounds.len() * size_of::<Arc<[f64]>>() + columns.row_bounds.len() * 8)?;
                Points::Histograms(columns)
            }
        })
    }

    fn output_bounds(&self, number: u32) -> Result<&[f64], Violation> {
        self.bounds.get(number as usize).map(|Bounds(bounds)| &**bounds).ok_or(Violation::Bounds(number))
    }

    /// `output.exemplars`.
    pub fn attach_exemplars<'e>(
        &mut self,
        rows: Vec<u32>,
        entries: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
    ) -> Result<(), Violation> {
        let bytes = entries.clone().map(|entry| entry.len() + ROW_BYTES).fold(0, usize::saturating_add);
        self.charge(bytes)?;
        if rows.len() != entries.len() {
            return Err(Violation::Lengths);
        }
        let output = self.results()?;
        let emission = output.emissions.last_mut().ok_or(Violation::Exemplars)?;
        let before = emission.exemplars.last().map_or(0, |(row, _)| *row);
        let in_order = rows.is_sorted() && rows.first().is_none_or(|row| *row >= before);
        let fits = |entry: &[u8]| schema::EXEMPLAR.check_inside(entry, Strings::Bytes, EXEMPLAR_DEPTH).is_ok();
        let well_formed = entries.clone().all(fits);
        if !in_order || !well_formed || rows.last().is_some_and(|row| *row as usize >= emission.keys.len()) {
            return Err(Violation::Exemplars);
        }
        emission.exemplars.extend(rows.into_iter().zip(entries.map(Box::from)));
        Ok(())
    }
}
