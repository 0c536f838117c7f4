//! From the cumulative points of one input stream to increments.
//!
//! Each increment counts once: a point that repeats, comes late or belongs to a sequence that has ended gives none. Where it is
//! not known what a value has been counted for already, it becomes the baseline and is not counted.

use serde::Deserialize;

use super::{Number, Sum};

/// What a stream's first point means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialValue {
    /// Counted whole when its start time is known and not before the counting began.
    #[default]
    Auto,
    /// Counted whole.
    Keep,
    /// The baseline.
    Drop,
}

impl InitialValue {
    /// Whether the first point that is seen of a stream is counted whole.
    ///
    /// `since` is the moment from which on totals count. `forgotten` is the last moment at which any stream was forgotten, 0 if
    /// none ever was: the stream may have been that one, and all it counted before is in the total already.
    ///
    /// A start time that equals the point's time says that the true start is unknown (the data model's "unknown start time").
    pub fn counts_whole(self, point: &CumulativePoint, since: u64, forgotten: u64) -> bool {
        match self {
            InitialValue::Auto => {
                point.start_time != 0 && point.start_time < point.time && point.start_time >= since.max(forgotten)
            }
            InitialValue::Keep => forgotten == 0 || point.start_time >= forgotten,
            InitialValue::Drop => false,
        }
    }
}

/// A point of a cumulative sum. Times are in nanoseconds since the Unix epoch, 0 unset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CumulativePoint {
    /// The total since the start time.
    pub value: Number,
    /// `start_time_unix_nano`.
    pub start_time: u64,
    /// `time_unix_nano`.
    pub time: u64,
}

/// What is known of a stream: its last point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CumulativeState {
    /// The last value.
    pub value: Number,
    /// The start time of the sequence it belongs to.
    pub start_time: u64,
    /// Its time.
    pub time: u64,
}

/// Where a stream's last point stands in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The start time of the unbroken sequence it belongs to.
    pub start_time: u64,
    /// Its time.
    pub time: u64,
}

impl Sequence {
    /// Goes on to a point that comes later; whether the stream began again with it comes along.
    pub fn follow(&self, start_time: u64, time: u64) -> Result<(Sequence, bool), Ignored> {
        if time == 0 {
            return Err(Ignored::Untimed);
        }
        let ended = start_time != 0 && start_time < self.start_time;
        if time < self.time || ended {
            return Err(Ignored::OutOfOrder);
        }
        if time == self.time {
            return Err(Ignored::Repeated);
        }
        let restarted = start_time > self.start_time && (self.start_time != 0 || start_time > self.time);
        let start_time = if start_time == 0 { self.start_time } else { start_time };
        Ok((Sequence { start_time, time }, restarted))
    }
}

/// What a point adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Nothing: later points are measured against this one.
    Baseline,
    /// What was counted since the point before, or since the start for a first point that is counted whole.
    Add(Number),
    /// The stream began again from zero: its whole new value.
    Reset(Number),
}

/// Why a point adds nothing and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The time of the last point again.
    Repeated,
    /// Older than the last point, or of a sequence that started before the current one.
    OutOfOrder,
    /// No time: its place is unknown.
    Untimed,
    /// NaN or infinite.
    NotFinite,
    /// Below zero though the sum is monotonic.
    Negative,
}

fn check(point: &CumulativePoint, monotonic: bool) -> Result<(), Ignored> {
    if point.time == 0 {
        Err(Ignored::Untimed)
    } else if !point.value.is_finite() {
        Err(Ignored::NotFinite)
    } else if monotonic && point.value.is_negative() {
        Err(Ignored::Negative)
    } else {
        Ok(())
    }
}

impl CumulativeState {
    /// The first point seen of a stream; `whole` as [`InitialValue::counts_whole`] has it.
    pub fn first(point: &CumulativePoint, monotonic: bool, whole: bool) -> Result<(CumulativeState, Step), Ignored> {
        check(point, monotonic)?;
        let CumulativePoint { value, start_time, time } = *point;
        let step = if whole { Step::Add(value) } else { Step::Baseline };
        Ok((CumulativeState { value, start_time, time }, step))
    }

    /// The next point. Nothing changes when it is ignored.
    ///
    /// The stream began again when the start time is newer, or when a monotonic sum fell.
    pub fn advance(&mut self, point: &CumulativePoint, monotonic: bool) -> Result<Step, Ignored> {
        check(point, monotonic)?;
        let before = self.value;
        let sequence = Sequence { start_time: self.start_time, time: self.time };
        let (Sequence { start_time, time }, restarted) = sequence.follow(point.start_time, point.time)?;
        let fell = monotonic && point.value.order(before).is_lt();
        let step = match point.value.minus(before) {
            _ if restarted || fell => Step::Reset(point.value),
            Sum::Kept(increment) | Sum::Promoted(increment) => Step::Add(increment),
            // Two finite doubles too far apart for their difference.
            Sum::None => return Err(Ignored::NotFinite),
        };
        *self = CumulativeState { value: point.value, start_time, time };
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Double, Integer};
    use super::{CumulativePoint, CumulativeState, Ignored, InitialValue, Number, Step};

    fn point(value: Number, start_time: u64, time: u64) -> CumulativePoint {
        CumulativePoint { value, start_time, time }
    }

    /// Each case goes on from a monotonic stream's point of value 10, start 100, time 200.
    #[test]
    fn monotonic_steps() {
        let cases = [
            ("grows", point(Integer(15), 100, 300), Ok(Step::Add(Integer(5)))),
            ("stands still", point(Integer(10), 100, 300), Ok(Step::Add(Integer(0)))),
            ("becomes a double", point(Double(10.5), 100, 300), Ok(Step::Add(Double(0.5)))),
            ("falls", point(Integer(4), 100, 300), Ok(Step::Reset(Integer(4)))),
            ("starts again, lower", point(Integer(4), 250, 300), Ok(Step::Reset(Integer(4)))),
            ("starts again, higher", point(Integer(40), 250, 300), Ok(Step::Reset(Integer(40)))),
            ("starts again, equal", point(Integer(10), 250, 300), Ok(Step::Reset(Integer(10)))),
            ("loses its start time", point(Integer(12), 0, 300), Ok(Step::Add(Integer(2)))),
            ("repeats", point(Integer(10), 100, 200), Err(Ignored::Repeated)),
            ("another value at the same time", point(Integer(11), 100, 200), Err(Ignored::Repeated)),
            ("comes late", point(Integer(5), 100, 150), Err(Ignored::OutOfOrder)),
            ("of an ended sequence", point(Integer(50), 50, 300), Err(Ignored::OutOfOrder)),
            ("has no time", point(Integer(15), 100, 0), Err(Ignored::Untimed)),
            ("not a number", point(Double(f64::NAN), 100, 300), Err(Ignored::NotFinite)),
            ("infinite", point(Double(f64::INFINITY), 100, 300), Err(Ignored::NotFinite)),
            ("negative", point(Integer(-1), 100, 300), Err(Ignored::Negative)),
        ];
        for (name, next, expected) in cases {
            let before = CumulativeState { value: Integer(10), start_time: 100, time: 200 };
            let mut state = before;
            assert_eq!(state.advance(&next, true), expected, "{name}");
            if expected.is_err() {
                assert_eq!(state, before, "{name}: an ignored point changes nothing");
            } else {
                assert_eq!((state.value, state.time), (next.value, next.time), "{name}");
            }
        }
    }

    #[test]
    fn a_sum_that_is_not_monotonic_may_fall() {
        let mut state = CumulativeState { value: Integer(10), start_time: 100, time: 200 };
        assert_eq!(state.advance(&point(Integer(4), 100, 300), false), Ok(Step::Add(Integer(-6))));
        assert_eq!(state.advance(&point(Integer(-4), 100, 400), false), Ok(Step::Add(Integer(-8))));
        assert_eq!(state.advance(&point(Integer(-1), 450, 500), false), Ok(Step::Reset(Integer(-1))));
        let far = CumulativeState { value: Integer(i64::MIN), start_time: 100, time: 200 };
        let step = { far }.advance(&point(Integer(i64::MAX), 100, 300), false);
        assert_eq!(step, Ok(Step::Add(Double(18_446_744_073_709_551_616.0))));
        let mut far = CumulativeState { value: Double(f64::MIN), start_time: 100, time: 200 };
        assert_eq!(far.advance(&point(Double(f64::MAX), 100, 300), false), Err(Ignored::NotFinite));
    }

    #[test]
    fn a_start_time_that_appears_is_no_reset() {
        let mut state = CumulativeState { value: Integer(10), start_time: 0, time: 200 };
        assert_eq!(state.advance(&point(Integer(12), 100, 300), true), Ok(Step::Add(Integer(2))));
        assert_eq!(state.start_time, 100);
        assert_eq!(state.advance(&point(Integer(13), 0, 400), true), Ok(Step::Add(Integer(1))));
        assert_eq!(state.start_time, 100);
        let mut state = CumulativeState { value: Integer(10), start_time: 0, time: 200 };
        let later = point(Integer(12), 250, 300);
        assert_eq!(state.advance(&later, true), Ok(Step::Reset(Integer(12))), "unless it is behind the last point");
    }

    /// Whatever the order and however often points come, an unbroken sequence never adds more than its last value.
    #[test]
    fn nothing_counts_twice() {
        let sequence = [(5, 200), (7, 300), (7, 300), (6, 250), (9, 400), (5, 200), (9, 400), (12, 500)];
        let mut state: Option<CumulativeState> = None;
        let mut total = 0;
        for (value, time) in sequence {
            let point = point(Integer(value), 100, time);
            let step = match &mut state {
                Some(state) => state.advance(&point, true),
                none => CumulativeState::first(&point, true, true).map(|(first, step)| {
                    *none = Some(first);
                    step
                }),
            };
            if let Ok(Step::Add(Integer(increment))) = step {
                total += increment;
            }
        }
        assert_eq!(total, 12);
    }

    #[test]
    fn first_points() {
        use InitialValue::{Auto, Drop, Keep};
        // (policy, start, time, since, forgotten) → counted whole
        let cases = [
            (Auto, 150, 200, 100, 0, true),
            (Auto, 100, 200, 100, 0, true),
            (Auto, 99, 200, 100, 0, false),
            (Auto, 0, 200, 100, 0, false),
            (Auto, 200, 200, 100, 0, false),
            (Auto, 150, 400, 100, 300, false),
            (Auto, 300, 400, 100, 300, true),
            (Keep, 0, 200, 100, 0, true),
            (Keep, 50, 200, 100, 0, true),
            (Keep, 150, 400, 100, 300, false),
            (Keep, 0, 400, 100, 300, false),
            (Keep, 350, 400, 100, 300, true),
            (Drop, 150, 200, 100, 0, false),
        ];
        for (policy, start_time, time, since, forgotten, whole) in cases {
            let point = point(Integer(5), start_time, time);
            let case = (policy, start_time, time, since, forgotten);
            assert_eq!(policy.counts_whole(&point, since, forgotten), whole, "{case:?}");
        }
        let wrong = point(Integer(-5), 150, 200);
        assert_eq!(CumulativeState::first(&wrong, true, true), Err(Ignored::Negative));
        assert!(CumulativeState::first(&wrong, false, true).is_ok());
    }
}
