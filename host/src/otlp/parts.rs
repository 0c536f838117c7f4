//! How many parts a request may have. A part costs time and memory beside its bytes, of which it may have two: 62 KB of gzip are 33 million
//! empty resources. The bounds are far above what a batch of real telemetry has.

use super::wire::Fault;

/// Resources in one request.
pub const RESOURCES_MAX: u64 = 100_000;
/// Scopes in one request.
pub const SCOPES_MAX: u64 = 100_000;
/// Metrics, spans or log records in one request.
pub const CHILDREN_MAX: u64 = 2_000_000;
/// Points of metrics in one request.
pub const POINTS_MAX: u64 = 2_000_000;

/// Why a request with more of them is refused.
pub const TOO_MANY_RESOURCES: &str = "a request with more than 100000 resources; send smaller batches";
/// The same of scopes.
pub const TOO_MANY_SCOPES: &str = "a request with more than 100000 scopes; send smaller batches";
/// The same of metrics, spans or records.
pub const TOO_MANY_CHILDREN: &str =
    "a request with more than 2000000 metrics, spans or log records; send smaller batches";
/// The same of points.
pub const TOO_MANY_POINTS: &str = "a request with more than 2000000 points; send smaller batches";

/// One more part of a kind.
#[inline]
pub fn one_more(parts: &mut u64, max: u64, at: &[u8], too_many: &'static str) -> Result<(), Fault> {
    *parts += 1;
    if *parts > max { Err(Fault::at(at, too_many)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Signal;
    use crate::otlp::deprecated::migrated;
    use crate::otlp::wire::put_bytes;
    use crate::otlp::{Strings, check};

    fn message(number: u32, inner: &[u8]) -> Vec<u8> {
        let mut outer = Vec::new();
        put_bytes(&mut outer, number, inner);
        outer
    }

    #[test]
    fn so_many_parts_are_read_and_one_more_is_refused() {
        let many = |number, inner: &[u8], count: u64| message(number, inner).repeat(count as usize);
        let in_scope = |children: &[u8]| message(1, &message(2, children));
        let of_metric = |points: &[u8]| in_scope(&message(2, &message(5, points)));
        type Build<'b> = &'b dyn Fn(u64) -> Vec<u8>;
        let kinds: [(Signal, u64, &str, Build<'_>); 5] = [
            (Signal::Logs, RESOURCES_MAX, TOO_MANY_RESOURCES, &|count| many(1, b"", count)),
            (Signal::Traces, SCOPES_MAX, TOO_MANY_SCOPES, &|count| message(1, &many(2, b"", count))),
            (Signal::Logs, CHILDREN_MAX, TOO_MANY_CHILDREN, &|count| in_scope(&many(2, b"", count))),
            (Signal::Metrics, CHILDREN_MAX, TOO_MANY_CHILDREN, &|count| in_scope(&many(2, b"", count))),
            (Signal::Metrics, POINTS_MAX, TOO_MANY_POINTS, &|count| of_metric(&many(1, b"", count))),
        ];
        for (signal, max, why, build) in kinds {
            let whole = build(max);
            assert!(check(signal, &whole, Strings::Utf8).is_ok(), "{signal}: {max}");
            let more = build(max + 1);
            assert_eq!(check(signal, &more, Strings::Utf8).map_err(|error| error.reason), Err(why));
            assert_eq!(migrated(&more), more, "what is refused is not rewritten before");
        }
    }
}
