//! Running a property over seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

/// The environment variable that names one seed, or asks for new ones.
const VARIABLE: &str = "OTELIER_SEED";

/// Checks a property `cases` times, each with its own seed, and says which one failed.
pub fn check(cases: u64, mut property: impl FnMut(&mut Rng)) {
    let (first, cases) = match std::env::var(VARIABLE).as_deref() {
        Ok("random") => (fastrand::u64(..1 << 48), cases),
        Ok(seed) => (seed.parse().expect("OTELIER_SEED is a number or `random`"), 1),
        Err(_) => (0, cases),
    };
    for seed in first..first + cases {
        let outcome = catch_unwind(AssertUnwindSafe(|| property(&mut Rng::with_seed(seed))));
        if let Err(panic) = outcome {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text");
            panic!("{VARIABLE}={seed}: {text}");
        }
    }
}
