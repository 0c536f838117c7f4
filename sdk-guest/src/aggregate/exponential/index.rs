//! Which bucket holds a value, and where a bucket ends. Bucket i at scale s is (b^i, b^(i+1)] with b = 2^(2^-s).

/// The scales that the specification's producers use, and that are read.
pub const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// Exponents of the least and the greatest double.
const EXPONENT_MIN: i64 = -1074;
const EXPONENT_MAX: i64 = 1023;
/// A producer may map a value one bucket off.
const SLACK: i64 = 1;

/// The buckets that hold doubles, at a scale in [`SCALES`].
pub fn bucket_range(scale: i32) -> std::ops::RangeInclusive<i64> {
    let (first, last) = if scale >= 0 {
        ((EXPONENT_MIN << scale) - 1, ((EXPONENT_MAX + 1) << scale) - 1)
    } else {
        ((EXPONENT_MIN - 1) >> -scale, EXPONENT_MAX >> -scale)
    };
    first - SLACK..=last + SLACK
}

/// 2^exponent; 0 or infinity where no double is that small or great.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        ..EXPONENT_MIN => 0.0,
        EXPONENT_MIN..-1022 => f64::from_bits(1 << (exponent - EXPONENT_MIN)),
        -1022..=EXPONENT_MAX => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::INFINITY,
    }
}

/// The lower boundary of a bucket, b^index.
pub fn boundary(index: i64, scale: i32) -> f64 {
    if scale <= 0 {
        return power_of_two(index << -scale);
    }
    let buckets = 1_i64 << scale;
    let within = index & (buckets - 1);
    power_of_two(index >> scale) * (within as f64 / buckets as f64).exp2()
}

/// The bucket that holds a positive finite value.
pub fn index_of(value: f64, scale: i32) -> i64 {
    let (exponent, mantissa) = normalized(value);
    let is_power = mantissa == 1.0;
    if scale <= 0 {
        return (exponent - i64::from(is_power)) >> -scale;
    }
    let first = exponent << scale;
    if is_power {
        return first - 1;
    }
    let buckets = 1_i64 << scale;
    // Close to it, but the logarithm is rounded: what counts is the boundary as this module computes it.
    let guess = ((mantissa.log2() * buckets as f64).ceil() as i64 - 1).clamp(0, buckets - 1);
    let mut index = first + guess;
    while index > first && boundary(index, scale) >= value {
        index -= 1;
    }
    while index < first + buckets - 1 && boundary(index + 1, scale) < value {
        index += 1;
    }
    index
}

/// A positive finite value as mantissa × 2^exponent with a mantissa from 1 up to 2.
fn normalized(value: f64) -> (i64, f64) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    if exponent > 0 {
        return (exponent - 1023, f64::from_bits(fraction | 1023 << 52));
    }
    // Subnormal: 2^54 times as much is not.
    let (exponent, mantissa) = normalized(value * power_of_two(54));
    (exponent - 54, mantissa)
}

#[cfg(test)]
mod tests {
    use super::{SCALES, boundary, bucket_range, index_of};

    #[test]
    fn powers_of_two_are_upper_boundaries() {
        for (value, scale, index) in [
            (1.0, 0, -1),
            (2.0, 0, 0),
            (2.0_f64.next_up(), 0, 1),
            (4.0, 3, 15),
            (3.0, 0, 1),
            (3.0, -1, 0),
            (5.0, -1, 1),
            (f64::MAX, 0, 1023),
            (f64::MAX, 20, (1024 << 20) - 1),
            (f64::from_bits(1), 0, -1075),
            (f64::from_bits(3), 0, -1073),
            (f64::MIN_POSITIVE, 0, -1023),
            (f64::MIN_POSITIVE, -4, -64),
        ] {
            assert_eq!(index_of(value, scale), index, "{value} at {scale}");
        }
    }

    #[test]
    fn a_value_lies_within_its_bucket() {
        let mut state = 99_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state >> 1);
            if !value.is_finite() || value == 0.0 {
                continue;
            }
            for scale in SCALES {
                let index = index_of(value, scale);
                assert!(bucket_range(scale).contains(&index), "{value} at {scale}: {index}");
                assert!(boundary(index, scale) <= value, "{value} at {scale}: {index}");
                // At the upper end of the doubles the boundary may round to the value itself, or be infinite.
                assert!(value <= boundary(index + 1, scale), "{value} at {scale}: {index}");
            }
        }
    }

    #[test]
    fn lower_scales_hold_the_buckets_of_higher_ones() {
        for scale in -9..=20 {
            for value in [1e-300, 0.3, 1.0, 1.5, 7.25, 1e10, 1e300] {
                assert_eq!(index_of(value, scale) >> 1, index_of(value, scale - 1), "{value} at {scale}");
            }
        }
    }
}
