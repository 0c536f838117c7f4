//! What is known of a row: one bit for each question, both answers to which are combined by `and`.

/// Three bits; [`UNKNOWN`] besides, which changes nothing when it is combined.
pub type Verdict = u8;

/// All criteria of `include` so far hold; always so where there are none. A row whose verdict is this and nothing else goes on.
pub const INCLUDED: Verdict = 1;
/// All criteria of `exclude` so far hold; never so where there are none.
pub const EXCLUDED: Verdict = 2;
/// The same of those that exclude whole resources, in the part for metrics.
pub const RESOURCE_EXCLUDED: Verdict = 4;
/// Nobody has asked yet.
pub const UNKNOWN: Verdict = 0xff;

/// Something for each question.
#[derive(Debug, Default, PartialEq)]
pub struct Each<T> {
    pub include: T,
    pub exclude: T,
    pub exclude_resources: T,
}

impl<T> Each<T> {
    /// What holds of each.
    pub fn verdict(&self, holds: impl Fn(&T) -> bool) -> Verdict {
        u8::from(holds(&self.include))
            | u8::from(holds(&self.exclude)) << 1
            | u8::from(holds(&self.exclude_resources)) << 2
    }

    /// To change each.
    pub fn each_mut(&mut self) -> Each<&mut T> {
        let Each { include, exclude, exclude_resources } = self;
        Each { include, exclude, exclude_resources }
    }

    /// One for each.
    pub fn map<U>(self, mut to: impl FnMut(T) -> U) -> Each<U> {
        Each { include: to(self.include), exclude: to(self.exclude), exclude_resources: to(self.exclude_resources) }
    }
}
