//! Editing bytes is editing the decoded structs, or is refused because too much would come of it.

use crate::bytes::Choices;
use crate::contract::Signal;
use crate::generate::Request;
use crate::memory::{counted, is_bounded};
use crate::model::edits::{Editor, without_empty_parts};
use crate::otlp::columns::{Bitmap, Layout};
use crate::otlp::descriptors::Descriptor;
use crate::otlp::edit::{Action, EditError, Edits, apply};
use crate::otlp::projection::{Projection, Projector};
use crate::otlp::{self, Strings};
use crate::script;

/// Between a request and what is asked for. Without it the request's own bytes say that, too.
pub const MARK: &[u8] = b"\nedits\n";

/// An item of two bytes becomes a record of a hundred in lists that double.
const FACTOR: usize = 250;
const BASE: usize = 16 << 10;
/// No request of less than this is too large.
const OUTPUT_BYTES: usize = 16 << 20;
/// As in `projection.rs`.
const TEXT_MAX: usize = 8 << 10;

pub fn check(bytes: &[u8]) {
    let mark = bytes.windows(MARK.len()).rposition(|window| window == MARK);
    let (request, script) = mark.map_or((bytes, bytes), |at| (&bytes[..at], &bytes[at + MARK.len()..]));
    for signal in Signal::ALL {
        let mut choices = Choices::new(script);
        if let Some(case) = Case::new(signal, request, &mut choices) {
            case.check();
        }
    }
}

/// A request, what is known of it, and what is asked for.
struct Case<'r> {
    signal: Signal,
    request: &'r [u8],
    projection: Projection,
    descriptors: Vec<Descriptor>,
    layout: Layout,
    removed: Bitmap,
    edits: Edits,
}

impl<'r> Case<'r> {
    fn new(signal: Signal, request: &'r [u8], choices: &mut Choices<'_>) -> Option<Case<'r>> {
        let projection = script::projection(choices);
        let mut projector = Projector::new(signal, projection.clone(), 0);
        let layout = projector.project(request, Strings::Bytes).ok()?.layout;
        let descriptors = projector.take_unsent_descriptors();
        let removed = script::rows(choices, layout.rows as usize);
        let edits = script::edits(choices, layout.rows as usize, descriptors.len());
        Some(Case { signal, request, projection, descriptors, layout, removed, edits })
    }

    fn check(&self) {
        let (edited, taken) = counted(|| apply(self.signal, self.request, &self.layout, &self.removed, &self.edits));
        let written = match &edited {
            Ok(edited) => edited.len(),
            Err(EditError::TooLarge(limit)) => *limit,
            Err(EditError::Malformed(malformed)) => panic!("what was projected can be edited: {malformed}"),
        };
        is_bounded(taken, self.request.len() + self.edit_bytes(), FACTOR, BASE + 4 * written);
        let expected = self.expected();
        let Ok(edited) = edited else {
            let expected = expected.map_or(OUTPUT_BYTES, |expected| expected.encode().len());
            return assert!(expected > OUTPUT_BYTES / 2, "{expected} bytes are not too large");
        };
        let items = otlp::check(self.signal, &edited, Strings::Bytes);
        assert_eq!(items, Ok(self.layout.items - self.removed.count_without(&self.layout.bare)));
        assert!(!self.edits.is_empty() || edited.len() <= self.request.len(), "removing adds nothing");
        if let Some(expected) = expected {
            self.compare(&edited, expected);
        }
    }

    fn edit_bytes(&self) -> usize {
        let bytes = |action: &Action| match action {
            Action::Set { values, indices, .. } => {
                values.iter().map(|value| value.len()).sum::<usize>() + indices.len() * 4
            }
            Action::SetMany { sets, indices } => {
                let values = sets.iter().flatten().map(|(key, value)| key.len() + value.len());
                values.sum::<usize>() + indices.len() * 4
            }
            Action::RemoveMany { sets, indices } => {
                sets.iter().flatten().map(|key| key.len()).sum::<usize>() + indices.len() * 4
            }
            Action::Rename(to) => to.len(),
            Action::Copy { key, .. } => key.len(),
            Action::Remove => 0,
        };
        let attributes = self.edits.attributes.iter().map(|edit| edit.key.len() + bytes(&edit.action));
        let fields = self
            .edits
            .fields
            .iter()
            .map(|edit| edit.values.iter().map(|value| value.len()).sum::<usize>() + edit.indices.len() * 4);
        attributes.chain(fields).sum()
    }

    /// What should come of it; `None` where prost reads no request.
    fn expected(&self) -> Option<Request> {
        if self.signal == Signal::Metrics && self.request.len() > TEXT_MAX {
            return None;
        }
        let request = Request::decode(self.signal, self.request).ok()?;
        Some(Editor::new(&self.projection, &self.removed, &self.edits, &self.descriptors).apply(&request))
    }

    fn compare(&self, edited: &[u8], mut expected: Request) {
        let mut edited = Request::decode(self.signal, edited).expect("an edited request is one");
        without_empty_parts(&mut edited);
        without_empty_parts(&mut expected);
        if edited.encode() != expected.encode() {
            let Case { removed, edits, .. } = self;
            panic!("{removed:?}\n{edits:#?}\nbecame {edited:#?}\nnot {expected:#?}");
        }
    }
}
