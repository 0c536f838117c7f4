//! Edits on bytes: what a plugin did not touch is copied as it stands.

use super::attribute::Strings;
use super::columns::{Bitmap, Columns, Run};
use super::metrics::{MetricKind, read_metric};
use super::wire::{self, Fault, Malformed, Reader};

/// A metrics request without the rows in `removed`. A metric, scope or resource that loses its last child this way goes with it;
/// one that had none stays. `columns` are those projected from the same bytes. Empty when nothing is left.
pub fn remove_rows(request: &[u8], columns: &Columns, removed: &Bitmap) -> Result<Vec<u8>, Malformed> {
    let mut edit = Edit { runs: columns.runs.iter().peekable(), removed, ordinal: 0, row: 0 };
    let mut out = Vec::with_capacity(request.len());
    edit.request(request, &mut out).map_err(|fault| fault.within(request))?;
    Ok(out)
}

struct Edit<'e> {
    runs: std::iter::Peekable<std::slice::Iter<'e, Run>>,
    removed: &'e Bitmap,
    /// The metric at hand, in the order of a walk.
    ordinal: u32,
    /// The row at hand.
    row: usize,
}

/// Whether a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Kept,
    Emptied,
}

impl<'e> Edit<'e> {
    fn request(&mut self, request: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.children(request, 1, out, |edit, message, out| {
            edit.children(message, 2, out, |edit, message, out| edit.children(message, 2, out, Edit::metric))
        })?;
        Ok(())
    }

    /// Copies a message's own fields and the children that are left of field `number`.
    fn children(
        &mut self,
        message: &[u8],
        number: u32,
        out: &mut Vec<u8>,
        mut child: impl FnMut(&mut Edit<'e>, &[u8], &mut Vec<u8>) -> Result<Rest, Fault>,
    ) -> Result<Rest, Fault> {
        let (mut before, mut after) = (0, 0);
        let mut inner = Vec::new();
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            if field.number != number {
                out.extend_from_slice(field.raw);
                continue;
            }
            before += 1;
            inner.clear();
            if child(self, field.value.bytes(field.raw)?, &mut inner)? == Rest::Kept {
                wire::put_bytes(out, number, &inner);
                after += 1;
            }
        }
        Ok(if before > 0 && after == 0 { Rest::Emptied } else { Rest::Kept })
    }

    fn metric(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<Rest, Fault> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Some(run) = self.runs.next_if(|run| run.ordinal == ordinal) else {
            out.extend_from_slice(message);
            return Ok(Rest::Kept);
        };
        let (first, end) = (self.row, run.end as usize);
        self.row = end;
        if (first..end).all(|row| !self.removed.get(row)) {
            out.extend_from_slice(message);
            return Ok(Rest::Kept);
        }
        self.points(message, first, out)
    }

    /// Writes the metric with its data in one piece: the points that are left, and the fields beside them.
    fn points(&mut self, message: &[u8], first: usize, out: &mut Vec<u8>) -> Result<Rest, Fault> {
        let (header, data) = read_metric(message, Strings::Bytes)?;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.field()? {
            if MetricKind::of_field(field.number).is_none() {
                out.extend_from_slice(field.raw);
            }
        }
        let (mut rest, mut row, mut kept) = (Vec::new(), first, 0_usize);
        data.each_field(|field| {
            let is_point = field.number == 1;
            let keep = !is_point || !self.removed.get(row);
            row += usize::from(is_point);
            kept += usize::from(is_point && keep);
            if keep {
                rest.extend_from_slice(field.raw);
            }
            Ok(())
        })?;
        let Some(kind) = header.kind.filter(|_| kept > 0) else { return Ok(Rest::Emptied) };
        wire::put_bytes(out, kind.field(), &rest);
        Ok(Rest::Kept)
    }
}
