//! What a histogram or a summary shows: several numbers that belong to one point and change together.

use std::sync::Arc;

use super::drops::Reason;
use super::exemplar::Exemplar;
use super::exponential::Exponential;
use super::series::{Joined, Update};

/// What the numbers of a compound are.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Counts of buckets with these upper bounds, and one count more for what is above the last.
    Bounds(Arc<[f64]>),
    /// Counts of negative and positive exponential buckets.
    Exponential(Exponential),
    /// Values at these quantiles, as bits.
    Quantiles(Arc<[f64]>),
}

/// The state of one histogram or summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Compound {
    /// How many measurements.
    pub count: u64,
    /// Their sum, when it is known.
    pub sum: Option<f64>,
    /// What `numbers` are.
    pub shape: Shape,
    /// Counts of single buckets, or values of quantiles.
    pub numbers: Vec<u64>,
    /// Sorted by value.
    pub exemplars: Vec<Exemplar>,
}

impl Default for Compound {
    fn default() -> Self {
        let shape = Shape::Bounds(Arc::default());
        Compound { count: 0, sum: None, shape, numbers: Vec::new(), exemplars: Vec::new() }
    }
}

impl Compound {
    /// How many samples of an exposition it is, `_created` not counted.
    pub fn samples(&self) -> usize {
        let extra = match &self.shape {
            Shape::Exponential(shape) => shape.bounds_max(),
            _ => self.numbers.len(),
        };
        extra + 2
    }

    /// Takes a newer point over, keeping what is allocated.
    pub fn replace(&mut self, new: &Compound) {
        (self.count, self.sum) = (new.count, new.sum);
        self.shape.clone_from(&new.shape);
        self.numbers.clone_from(&new.numbers);
        self.take_exemplars(new);
    }

    /// Adds a delta; `false`, and nothing is changed, when its buckets are others.
    pub fn accumulate(&mut self, delta: &Compound) -> bool {
        match (&mut self.shape, &delta.shape) {
            (Shape::Bounds(kept), Shape::Bounds(new)) if kept == new && self.numbers.len() == delta.numbers.len() => {
                self.numbers.iter_mut().zip(&delta.numbers).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
            }
            (Shape::Exponential(kept), Shape::Exponential(new)) => {
                kept.merge(&mut self.numbers, new, &delta.numbers);
            }
            _ => return false,
        }
        self.count = self.count.saturating_add(delta.count);
        self.sum = self.sum.zip(delta.sum).map(|(sum, more)| sum + more);
        self.take_exemplars(delta);
        true
    }

    /// Older exemplars stay until there are newer ones: they say when they were made.
    fn take_exemplars(&mut self, new: &Compound) {
        if !new.exemplars.is_empty() {
            self.exemplars.clone_from(&new.exemplars);
        }
    }
}

/// A point's two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `start_time_unix_nano`; zero is unknown.
    pub start: u64,
    /// `time_unix_nano`.
    pub end: u64,
}

/// Joins a point with what is shown, its times included.
pub fn update(
    kept: &mut Arc<Compound>,
    times: &mut Times,
    update: Update,
    new: &Compound,
    new_times: Times,
) -> Result<Joined, Reason> {
    let joined = update.join(times.end, new_times.start, new_times.end)?;
    // A scrape may hold the old state: then it keeps it, and the new one gets a place of its own.
    let state = Arc::make_mut(kept);
    if update != Update::Replace && joined == Joined::Onward && state.accumulate(new) {
        times.end = times.end.max(new_times.end);
        return Ok(Joined::Onward);
    }
    // Other buckets begin a new total as well.
    state.replace(new);
    *times = new_times;
    Ok(if update == Update::Replace { Joined::Onward } else { Joined::Anew })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(bounds: &[f64], numbers: &[u64], sum: Option<f64>) -> Compound {
        let shape = Shape::Bounds(Arc::from(bounds));
        Compound { count: numbers.iter().sum(), sum, shape, numbers: numbers.to_vec(), exemplars: Vec::new() }
    }

    fn times(start: u64, end: u64) -> Times {
        Times { start, end }
    }

    #[test]
    fn deltas_with_the_same_bounds_add_up_and_others_begin_anew() {
        let (mut kept, mut at) = (Arc::new(histogram(&[1.0], &[1, 2], Some(5.0))), times(10, 20));
        let delta = histogram(&[1.0], &[10, 20], Some(0.5));
        assert_eq!(update(&mut kept, &mut at, Update::Accumulate, &delta, times(20, 30)), Ok(Joined::Onward));
        assert_eq!((&*kept, at), (&histogram(&[1.0], &[11, 22], Some(5.5)), times(10, 30)));
        let other = histogram(&[2.0], &[1, 0], None);
        assert_eq!(update(&mut kept, &mut at, Update::Accumulate, &other, times(30, 40)), Ok(Joined::Anew));
        assert_eq!((&*kept, at), (&other, times(30, 40)));
        assert_eq!(update(&mut kept, &mut at, Update::Accumulate, &other, times(30, 40)), Err(Reason::Overlap));
        assert_eq!(update(&mut kept, &mut at, Update::Accumulate, &other, times(41, 50)), Ok(Joined::Anew));
        assert_eq!((&*kept, at), (&other, times(41, 50)));
    }

    #[test]
    fn a_state_that_a_scrape_holds_stays_as_it_is() {
        let (mut kept, mut at) = (Arc::new(histogram(&[], &[1], None)), times(0, 1));
        let held = Arc::clone(&kept);
        assert_eq!(
            update(&mut kept, &mut at, Update::Replace, &histogram(&[], &[2], None), times(0, 2)),
            Ok(Joined::Onward)
        );
        assert_eq!((held.count, kept.count), (1, 2));
        let older = update(&mut kept, &mut at, Update::Replace, &histogram(&[], &[9], None), times(0, 1));
        assert_eq!((older, kept.count), (Err(Reason::OutOfOrder), 2));
    }
}
