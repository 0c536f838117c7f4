//! Checking and counting a request that nobody projects.

use super::attribute::Strings;
use super::levels::each_child;
use super::metrics::{self, MetricHeader, MetricsVisitor, Visit};
use super::schema::{self, MessageType};
use super::wire::{Fault, Malformed};
use crate::contract::Signal;

/// Checks every byte of an export request and returns how many items (points, spans, records) it has.
pub fn check(signal: Signal, request: &[u8], strings: Strings) -> Result<u64, Malformed> {
    let counted = match signal {
        Signal::Metrics => return metrics::walk(request, strings, &mut Unread),
        Signal::Traces => check_items(request, strings, &schema::TRACES),
        Signal::Logs => check_items(request, strings, &schema::LOGS),
    };
    counted.map_err(|fault| fault.within(request))
}

struct Unread;

impl<'a> MetricsVisitor<'a> for Unread {
    fn metric(&mut self, _metric: &MetricHeader<'a>) -> Result<Visit, Fault> {
        // The walk checks points it reports faster than by the table.
        Ok(Visit::Points)
    }
}

/// Traces and logs have the same shape: field 1 of the request, field 2 of that, and the items are field 2 of those.
fn check_items(request: &[u8], strings: Strings, table: &MessageType) -> Result<u64, Fault> {
    table.check(request, strings)?;
    let mut items = 0;
    each_child(request, 1, |resource| {
        each_child(resource, 2, |scope| {
            each_child(scope, 2, |_item| {
                items += 1;
                Ok(())
            })
        })
    })?;
    Ok(items)
}
