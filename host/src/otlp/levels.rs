//! The two levels that requests of all signals share: resources, and in them scopes with their children.
//!
//! Whatever the order of fields, a resource is told before its scopes and a scope before its children: a level's singular
//! fields are gathered first, its children walked second. Source: `opentelemetry/proto/{metrics,trace,logs}/v1`.

use super::attribute::Strings;
use super::message::Message;
use super::schema;
use super::wire::{Fault, Reader};

/// Hears what a walk over the levels passes, parents before children.
pub trait Levels<'a> {
    /// A `ResourceMetrics`, `ResourceSpans` or `ResourceLogs` begins; its `resource` may be absent.
    fn resource(&mut self, resource: &Message<'a>) -> Result<(), Fault>;
    /// A `ScopeMetrics`, `ScopeSpans` or `ScopeLogs` begins; its `scope` may be absent.
    fn scope(&mut self, scope: &Message<'a>) -> Result<(), Fault>;
    /// A metric, span or log record, not looked into yet.
    fn child(&mut self, child: &'a [u8]) -> Result<(), Fault>;
}

/// Walks a request down to the children of its scopes, checking all bytes of the levels above them.
pub fn walk<'a>(request: &'a [u8], strings: Strings, levels: &mut impl Levels<'a>) -> Result<(), Fault> {
    each_child(request, 1, |message| {
        let resource = own_fields(message, strings)?;
        schema::RESOURCE.check_pieces(&resource, strings)?;
        levels.resource(&resource)?;
        each_child(message, 2, |message| {
            let scope = own_fields(message, strings)?;
            schema::SCOPE.check_pieces(&scope, strings)?;
            levels.scope(&scope)?;
            each_child(message, 2, |child| levels.child(child))
        })
    })
}

/// The resource or scope (field 1) of a level; its schema URL (field 3) is checked.
fn own_fields<'a>(message: &'a [u8], strings: Strings) -> Result<Message<'a>, Fault> {
    let mut own = Message::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => own.push(field.value.bytes(field.raw)?),
            3 => strings.check(field.value.bytes(field.raw)?)?,
            _ => {}
        }
    }
    Ok(own)
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
