//! How many items a request has, for those who only count what they turn away: a walk over the levels that looks into no item.

use super::metrics::MetricKind;
use super::wire::{Fault, Reader};
use crate::contract::Signal;

/// Metric points, spans or log records of a request, as far as it can be read. Takes no longer than a check of its bytes, mostly far less.
pub fn count(signal: Signal, request: &[u8]) -> u64 {
    let mut items = 0;
    let scope = &mut |scope: &[u8]| {
        each(scope, 2, &mut |child| match signal {
            Signal::Metrics => metric(child, &mut items),
            Signal::Traces | Signal::Logs => {
                items += 1;
                Ok(())
            }
        })
    };
    // What cannot be read has no items: those before it count.
    let _ = each(request, 1, &mut |resource| each(resource, 2, &mut *scope));
    items
}

fn metric(metric: &[u8], items: &mut u64) -> Result<(), Fault> {
    let mut reader = Reader::new(metric);
    while let Some(field) = reader.field()? {
        if MetricKind::of_field(field.number).is_some() {
            each(field.value.bytes(field.raw)?, 1, &mut |_| {
                *items += 1;
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Calls `then` for each message of a repeated field.
fn each(message: &[u8], number: u32, then: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while !reader.rest.is_empty() {
        let Some(field) = reader.message_or_field((number << 3 | 2) as u8)? else { break };
        if field.number == number {
            then(field.value.bytes(field.raw)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::wire::put_bytes;

    fn message(number: u32, inner: &[u8]) -> Vec<u8> {
        let mut outer = Vec::new();
        put_bytes(&mut outer, number, inner);
        outer
    }

    #[test]
    fn items_are_counted_as_far_as_a_request_can_be_read() {
        let records = message(2, b"").repeat(3);
        let logs = message(1, &message(2, &records)).repeat(2);
        assert_eq!((count(Signal::Logs, &logs), count(Signal::Traces, &logs)), (6, 6));
        let points = [message(5, &message(1, b"").repeat(2)), message(7, &message(1, b""))].concat();
        let metrics = message(1, &message(2, &message(2, &points)));
        assert_eq!(count(Signal::Metrics, &metrics), 3);
        let cut = logs.get(..logs.len() - 1).unwrap_or_default();
        assert_eq!(count(Signal::Logs, cut), 3, "the first resource is whole");
        assert_eq!((count(Signal::Logs, b""), count(Signal::Logs, &[0xff; 8])), (0, 0));
    }
}
