//! Editing bytes is editing the decoded structs, and what is not edited keeps its bytes.

mod bytes;
mod fields;
pub mod random;

use fastrand::Rng;
use otelier::contract::Signal;
use otelier::otlp::columns::{Bitmap, Layout};
use otelier::otlp::descriptors::Descriptor;
use otelier::otlp::edit::{Edits, apply};
use otelier::otlp::projection::{Projection, Projector};
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, chance, pick};

use crate::model::edits::{Editor, without_empty_parts};
use crate::projections::random::projection;
use crate::seeds;

/// A request with what a projection says of it.
struct Case {
    signal: Signal,
    request: Request,
    bytes: Vec<u8>,
    projection: Projection,
    descriptors: Vec<Descriptor>,
    layout: Layout,
}

impl Case {
    fn random(rng: &mut Rng, is_plain: bool) -> Case {
        let signal = pick(rng, &[Signal::Metrics, Signal::Metrics, Signal::Traces, Signal::Logs]);
        let request = Request::random(rng, signal);
        let bytes = if is_plain { request.encode() } else { request.varied(rng) };
        Case::new(rng, signal, request, bytes)
    }

    fn new(rng: &mut Rng, signal: Signal, request: Request, bytes: Vec<u8>) -> Case {
        let projection = projection(rng);
        let mut projector = Projector::new(signal, projection.clone(), 1000);
        let layout = projector.project(&bytes, Strings::Utf8).unwrap().layout;
        Case { signal, request, bytes, projection, descriptors: projector.take_unsent_descriptors(), layout }
    }

    fn rows(&self) -> usize {
        self.layout.rows as usize
    }

    fn apply(&self, removed: &Bitmap, edits: &Edits) -> Vec<u8> {
        apply(self.signal, &self.bytes, &self.layout, removed, edits).unwrap()
    }

    /// Whether bytes and structs come to the same.
    fn check(&self, removed: &Bitmap, edits: &Edits) {
        let edited = self.apply(removed, edits);
        check(self.signal, &edited, Strings::Utf8).expect("what the host has edited it takes itself");
        let mut edited = Request::decode(self.signal, &edited).expect("an edited request is OTLP");
        let mut expected = Editor::new(&self.projection, removed, edits, &self.descriptors).apply(&self.request);
        without_empty_parts(&mut edited);
        without_empty_parts(&mut expected);
        if edited.encode() != expected.encode() {
            panic!("removed {removed:?}\n{edits:#?}\nof {:#?}\nbecame {edited:#?}\nnot {expected:#?}", self.request);
        }
    }
}

#[test]
fn removed_rows_are_gone_and_nothing_else_is() {
    seeds::check(3000, |rng| {
        let case = Case::random(rng, false);
        let removed = random::rows(rng, case.rows(), &[0, 10, 50, 90, 100]);
        case.check(&removed, &Edits::default());
    });
}

#[test]
fn edited_bytes_decode_to_the_edited_structs() {
    seeds::check(6000, |rng| {
        let is_plain = chance(rng, 20);
        let case = Case::random(rng, is_plain);
        let removed = random::rows(rng, case.rows(), &[0, 0, 10, 50, 90]);
        let edits = random::edits(rng, case.rows(), case.descriptors.len());
        case.check(&removed, &edits);
    });
}

/// Bytes that were damaged and are a request all the same, of a form that nobody would write.
#[test]
fn damaged_bytes_are_edited_alike_if_they_are_a_request() {
    seeds::check(1500, |rng| {
        let Case { signal, mut bytes, .. } = Case::random(rng, false);
        for _ in 0..if bytes.is_empty() { 0 } else { 3 } {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u32(..8);
            let Ok(request) = Request::decode(signal, &bytes) else { return };
            let case = Case::new(rng, signal, request, bytes.clone());
            let removed = random::rows(rng, case.rows(), &[0, 0, 50]);
            case.check(&removed, &random::edits(rng, case.rows(), case.descriptors.len()));
        }
    });
}

/// A guest chooses bitmaps and indices, and a bug of ours might pair a layout with other bytes: neither may panic.
#[test]
fn edits_or_a_layout_that_do_not_fit_are_harmless() {
    seeds::check(1000, |rng| {
        let (case, other) = (Case::random(rng, true), Case::random(rng, true));
        let removed = Bitmap::from_words((0..rng.usize(..6)).map(|_| rng.u64(..)).collect());
        let rows = rng.usize(..300);
        let edits = random::edits(rng, rows, 5);
        for layout in [&other.layout, &Layout::default(), &case.layout] {
            if let Ok(left) = apply(case.signal, &case.bytes, layout, &removed, &edits) {
                Request::decode(case.signal, &left).expect("what is left is OTLP");
            }
        }
    });
}
