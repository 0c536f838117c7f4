//! A request by its resources: what stands under each, as the bytes it came in.

use super::message::Message;
use super::wire::{Fault, Malformed, Reader, Value};

/// `resource_metrics`, `resource_spans` and `resource_logs` of the three requests, and `resource` below them.
const RESOURCES: u32 = 1;
const RESOURCE: u32 = 1;

/// A request in pieces.
pub struct Groups<'a> {
    /// What stands under each resource, in order.
    pub resources: Vec<Group<'a>>,
    /// Fields of the request that are none of these.
    others: Vec<&'a [u8]>,
}

/// One `ResourceMetrics`, `ResourceSpans` or `ResourceLogs`.
pub struct Group<'a> {
    /// The whole field, its tag and length included.
    raw: &'a [u8],
    /// Its resource.
    pub resource: Message<'a>,
}

/// Reads the outermost levels of a request that was checked.
pub fn groups(request: &[u8]) -> Result<Groups<'_>, Malformed> {
    read(request).map_err(|fault: Fault| fault.within(request))
}

fn read(request: &[u8]) -> Result<Groups<'_>, Fault> {
    let mut groups = Groups { resources: Vec::new(), others: Vec::new() };
    let mut reader = Reader::new(request);
    while let Some(field) = reader.field()? {
        match (field.number, field.value) {
            (RESOURCES, Value::Len(group)) => {
                let mut resource = Message::default();
                Message::whole(group).each_field(|below| {
                    if let (RESOURCE, Value::Len(piece)) = (below.number, below.value) {
                        resource.push(piece);
                    }
                    Ok(())
                })?;
                groups.resources.push(Group { raw: field.raw, resource });
            }
            _ => groups.others.push(field.raw),
        }
    }
    Ok(groups)
}

impl Groups<'_> {
    /// The request with those of its resources for which there is a `true`.
    pub fn with(&self, kept: impl Iterator<Item = bool> + Clone) -> Vec<u8> {
        let kept =
            || self.resources.iter().zip(kept.clone()).filter(|(_, is_kept)| *is_kept).map(|(group, _)| group.raw);
        let pieces = || kept().chain(self.others.iter().copied());
        let mut bytes = Vec::with_capacity(pieces().map(<[u8]>::len).sum());
        pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Several requests, in one pass: each resource goes to the one with its number, or to none. Fields that are no resources go to none.
    pub fn divided(&self, numbers: &[Option<usize>], count: usize) -> Vec<Vec<u8>> {
        let mut requests = vec![Vec::new(); count];
        for (group, number) in self.resources.iter().zip(numbers) {
            if let Some(request) = number.and_then(|number| requests.get_mut(number)) {
                request.extend_from_slice(group.raw);
            }
        }
        requests
    }
}
