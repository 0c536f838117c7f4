//! Points that are several samples.

use super::super::compound::Times;
use super::super::drops::Reason;
use super::super::note::Note;
use super::super::read::{PointReader, Readable};
use super::super::series::Update;
use super::super::store::Sample;
use super::{Ingest, Taken};
use crate::otlp::points::PointHeader;
use crate::otlp::wire::Fault;

impl Ingest<'_, '_> {
    /// Takes a point of a kind that is several samples; its attributes were visited before. `read` is told whether exemplars
    /// are wanted.
    pub(super) fn compound(
        &mut self,
        point: &PointHeader<'_>,
        read: impl FnOnce(&mut PointReader, bool) -> Result<Readable, Fault>,
    ) -> Result<(), Fault> {
        let stream = self.next_stream();
        let update = match &self.metric {
            Ok(metric) => metric.update,
            Err(reason) => {
                let reason = *reason;
                self.count_outcome(Err(reason));
                return Ok(());
            }
        };
        if point.is_stale() {
            return self.forget(point.raw, stream);
        }
        // Out for a moment: taking the point needs all the rest.
        let mut reader = std::mem::take(self.reader);
        let readable = read(&mut reader, self.settings.exemplars)?;
        let times = Times { start: point.start_time, end: point.time };
        let left_out = reader.compound.exemplars.iter().map(|exemplar| u64::from(exemplar.left_out)).sum();
        self.tally.add(Note::ExemplarLabelLeftOut, left_out);
        let spoils = update == Update::Accumulate && reader.compound.sum.is_some_and(f64::is_nan);
        let outcome = match readable {
            Ok(()) if spoils => Ok(Err(Reason::InvalidDelta)),
            Ok(()) => self.take(&Taken { raw: point.raw, sample: Sample::Compound(&reader.compound, times) }, stream),
            Err(reason) => Ok(Err(reason)),
        };
        *self.reader = reader;
        self.count_outcome(outcome?);
        Ok(())
    }
}
