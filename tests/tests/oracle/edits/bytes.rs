//! What is not edited keeps its bytes.

use fastrand::Rng;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::{Action, Edits};
use otelier::otlp::key::Level;
use otelier_tests::generate::schema::{self, MessageSpec};
use otelier_tests::generate::{Request, vary};

use super::{Case, random};
use crate::seeds;

/// Whether an edit of items names a row.
fn edits_item(edits: &Edits, row: usize) -> bool {
    let of_attribute = edits.attributes.iter().any(|edit| edit.level == Level::Item && edit.rows.get(row));
    of_attribute || edits.fields.iter().any(|edit| edit.rows.get(row))
}

/// Any bytes of a repeated field below a message, at the end of a path of field numbers.
fn below<'b>(message: &'b [u8], path: &[u32]) -> Vec<&'b [u8]> {
    let Some((number, path)) = path.split_first() else { return vec![message] };
    fields(message).into_iter().filter(|(at, _)| at == number).flat_map(|(_, inner)| below(inner, path)).collect()
}

/// The length-delimited fields of a plain message.
fn fields(mut rest: &[u8]) -> Vec<(u32, &[u8])> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = prost::encoding::decode_varint(&mut rest).unwrap();
        let length = match tag & 7 {
            0 => {
                prost::encoding::decode_varint(&mut rest).unwrap();
                continue;
            }
            1 => 8,
            5 => 4,
            _ => prost::encoding::decode_varint(&mut rest).unwrap() as usize,
        };
        let (payload, behind) = rest.split_at(length);
        rest = behind;
        if tag & 7 == 2 {
            fields.push(((tag >> 3) as u32, payload));
        }
    }
    fields
}

/// The bytes of every item, in order.
fn items(request: &Request, bytes: &[u8]) -> Vec<Vec<u8>> {
    let kinds = [5, 7, 9, 10, 11];
    let children = below(bytes, &[1, 2, 2]);
    let items: Vec<&[u8]> = match request {
        Request::Metrics(_) => {
            children.into_iter().flat_map(|metric| kinds.map(|kind| below(metric, &[kind, 1])).concat()).collect()
        }
        _ => children,
    };
    items.into_iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn edits_of_no_rows_leave_a_plain_request_as_it_is() {
    seeds::check(1500, |rng| {
        let case = Case::random(rng, true);
        let mut edits = random::edits(rng, case.rows(), 0);
        for edit in &mut edits.attributes {
            edit.rows = Bitmap::default();
            if let Action::Set { indices, .. } | Action::SetMany { indices, .. } | Action::RemoveMany { indices, .. } =
                &mut edit.action
            {
                indices.clear();
            }
        }
        for edit in &mut edits.fields {
            (edit.rows, edit.indices) = (Bitmap::default(), Vec::new());
        }
        assert_eq!(case.apply(&Bitmap::default(), &Edits::default()), case.bytes);
        assert_eq!(case.apply(&Bitmap::default(), &edits), case.bytes);
    });
}

/// Items in a varied form, each with unknown fields and an order of its own, come out as they went in.
#[test]
fn items_that_no_edit_touches_keep_their_bytes_whatever_happens_around_them() {
    seeds::check(2000, |rng| {
        let mut case = Case::random(rng, true);
        let spec = match case.request {
            Request::Traces(_) => &schema::SPAN,
            Request::Logs(_) => &schema::LOG_RECORD,
            Request::Metrics(_) => return,
        };
        case.bytes = with_varied_items(rng, &case.bytes, &[1, 2, 2], spec);
        let before = items(&case.request, &case.bytes);
        if before.len() != case.rows() {
            return;
        }
        let removed = random::rows(rng, case.rows(), &[0, 30]);
        let edits = random::edits(rng, case.rows(), 0);
        let left = items(&case.request, &case.apply(&removed, &edits));
        let touched = |row: usize| edits_item(&edits, row) || removed.get(row);
        for (row, item) in before.iter().enumerate().filter(|(row, _)| !touched(*row)) {
            assert!(left.contains(item), "row {row} became other bytes: {item:02x?} in {left:02x?}");
        }
    });
}

/// A plain request with every item in a form of its own.
fn with_varied_items(rng: &mut Rng, message: &[u8], path: &[u32], spec: &MessageSpec) -> Vec<u8> {
    let Some((number, deeper)) = path.split_first() else { return vary(rng, spec, message) };
    let mut out = Vec::new();
    for (at, inner) in fields(message) {
        let inner = if at == *number { with_varied_items(rng, inner, deeper, spec) } else { inner.to_vec() };
        out.extend(crate::hostile::field(at, &inner));
    }
    out
}

/// Points of metrics, in plain bytes.
#[test]
fn points_that_no_edit_touches_keep_their_bytes() {
    seeds::check(2000, |rng| {
        let case = Case::random(rng, true);
        let before = items(&case.request, &case.bytes);
        if before.len() != case.rows() || case.layout.bare.count() > 0 {
            return;
        }
        let edits = random::edits(rng, case.rows(), case.descriptors.len());
        let left = items(&case.request, &case.apply(&Bitmap::default(), &edits));
        for (_, item) in before.iter().enumerate().filter(|(row, _)| !edits_item(&edits, *row)) {
            assert!(left.contains(item), "{item:02x?} is not in {left:02x?}");
        }
        assert_eq!(left.len(), before.len());
    });
}

/// A resource with no row that is touched comes out byte by byte, whatever its form.
#[test]
fn resources_that_no_edit_touches_keep_their_bytes() {
    seeds::check(2000, |rng| {
        let mut case = Case::random(rng, true);
        let spec = match case.request {
            Request::Metrics(_) => &schema::RESOURCE_METRICS,
            Request::Traces(_) => &schema::RESOURCE_SPANS,
            Request::Logs(_) => &schema::RESOURCE_LOGS,
        };
        case.bytes = with_varied_items(rng, &case.bytes, &[1], spec);
        let (before, rows) = (case.bytes.clone(), case.rows());
        let removed = random::rows(rng, rows, &[0, 5]);
        let edits = random::edits(rng, rows, 0);
        let left = case.apply(&removed, &edits);
        let of_attribute = |row: usize| edits.attributes.iter().any(|edit| edit.rows.get(row));
        let touched = |row: usize| removed.get(row) || of_attribute(row) || edits_item(&edits, row);
        let mut first = 0;
        for (resource, extent) in below(&before, &[1]).iter().zip(&case.layout.resources) {
            let is_touched = (first..extent.end as usize).any(touched);
            assert!(is_touched || below(&left, &[1]).contains(resource), "{resource:02x?} is not in {left:02x?}");
            first = extent.end as usize;
        }
    });
}
