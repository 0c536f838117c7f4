//! A queue on disk. Each entry is two records of the store under its number: the head, and the OTLP bytes, untouched. A start reads the heads
//! only.
//!
//! ```text
//! head = 0x01 signal:u8 utf8:u8 items:u64 bytes:u64 (length:u32 name length:u32 value)*      little endian
//! ```

use crate::contract::{Batch, ComponentId, InvalidUtf8, Metadata, Signal};
use crate::storage::{ExporterQueue, QueueStore, StoreError, Write};

use super::queue::Size;

const FORMAT: u8 = 1;

/// A stored entry that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Written by another version.
    #[error(
        "entry {number} of the queue of {exporter} has format {found}, this version reads format {FORMAT}: start the version that wrote it to drain the queue, then this one"
    )]
    Format {
        /// The exporter.
        exporter: ComponentId,
        /// The entry.
        number: u64,
        /// What it says.
        found: u8,
    },
    /// A head without its payload, or one that does not read.
    #[error(
        "entry {number} of the queue of {exporter} is damaged: {reason}; restore the store from a backup, or remove the exporter from the configuration to go on without it"
    )]
    Damaged {
        /// The exporter.
        exporter: ComponentId,
        /// The entry.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The stored queue of one exporter.
#[derive(Debug, Clone)]
pub struct StoredQueue {
    queue: ExporterQueue,
    exporter: ComponentId,
}

/// What a start needs to know of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its size.
    pub size: Size,
}

impl StoredQueue {
    /// The queue of that exporter in that store.
    pub fn new(store: &QueueStore, exporter: &ComponentId) -> StoredQueue {
        StoredQueue { queue: store.queue(exporter), exporter: exporter.clone() }
    }

    /// What makes an entry be there, to be committed with its trip.
    pub fn put(&self, number: u64, batch: &Batch) -> [Write; 2] {
        self.queue.put(number, write_head(batch).into(), batch.bytes.clone())
    }

    /// What makes an entry that is settled be gone.
    pub fn removal(&self, number: u64) -> [Write; 2] {
        self.queue.removal(number)
    }

    /// All entries, in order.
    pub fn heads(&self) -> Result<Vec<Head>, StoredError> {
        let (mut heads, mut wrong) = (Vec::new(), None);
        self.queue.each_head(|number, head| match read_head(&head) {
            Ok(batch) => {
                let size = Size { requests: 1, items: batch.items, bytes: batch.bytes };
                heads.push(Head { number, size });
                std::ops::ControlFlow::Continue(())
            }
            Err(fault) => {
                wrong = Some(self.error(number, fault));
                std::ops::ControlFlow::Break(())
            }
        })?;
        wrong.map_or(Ok(heads), Err)
    }

    /// One entry.
    pub fn read(&self, number: u64) -> Result<Batch, StoredError> {
        let damaged = |reason| self.error(number, Fault::Damaged(reason));
        let head = self.queue.head(number)?.ok_or_else(|| damaged("its head is gone"))?;
        let head = read_head(&head).map_err(|fault| self.error(number, fault))?;
        let bytes = self.queue.payload(number)?.ok_or_else(|| damaged("its payload is gone"))?;
        if bytes.len() as u64 != head.bytes {
            return Err(damaged("its payload has another length"));
        }
        let Head1 { signal, invalid_utf8, items, metadata, .. } = head;
        Ok(Batch { signal, bytes, items: Some(items), invalid_utf8, metadata })
    }

    fn error(&self, number: u64, fault: Fault) -> StoredError {
        let exporter = self.exporter.clone();
        match fault {
            Fault::Format(found) => StoredError::Format { exporter, number, found },
            Fault::Damaged(reason) => StoredError::Damaged { exporter, number, reason },
        }
    }
}

enum Fault {
    Format(u8),
    Damaged(&'static str),
}

/// A head of format 1.
struct Head1 {
    signal: Signal,
    invalid_utf8: InvalidUtf8,
    items: u64,
    bytes: u64,
    metadata: Metadata,
}

fn write_head(batch: &Batch) -> Vec<u8> {
    let utf8 = match batch.invalid_utf8 {
        InvalidUtf8::Reject => 0,
        InvalidUtf8::Accept => 1,
    };
    let mut head = vec![FORMAT, batch.signal as u8, utf8];
    head.extend_from_slice(&batch.items.unwrap_or(0).to_le_bytes());
    head.extend_from_slice(&(batch.bytes.len() as u64).to_le_bytes());
    for text in batch.metadata.entries().iter().flat_map(|(name, value)| [name, value]) {
        head.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(text.as_bytes());
    }
    head
}

fn read_head(head: &[u8]) -> Result<Head1, Fault> {
    let (format, rest) = head.split_first().ok_or(Fault::Damaged("its head is empty"))?;
    if *format != FORMAT {
        return Err(Fault::Format(*format));
    }
    let cut = || Fault::Damaged("its head is cut");
    let ([signal, utf8], rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let (items, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let (bytes, mut rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let signal = Signal::ALL.into_iter().find(|known| *known as u8 == *signal);
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or_else(cut)?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = after;
    }
    let pairs = texts.chunks_exact(2).filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.clone())));
    Ok(Head1 {
        signal: signal.ok_or(Fault::Damaged("its signal is none of the three"))?,
        invalid_utf8: if *utf8 == 1 { InvalidUtf8::Accept } else { InvalidUtf8::Reject },
        items: u64::from_le_bytes(*items),
        bytes: u64::from_le_bytes(*bytes),
        metadata: Metadata::new(pairs.collect()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;

    use super::*;
    use crate::storage::Store;

    fn batch(bytes: &'static [u8]) -> Batch {
        Batch {
            signal: Signal::Traces,
            bytes: Bytes::from_static(bytes),
            items: Some(3),
            invalid_utf8: InvalidUtf8::Accept,
            metadata: Metadata::new(vec![("x-tenant".into(), "a".into()), ("x-tenant".into(), "b".into())]),
        }
    }

    #[test]
    fn entries_are_there_until_they_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let queue = StoredQueue::new(&store.queues(), &"otlp".parse().unwrap());
        let other = StoredQueue::new(&store.queues(), &"otlp/two".parse().unwrap());
        store.commit(&queue.put(255, &batch(b"first")), true).unwrap();
        store.commit(&queue.put(256, &batch(b"second")), true).unwrap();
        store.commit(&other.put(1, &batch(b"other")), true).unwrap();
        let heads = queue.heads().unwrap();
        assert_eq!(heads.iter().map(|head| head.number).collect::<Vec<_>>(), [255, 256]);
        assert_eq!(heads[0].size, Size { requests: 1, items: 3, bytes: 5 });
        let read = queue.read(256).unwrap();
        assert_eq!((read.signal, &read.bytes[..], read.items), (Signal::Traces, &b"second"[..], Some(3)));
        assert_eq!((read.invalid_utf8, read.metadata), (InvalidUtf8::Accept, batch(b"").metadata));
        store.commit(&queue.removal(255), false).unwrap();
        assert_eq!(queue.heads().unwrap().len(), 1);
        assert!(matches!(queue.read(255), Err(StoredError::Damaged { .. })));
        assert_eq!(other.heads().unwrap().len(), 1);
        let expected = [("otlp".to_owned(), 1), ("otlp/two".to_owned(), 1)];
        assert_eq!(store.queues().holders().unwrap().into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn another_format_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let queue = StoredQueue::new(&store.queues(), &"otlp".parse().unwrap());
        let [later, _] = queue.queue.put(4, Bytes::from_static(&[9, 1, 2]), Bytes::new());
        store.commit(&[later], true).unwrap();
        let error = queue.heads().unwrap_err().to_string();
        assert!(error.starts_with("entry 4 of the queue of otlp has format 9, this version reads format 1"), "{error}");
    }
}
