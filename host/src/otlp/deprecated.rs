//! Requests of senders older than OTLP 0.15: what they call instrumentation libraries (field 1000 of a resource's message) is what
//! is called scopes now (field 2), field by field. It is put in their place before anybody reads the request.
//!
//! As the specification has it for the time of the change, and the Collector does: a resource that has scopes as well was written by
//! a sender that knows both, and its field 1000 says the same again; it is left out.

use std::borrow::Cow;

use super::parts::{RESOURCES_MAX, SCOPES_MAX, TOO_MANY_RESOURCES, TOO_MANY_SCOPES, one_more};
use super::wire::{Fault, Reader, put_bytes};

/// The number of `instrumentation_library_{metrics,spans,logs}`.
const LIBRARIES: u32 = 1000;
/// The number of `scope_{metrics,spans,logs}`.
const SCOPES: u32 = 2;
/// The number of `resource_{metrics,spans,logs}` in a request.
const RESOURCES: u32 = 1;

/// How many fields are looked at: more resources and scopes are refused by whoever reads the request.
const LOOKS_MAX: u64 = RESOURCES_MAX + SCOPES_MAX;

/// The request as a sender of today writes it. Costs a look at the heads of resources and scopes where there is nothing to do. What cannot
/// be read stays as it is: whoever checks the request says what is wrong with it.
pub fn migrated(request: &[u8]) -> Cow<'_, [u8]> {
    match has_libraries(request) {
        true => rewritten(request).map_or(Cow::Borrowed(request), Cow::Owned),
        false => Cow::Borrowed(request),
    }
}

/// Whether there is anything to do, as far as a bounded look tells.
pub fn has_libraries(request: &[u8]) -> bool {
    looked_for(request).unwrap_or(false)
}

fn looked_for(request: &[u8]) -> Result<bool, Fault> {
    let mut looks = 0;
    let mut reader = Reader::new(request);
    while let Some(field) = reader.field()? {
        one_more(&mut looks, LOOKS_MAX, field.raw, TOO_MANY_RESOURCES)?;
        if field.number != RESOURCES {
            continue;
        }
        let mut reader = Reader::new(field.value.bytes(field.raw)?);
        while let Some(field) = reader.field()? {
            one_more(&mut looks, LOOKS_MAX, field.raw, TOO_MANY_SCOPES)?;
            if field.number == LIBRARIES {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn has_field(message: &[u8], number: u32) -> Result<bool, Fault> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        if field.number == number {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rewritten(request: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(request.len());
    let mut reader = Reader::new(request);
    while let Some(field) = reader.field()? {
        match field.number {
            RESOURCES => put_bytes(&mut out, RESOURCES, &resource(field.value.bytes(field.raw)?)?),
            _ => out.extend_from_slice(field.raw),
        }
    }
    Ok(out)
}

/// One resource with its libraries as scopes, where they were.
fn resource(message: &[u8]) -> Result<Vec<u8>, Fault> {
    let has_scopes = has_field(message, SCOPES)?;
    let mut out = Vec::with_capacity(message.len());
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match field.number {
            LIBRARIES if has_scopes => {}
            LIBRARIES => put_bytes(&mut out, SCOPES, field.value.bytes(field.raw)?),
            _ => out.extend_from_slice(field.raw),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|(number, bytes)| put_bytes(&mut out, *number, bytes));
        out
    }

    #[test]
    fn libraries_take_the_place_of_scopes() {
        let old = message(&[(1, &message(&[(1, b"r"), (1000, b"one"), (1000, b"two"), (3, b"u")]))]);
        let new = message(&[(1, &message(&[(1, b"r"), (2, b"one"), (2, b"two"), (3, b"u")]))]);
        assert_eq!(migrated(&old), new);
        assert!(matches!(migrated(&new), Cow::Borrowed(_)), "nothing is copied");
    }

    #[test]
    fn libraries_beside_scopes_say_the_same_again() {
        let both = message(&[(1, &message(&[(2, b"new"), (1000, b"old")])), (1, &message(&[(1000, b"alone")]))]);
        let new = message(&[(1, &message(&[(2, b"new")])), (1, &message(&[(2, b"alone")]))]);
        assert_eq!(migrated(&both), new);
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        let whole = message(&[(1, &message(&[(1000, b"one")]))]);
        for length in 0..whole.len() {
            let cut = whole.get(..length).unwrap_or_default();
            assert_eq!(migrated(cut), cut);
        }
        // Field 1000 as a number.
        let odd = message(&[(1, b"\xc0\x3e\x01")]);
        assert_eq!(migrated(&odd), odd);
    }
}
