//! Repetitions: `*`, `+`, `?` and `{2,3}`, each with a `?` behind it or not.

use super::{Parser, Refusal, refusal};

/// What Go allows.
const REPETITIONS_MAX: u32 = 1000;

impl Parser<'_> {
    /// `{2}`, `{2,}` or `{2,3}`: its bytes, and the two numbers; `None` where the brace stands for itself.
    pub(super) fn counted(&self) -> Option<(usize, u32, Option<u32>)> {
        let (inside, _) = self.rest().strip_prefix('{')?.split_once('}')?;
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // A number that is too large is too large for any bound.
            (is_number && (digits == "0" || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let (min, max) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Some((inside.len() + "{}".len(), min, max))
    }

    pub(super) fn count(
        &mut self,
        length: usize,
        min: u32,
        max: Option<u32>,
        was_repeated: bool,
    ) -> Result<(), Refusal> {
        let at = self.at;
        let operator = self.rest().get(..length).unwrap_or_default();
        if min > REPETITIONS_MAX || max.is_some_and(|max| max > REPETITIONS_MAX) {
            return refusal(at, format!("`{operator}`: at most {REPETITIONS_MAX} repetitions are possible"));
        }
        if max.is_some_and(|max| max < min) {
            return refusal(at, format!("`{operator}`: the second number is less than the first"));
        }
        let is_counted = min >= 2 || max.is_some_and(|max| max >= 2);
        self.repeat(operator, was_repeated)?;
        let Some(atom) = self.groups.last_mut().and_then(|group| group.atoms.last_mut()) else { return Ok(()) };
        atom.repetitions = match (min, max) {
            (_, Some(0)) => 0,
            (0, None) => atom.repetitions,
            // As many as it takes by itself, times as many as are inside.
            (min, max) => max.unwrap_or(min).saturating_mul(atom.repetitions.max(1)),
        };
        if is_counted && atom.repetitions > REPETITIONS_MAX {
            return refusal(
                at,
                format!("`{operator}`: with those inside it takes more than {REPETITIONS_MAX} repetitions"),
            );
        }
        Ok(())
    }

    /// Repeats the piece before.
    pub(super) fn repeat(&mut self, operator: &str, was_repeated: bool) -> Result<(), Refusal> {
        let at = self.at;
        self.at += operator.len();
        let lazy = if self.take("?") != self.flags.is_lazy { "?" } else { "" };
        if was_repeated {
            return refusal(at, format!("`{operator}` repeats a repetition; put what it repeats in brackets"));
        }
        let Some(atom) = self.groups.last_mut().and_then(|group| group.atoms.last_mut()) else {
            return refusal(at, format!("`{operator}` has nothing to repeat"));
        };
        atom.text = match atom.is_single {
            true => format!("{}{operator}{lazy}", atom.text),
            false => format!("(?:{}){operator}{lazy}", atom.text),
        };
        atom.is_single = false;
        self.is_repeated = true;
        Ok(())
    }
}
