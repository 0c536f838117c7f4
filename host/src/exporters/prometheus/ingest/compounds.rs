//! Points that are several samples.

use super::super::drops::Reason;
use super::super::series::Update;
use super::super::store::Sample;
use super::{Ingest, Taken};
use crate::otlp::wire::Fault;

impl Ingest<'_> {
    /// Takes a point of a kind that is several samples; its attributes were visited before.
    pub fn compound(&mut self, raw: &[u8]) -> Result<(), Fault> {
        let stream = self.next_stream();
        self.attributes_bytes = 0;
        let (Some(kind), Ok(metric)) = (self.kind, &self.metric) else {
            self.metric.as_ref().err().into_iter().for_each(|reason| self.drops.add(*reason, 1));
            return Ok(());
        };
        let update = metric.update;
        // Out for a moment: taking the point needs all the rest.
        let mut reader = std::mem::take(self.reader);
        let (header, checked) = reader.read(kind, raw, self.settings.exemplars)?;
        let spoils = update == Update::Accumulate && reader.compound.sum.is_some_and(f64::is_nan);
        let outcome = match checked {
            _ if header.is_stale => self.forget(raw, stream).map(Ok),
            Ok(()) if spoils => Ok(Err(Reason::InvalidDelta)),
            Ok(()) => self.take(&Taken { raw, sample: Sample::Compound(&reader.compound, header.times) }, stream),
            Err(reason) => Ok(Err(reason)),
        };
        *self.reader = reader;
        if let Err(reason) = outcome? {
            self.drops.add(reason, 1);
        }
        Ok(())
    }
}
