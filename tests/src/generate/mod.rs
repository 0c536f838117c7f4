//! Random OTLP: requests as structs, and their bytes in any wire form that means the same.
//!
//! Pools are small on purpose, so that names, attributes and whole keys meet again within one request and across
//! requests.

pub mod attributes;
pub mod json;
pub mod logs;
pub mod metrics;
mod request;
pub mod schema;
pub mod traces;
mod vary;

pub use request::{NoRequest, Request};
pub use vary::vary;

use fastrand::Rng;

/// One of a pool that is not empty.
pub fn pick<T: Copy>(rng: &mut Rng, pool: &[T]) -> T {
    pool[rng.usize(..pool.len())]
}

/// True `percent` times of a hundred.
pub fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}

/// Up to `most` values.
pub fn several<T>(rng: &mut Rng, most: usize, mut one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| one(rng)).collect()
}

/// Mostly a few items, now and then more than a bitmap's word holds.
pub fn items<T>(rng: &mut Rng, one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let most = if chance(rng, 2) { 150 } else { 4 };
    several(rng, most, one)
}

/// A timestamp: mostly ordinary, sometimes an edge of the range.
pub fn time(rng: &mut Rng) -> u64 {
    match rng.u32(..8) {
        0 => 0,
        1 => u64::MAX,
        _ => 1_700_000_000_000_000_000 + rng.u64(..1_000_000_000),
    }
}

/// A double: infinities, quiet and signalling NaNs and both zeros among them.
pub fn double(rng: &mut Rng) -> f64 {
    const EDGES: [f64; 9] = [
        0.0,
        -0.0,
        1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::from_bits(0x7ff0_0000_0000_0001),
    ];
    match rng.u32(..3) {
        0 => pick(rng, &EDGES),
        _ => f64::from(rng.i32(-3..100)) / 4.0,
    }
}

/// An integer: the ends of its range among them.
pub fn integer(rng: &mut Rng) -> i64 {
    const EDGES: [i64; 6] = [0, -1, i64::MIN, i64::MAX, 127, 128];
    match rng.u32(..3) {
        0 => pick(rng, &EDGES),
        _ => rng.i64(-3..5),
    }
}
