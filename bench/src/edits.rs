//! What an edit costs beside copying the same bytes: requests of each signal, projected once, edited again and again.
//!
//! Both are the least of several rounds of this thread's time, so that they are of the same quiet moments.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::columns::{Bitmap, Layout};
use otelier::otlp::edit::{self, Action, AttributeEdit, Edits, When};
use otelier::otlp::key::Level;
use otelier::otlp::projection::{Projection, Projector};
use serde_json::json;

use crate::load::Source as _;
use crate::paths::{Items, Kind};
use crate::payload::FRAME_BYTES;
use crate::report::figure;

/// Measures edits alone, in this process.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Items of a request.
    #[arg(long, default_value_t = 8192)]
    batch: usize,
    /// How often each is measured.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

/// One edit of a request.
struct Case {
    name: &'static str,
    removed: Bitmap,
    edits: Edits,
}

/// Prints one line of JSON for each kind of items and edit.
pub fn run(options: &Options) -> Result<()> {
    for (kind, signal, key) in [
        (Kind::Points, Signal::Metrics, "work.id"),
        (Kind::Spans, Signal::Traces, "user.id"),
        (Kind::Logs, Signal::Logs, "user.id"),
    ] {
        let mut items = Items::new(kind, options.batch)?;
        let request = items.next().framed.slice(FRAME_BYTES..);
        let projection = Projection { metrics: vec!["*".to_owned()], items: true, ..Projection::default() };
        let layout = Projector::new(signal, projection, 1).project(&request, Strings::Utf8)?.layout;
        let copying = least(options.rounds, || Ok(request.to_vec()))?;
        for case in cases(&layout, key) {
            let Case { name, removed, edits } = case;
            let editing = least(options.rounds, || Ok(edit::apply(signal, &request, &layout, &removed, &edits)?))?;
            let ns = |time: Duration| time.as_nanos() as f64 / options.batch as f64;
            let line = json!({
                "bench": format!("edit-{}-{name}", kind.pipeline()),
                "batch": options.batch,
                "bytes_per_item": figure(Some(request.len() as f64 / options.batch as f64)),
                "ns_per_item": figure(Some(ns(editing))),
                "copy_ns_per_item": figure(Some(ns(copying))),
                "mib_per_s": figure(Some(request.len() as f64 / editing.as_secs_f64() / f64::from(1 << 20))),
                "ratio_copy": figure(Some(copying.as_secs_f64() / editing.as_secs_f64())),
            });
            println!("{}", serde_json::to_string(&line)?);
        }
    }
    Ok(())
}

fn least(rounds: u32, mut work: impl FnMut() -> Result<Vec<u8>>) -> Result<Duration> {
    let mut least = None;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        black_box(work()?);
        let time = start.elapsed();
        least = Some(least.map_or(time, |least: Duration| least.min(time)));
    }
    least.context("no round")
}

fn cases(layout: &Layout, key: &str) -> Vec<Case> {
    let rows = layout.rows as usize;
    let some = |step: usize| {
        let mut bitmap = Bitmap::default();
        (0..rows).step_by(step).for_each(|row| bitmap.set(row));
        bitmap
    };
    let edit = |level, key: &str, action, step| {
        let key = key.as_bytes().into();
        Edits { attributes: vec![AttributeEdit { level, key, rows: some(step), action }], ..Edits::default() }
    };
    // `AnyValue` with a string.
    let value: Box<[u8]> = b"\x0a\x04test"[..].into();
    let set = || Action::Set { when: When::Always, values: vec![value.clone()], indices: Vec::new() };
    let none = Bitmap::default;
    vec![
        Case { name: "drop-every-tenth", removed: some(10), edits: Edits::default() },
        Case { name: "delete", removed: none(), edits: edit(Level::Item, key, Action::Remove, 1) },
        Case { name: "set", removed: none(), edits: edit(Level::Item, "deployment", set(), 1) },
        Case { name: "rename", removed: none(), edits: edit(Level::Item, key, Action::Rename(b"id"[..].into()), 1) },
        Case { name: "set-resource", removed: none(), edits: edit(Level::Resource, "deployment", set(), 1) },
        Case { name: "split-resource", removed: none(), edits: edit(Level::Resource, "deployment", set(), 2) },
    ]
}
