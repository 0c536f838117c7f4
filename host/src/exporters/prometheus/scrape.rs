//! One answer to one scrape: a response body that renders the store while it is being sent.
//!
//! The body is pulled: a chunk is made when the connection can take one, so a scrape holds one chunk and one piece of the store
//! in memory, however many series there are and however slow the scraper is. How long it may take is the server's business.

use std::io;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::{Body, Frame};

use super::Config;
use super::exposition::{Format, Renderer};
use super::note::Note;
use super::notes::Notes;
use super::pace::Turn;
use super::store::{Cursor, Piece, Store};
use crate::exporters::Clock;

/// A chunk is sent when it has this size; its last series can make it larger.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// What somebody sees who looks before there is anything. In OpenMetrics there is no place for it.
const NOTHING_YET: &str = "# Nothing to show yet: no point has arrived here, or all have expired. Plugins that aggregate emit at their interval.\n";

/// How often ingest yields to a waiting scrape before it goes on all the same.
const YIELDS_MAX: u32 = 32;

/// What ingest and scrapes share.
pub struct ScrapeTarget {
    store: Mutex<Store>,
    /// Scrapes that wait for the store.
    waiting: AtomicUsize,
    /// What is counted and told of what is shown otherwise than it came.
    pub notes: Notes,
    /// Time, for expiry.
    pub clock: Clock,
    /// Whether samples carry the time of their point.
    pub send_timestamps: bool,
    /// Whether OpenMetrics is offered.
    pub enable_open_metrics: bool,
}

impl ScrapeTarget {
    /// An empty store's sharing.
    pub fn new(store: Store, notes: Notes, clock: Clock, config: &Config) -> ScrapeTarget {
        ScrapeTarget {
            store: Mutex::new(store),
            waiting: AtomicUsize::new(0),
            notes,
            clock,
            send_timestamps: config.send_timestamps,
            enable_open_metrics: config.enable_open_metrics,
        }
    }

    /// The store, for one batch.
    pub fn for_ingest(&self) -> IngestTurn<'_> {
        IngestTurn { shared: self, store: None }
    }

    /// The store, for one piece of a scrape. Ingest sees who waits, and steps aside.
    fn lock_for_scrape(&self) -> MutexGuard<'_, Store> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        store
    }
}

/// Ingest's hold on the store. The mutex is not fair: a busy lane would take it again before a waiting scrape has woken up. So
/// a batch lets go of it every now and then, and gives a scrape that waits some time to take it.
pub struct IngestTurn<'s> {
    shared: &'s ScrapeTarget,
    store: Option<MutexGuard<'s, Store>>,
}

impl IngestTurn<'_> {
    /// The store, locked from here on until the turn ends or steps aside.
    pub fn store(&mut self) -> &mut Store {
        let shared = self.shared;
        self.store.get_or_insert_with(|| {
            for _ in 0..YIELDS_MAX {
                if shared.waiting.load(Ordering::Relaxed) == 0 {
                    break;
                }
                std::thread::yield_now();
            }
            shared.store.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Lets waiting scrapes in. What the store holds may only be read in between, so places stay good.
    pub fn step_aside(&mut self) {
        if self.shared.waiting.load(Ordering::Relaxed) > 0 {
            self.store = None;
        }
    }
}

/// The body of an answer.
pub struct ScrapeBody {
    shared: Arc<ScrapeTarget>,
    cursor: Cursor,
    piece: Piece,
    /// The series of the piece that comes next.
    next: Option<usize>,
    renderer: Renderer,
    format: Format,
    /// Present until the last byte was compressed, when compressing.
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Whether a series was shown.
    shows: bool,
    finished: bool,
    /// Held as long as the scrape lasts.
    turn: Option<Turn>,
}

impl ScrapeBody {
    /// Starts a scrape of what is in the store now.
    pub fn new(shared: Arc<ScrapeTarget>, format: Format, gzip: bool, turn: Option<Turn>) -> ScrapeBody {
        let now = (shared.clock)();
        let cursor = shared.lock_for_scrape().cursor(now, format == Format::OpenMetrics);
        let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        let renderer = Renderer::new(format, shared.send_timestamps);
        let piece = Piece::default();
        ScrapeBody { shared, cursor, piece, next: None, renderer, format, gzip, shows: false, finished: false, turn }
    }

    /// Some more of the answer; empty when all of it is still in the compressor.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        while text.len() < CHUNK_BYTES && !self.finished {
            if self.next.is_none() {
                let is_there = self.shared.lock_for_scrape().piece(&mut self.cursor, &mut self.piece);
                self.note_families();
                if !is_there {
                    if !self.shows && self.format == Format::Text {
                        text.extend_from_slice(NOTHING_YET.as_bytes());
                    }
                    text.extend_from_slice(self.format.end().as_bytes());
                    self.finished = true;
                    // Nothing of the store is held while the last bytes are on their way.
                    self.piece = Piece::default();
                    break;
                }
                self.next = Some(0);
            }
            let next = self.next.take().unwrap_or(0);
            self.next = self.renderer.render(&mut text, &self.piece, next, CHUNK_BYTES);
            self.shows |= !text.is_empty();
        }
        let tally = std::mem::take(&mut self.renderer.tally);
        self.shared.notes.add(&tally, (self.shared.clock)());
        self.compressed(text)
    }

    /// Counts the families that this answer passes over.
    fn note_families(&mut self) {
        for family in &self.piece.left_out {
            let (tally, meta) = (&mut self.renderer.tally, &family.meta);
            tally.add(Note::FamilyOmitted, family.series);
            let text = || format!("{} is left out, {} stays", meta.source, family.other);
            tally.explain(Note::FamilyOmitted, &meta.text_name, text);
        }
    }

    fn compressed(&mut self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        let Some(mut encoder) = self.gzip.take() else {
            return Ok(text);
        };
        encoder.write_all(&text)?;
        if self.finished {
            return encoder.finish();
        }
        let bytes = std::mem::take(encoder.get_mut());
        self.gzip = Some(encoder);
        Ok(bytes)
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        self.turn.iter().for_each(Turn::moved);
        match self.next_chunk() {
            Ok(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(Bytes::from(bytes))))),
            Ok(_) if self.finished => Poll::Ready(None),
            Ok(_) => {
                // Nothing to send yet: others may run first.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
