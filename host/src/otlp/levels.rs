//! The two levels that requests of all signals share: resources, and in them scopes with their children.
//!
//! Whatever the order of fields, a resource is told before its scopes and a scope before its children. Source: `opentelemetry/proto/{metrics,trace,logs}/v1`.

use super::attribute::Strings;
use super::message::Message;
use super::parts::{
    CHILDREN_MAX, RESOURCES_MAX, SCOPES_MAX, TOO_MANY_CHILDREN, TOO_MANY_RESOURCES, TOO_MANY_SCOPES, one_more,
};
use super::schema;
use super::wire::{Fault, Malformed, Reader};

/// Hears what a walk over the levels passes, parents before children.
pub trait Levels<'a> {
    /// A `ResourceMetrics`, `ResourceSpans` or `ResourceLogs` begins; its `resource` may be absent.
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault>;
    /// The schema URL of the scope that is told next. In [`Order::Any`] alone: encoders write it behind the children.
    fn scope_schema_url(&mut self, _url: &'a [u8]) {}
    /// A `ScopeMetrics`, `ScopeSpans` or `ScopeLogs` begins; its `scope` may be absent.
    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault>;
    /// A metric, span or log record, not looked into yet.
    fn child(&mut self, child: &'a [u8]) -> Result<(), Fault>;
}

/// How a walk goes about fields whose order nobody promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As encoders write them: what encloses children before them. Found otherwise, the walk ends with [`UNUSUAL`], and what its
    /// visitor heard does not count. Everything is read once.
    Usual,
    /// Any: a level is gone through once for what encloses, and once more for its children.
    Any,
}

/// Why a walk in [`Order::Usual`] ended.
pub const UNUSUAL: &str = "fields in an unusual order";

/// Walks in the usual order, and in any where that is not the request's.
pub fn in_either_order<T>(mut walk: impl FnMut(Order) -> Result<T, Malformed>) -> Result<T, Malformed> {
    match walk(Order::Usual) {
        Err(error) if error.reason == UNUSUAL => walk(Order::Any),
        walked => walked,
    }
}

/// Walks a request down to the children of its scopes, checking all bytes of the levels above them.
pub fn walk<'a>(request: &'a [u8], strings: Strings, order: Order, levels: &mut impl Levels<'a>) -> Result<(), Fault> {
    let mut reader = Reader::new(request);
    let (mut resources, mut scopes, mut children) = (0, 0, 0);
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            one_more(&mut resources, RESOURCES_MAX, field.raw, TOO_MANY_RESOURCES)?;
            let message = field.value.bytes(field.raw)?;
            let begin = |levels: &mut _, own: &Message<'a>, _: &'a [u8]| {
                schema::RESOURCE.check_pieces(own, strings)?;
                Levels::resource(levels, own)
            };
            level(message, strings, order, levels, begin, |levels, scope| {
                one_more(&mut scopes, SCOPES_MAX, scope, TOO_MANY_SCOPES)?;
                let begin = |levels: &mut _, own: &Message<'a>, schema_url: &'a [u8]| {
                    schema::SCOPE.check_pieces(own, strings)?;
                    Levels::scope_schema_url(levels, schema_url);
                    Levels::scope(levels, own)
                };
                level(scope, strings, order, levels, begin, |levels, child| {
                    one_more(&mut children, CHILDREN_MAX, child, TOO_MANY_CHILDREN)?;
                    levels.child(child)
                })
            })?;
        }
    }
    Ok(())
}

/// One level: `begin` with its resource or scope (field 1) and, in [`Order::Any`], its schema URL (field 3), which is checked; then `child`
/// for each of its children (field 2).
fn level<'a, L>(
    message: &'a [u8],
    strings: Strings,
    order: Order,
    levels: &mut L,
    begin: impl Fn(&mut L, &Message<'a>, &'a [u8]) -> Result<(), Fault>,
    mut child: impl FnMut(&mut L, &'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (mut own, mut schema_url): (_, &[u8]) = (Message::default(), &[]);
    let mut has_begun = order == Order::Any;
    if has_begun {
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            match field.number {
                1 => own.push(field.value.bytes(field.raw)?),
                3 => schema_url = field.value.bytes(field.raw)?,
                _ => {}
            }
        }
        begin(levels, &own, schema_url)?;
    }
    let mut reader = Reader::new(message);
    while let [first, ..] = reader.rest {
        if *first == 0x12 && has_begun {
            child(levels, reader.delimited_after_tag()?)?;
            continue;
        }
        let Some(field) = reader.field()? else { break };
        match field.number {
            1 if order == Order::Any => {}
            1 if has_begun => return Err(Fault::at(field.raw, UNUSUAL)),
            1 => own.push(field.value.bytes(field.raw)?),
            2 => {
                if !std::mem::replace(&mut has_begun, true) {
                    begin(levels, &own, schema_url)?;
                }
                child(levels, field.value.bytes(field.raw)?)?;
            }
            3 => strings.check(field.value.bytes(field.raw)?)?,
            _ => {}
        }
    }
    if has_begun { Ok(()) } else { begin(levels, &own, schema_url) }
}

/// Calls `each` for every message of a repeated field.
pub fn each_child<'a>(
    message: &'a [u8],
    number: u32,
    mut each: impl FnMut(&'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if field.number == number {
            each(field.value.bytes(field.raw)?)?;
        }
    }
    Ok(())
}
