//! Checking and counting a request that nobody projects.

use super::attribute::Strings;
use super::levels::in_either_order;
use super::logs::{self, LogsVisitor};
use super::metrics::{self, MetricHeader, MetricsVisitor, Visit};
use super::spans::{self, SpansVisitor};
use super::wire::{Fault, Malformed};
use crate::contract::Signal;

/// Checks every byte of an export request and returns how many items (points, spans, records) it has. A walk checks what it
/// reports faster than the tables of `schema` do.
pub fn check(signal: Signal, request: &[u8], strings: Strings) -> Result<u64, Malformed> {
    in_either_order(|order| match signal {
        Signal::Metrics => metrics::walk(request, strings, order, &mut Unread),
        Signal::Traces => spans::walk(request, strings, order, &mut Unread),
        Signal::Logs => logs::walk(request, strings, order, &mut Unread),
    })
}

/// Hears everything and keeps nothing.
struct Unread;

impl<'a> MetricsVisitor<'a> for Unread {
    fn metric(&mut self, _: &MetricHeader<'a>) -> Result<Visit, Fault> {
        Ok(Visit::Points)
    }
}

impl SpansVisitor<'_> for Unread {}

impl LogsVisitor<'_> for Unread {}
